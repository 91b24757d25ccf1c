"""Train x held-out overlap: exact, near and by meaning; in bounded memory.

May import: `cockpit.data` and core's root.
Start reading at `scan.py`, which finds candidates; `match.py` judges a pair, `summary.py` says what it amounts to.
"""
