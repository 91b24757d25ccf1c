"""Shared by the rules over one run: measures of a series, and advice on what to set in this very run.

May import: `core.runs`, `core.stats`.
Start reading at `series.py`.
"""
