"""Training data: rows of any shape as what each technique's trainer takes.

May import: `cockpit.data`, `cockpit.contract`.
Start reading at `rows.py`, then `demonstrations.py` or `preferences.py`.
"""
