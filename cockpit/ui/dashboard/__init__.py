"""The first screen: tree, charts, findings, machine, log.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.backend`, `ui.state`, `ui.messages`, `ui.actions`,
`ui.app_protocol`, `ui.findings`' view; `services` for their types, `core`, `contract`.
Start reading at `screen.py`, then `panes.py`.
"""
