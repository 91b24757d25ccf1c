"""`launch`, `stop`, `resume`, `score`, `queue`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `launch.py`.
"""
