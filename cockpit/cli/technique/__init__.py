"""`advise`, `literature`: choose a technique, and find papers about it.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`.
Start reading at `advise.py`.
"""
