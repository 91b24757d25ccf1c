"""`demo`, `commit`, `discard`, `note`: run the demo, and record decisions in the method log.

May import: `services`, `core`, `contract`, `cli.output`, `cli.place`; `cli.tree.look`, and `ui.app` for `demo`.
Start reading at `decide.py`.
"""
