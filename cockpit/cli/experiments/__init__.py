"""`demo`, `commit`, `discard`, `note`, `unseal`: run the demo, record decisions, open the sealed set.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`; `cli.tree.look`, and `ui.app` for `demo`.
Start reading at `decide.py`.
"""
