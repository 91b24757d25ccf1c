"""One run: series, answers, rollouts, checkpoints, log, recipe.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.dashboard`'s views.
Start reading at `screen.py`.
"""
