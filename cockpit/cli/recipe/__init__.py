"""`new`, `settings`, `fit`, `sweep`: draft an experiment, list what it takes, ask whether it fits, vary a setting.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`, `cli.tree.look`.
Start reading at `new.py`.
"""
