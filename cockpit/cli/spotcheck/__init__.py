"""`spot-check`, `realign`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `spot_check.py`.
"""
