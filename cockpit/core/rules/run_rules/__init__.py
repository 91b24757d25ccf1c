"""Rules over one run's record, live and afterwards: pure functions from a `Run` to findings.

May import: `core.rules.measures`, `core.runs`, `core.scores`, `core.stats`, `core.findings`.
Start reading at `judge.py`, which lists the files; each holds one subject, its rules named in `RULES` at its end.
"""
