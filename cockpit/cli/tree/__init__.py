"""`ls`, `status`, `show`, `logs`, `methodlog`, `compare`, `report`: look at experiments; these commands change nothing.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`.
Start reading at `look.py`.
"""
