"""`inspect`, `overlap`: look at data files before anything is trained on them.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`.
Start reading at `inspect.py`.
"""
