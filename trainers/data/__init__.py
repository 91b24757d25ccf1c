"""Training data: rows of any shape as what each technique's trainer takes, tokenized once.

May import: `trainers.attempt`, `cockpit.data`, `cockpit.contract`.
Start reading at `demonstrations.py` or `preferences.py`, then `prepared.py`.
"""
