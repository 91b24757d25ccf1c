"""What a row is: reading files, column names, messages, shapes; the one layer that trainers and judgement share.

May import: of the cockpit only `contract.errors` and `verifiers.numbers`; no training stack.
Start reading at `rows.py` for what a technique reads of a row, `shapes.py` for how a data set's shape is recognised.
"""
