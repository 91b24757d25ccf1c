"""What a spot check compares: two sides as values, and every mismatch that can be named.

May import: `core.dataset`, `cockpit.data`, `cockpit.verifiers`.
Start reading at `types.py` (what is compared and found), then `mismatch.py` (all the rules).
"""
