"""Rules across the experiments of a target: the four diagnostics, and what never counts as progress.

May import: `core.technique`, `core.smoke`, `core.overlap`, and core's root.
Start reading at `history.py` (the values), then `diagnostics.py`.
"""
