"""One run: series, answers, rollouts, checkpoints, log, recipe.

May import: `ui.text`, `ui.widgets`, `ui.pages`.
Start reading at `screen.py`, then `tabs.py` (what each tab shows) and `read.py` (what was read from the disk).
"""
