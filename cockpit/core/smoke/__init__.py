"""The gate before the budget: what a smoke run's facts amount to.

May import: core's root.
Start reading at `facts.py` and `verdict.py` (the values), then `gate.py` (the judgement) and `wording.py`.
"""
