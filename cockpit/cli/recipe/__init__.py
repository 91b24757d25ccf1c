"""`new`, `fit`, `sweep`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `new.py`.
"""
