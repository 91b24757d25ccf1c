"""The spot check: read both sides, verify, ask how the model sees them, record, mend.

May import: `services.dataset`, `services.rules`, `services.system`, `services.workspace`.
Start reading at `check.py`.
"""
