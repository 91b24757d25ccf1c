"""`advise`, `literature`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `advise.py`.
"""
