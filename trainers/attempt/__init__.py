"""What a trainer is given: recipe, reports, stop flag, processes, checkpoints, cache; and how a run ends.

May import: `cockpit.contract`, nothing else of trainers. No torch at import.
Start reading at `attempt.py`, then `processes.py`.
"""
