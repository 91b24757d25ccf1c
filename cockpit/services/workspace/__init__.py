"""A workspace as values, and what is kept in it: settings, the method log, caches, slices.

May import: `services.dataset`, `services.runs`, `services.system`.
Start reading at `open.py` and `workspace.py`; `view.py` is one experiment as a value.
"""
