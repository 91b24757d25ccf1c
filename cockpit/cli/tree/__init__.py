"""`ls`, `status`, `show`, `logs`, `methodlog`, `compare`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `look.py`.
"""
