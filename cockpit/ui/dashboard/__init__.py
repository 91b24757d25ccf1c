"""The first screen: tree, charts, findings, machine, log.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.findings`' view.
Start reading at `screen.py`, then `panes.py`.
"""
