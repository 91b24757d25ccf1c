"""`inspect`, `overlap`, `verify`, `audit`: look at data and at what judges it before anything is trained.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`.
Start reading at `inspect.py`.
"""
