"""An experiment's life: set up, draft, gate, launch, score, decide, sweep, queue; each leaves its line in the log.

May import: `services.recipe`, `services.spotcheck` and what those may see.
Start reading at `lifecycle.py`; `catch_up.py` writes what happened while nobody looked.
"""
