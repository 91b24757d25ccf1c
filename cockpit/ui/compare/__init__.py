"""Two to six experiments side by side on the screen.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.messages`, `ui.actions`, `ui.app_protocol`; `core`, `contract`.
Start reading at `screen.py`.
"""
