"""`spot-check`, `realign`: compare training and eval examples, and repair a mismatch between them.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`.
Start reading at `spot_check.py`.
"""
