"""What several screens are made from: a page of text, a dialog, panels, the palette, the search line, the help.

May import: `ui.text`, `ui.widgets`, `ui.backend`, `ui.state`, `ui.messages`, `ui.actions`, `ui.app_protocol`; `core`.
Start reading at `worker_screen.py` (how threads answer a screen), `page.py`, `dialog.py`.
"""
