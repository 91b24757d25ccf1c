"""The screen of one run: series, answers, rollouts, checkpoints, log, recipe.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.backend`, `ui.messages`, `ui.actions`, `ui.app_protocol`;
`services` and `core` for their types.
Start reading at `screen.py`, then `tabs.py` (what each tab shows) and `read.py` (what was read from the disk).
"""
