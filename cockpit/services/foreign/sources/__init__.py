"""One reader for each form that others write their runs in; each is a `ForeignRun` (../record.py).

May import: `cockpit.contract`, `cockpit.data`, `foreign/record.py`; a reader knows no other, but for `hf.py`, whose
folder holds event files or a log as well.
Start reading at `hf.py` as the pattern; `tail.py` and `wire.py` are what binary files need.
"""
