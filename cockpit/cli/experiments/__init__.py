"""`demo`, and the decisions: `commit`, `discard`, `note`.

May import: `services`, `cli.output`, `cli.place`.
Start reading at `decide.py`.
"""
