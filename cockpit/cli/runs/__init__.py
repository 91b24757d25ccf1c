"""`launch`, `stop`, `resume`, `score`, `queue`: start and stop runs, which go on when the command ends.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`, `cli.tree.look`.
Start reading at `launch.py`.
"""
