"""`new`, `fit`, `sweep`: draft an experiment, ask whether it fits in memory, vary a setting.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`, `cli.tree.look`.
Start reading at `new.py`.
"""
