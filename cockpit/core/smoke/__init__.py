"""The gate before the budget: judges whether a smoke run proved the whole pipeline.

May import: core's root, `cockpit.contract`.
Start reading at `facts.py` and `verdict.py` (the values), then `gate.py` (the judgement) and `wording.py`.
"""
