"""Rules over one run's record, while it trains and afterwards: pure functions from a `Run` to findings.

May import: `core.rules.table`, `core.rules.measures`, `core.runs`, core's root, `cockpit.contract`.
Start reading at `judge.py`, which lists the files; each holds one subject and names its rules in `RULES` at its end.
"""
