"""The spot check's screen: training examples beside eval prompts, what differs, and how to fix it.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.backend`, `ui.messages`, `ui.actions`, `ui.app_protocol`;
`services.spotcheck`, `core`, `contract`.
Start reading at `screen.py`.
"""
