"""What rules over one run measure series by, and how they say what to set in this very run.

May import: `core.runs`, `core.stats`.
Start reading at `series.py`.
"""
