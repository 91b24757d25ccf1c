"""The spot check on the screen.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.backend`.
Start reading at `screen.py`.
"""
