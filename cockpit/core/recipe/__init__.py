"""What a recipe's settings are worth: defaults with reasons, limits, sweeps, memory and pace.

May import: `cockpit.contract`; no other package of core.
Start reading at `settings.py` (each setting, its range and source), then `recipes.py`.
"""
