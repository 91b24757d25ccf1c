"""What the screens are made of: lines of text that can be scrolled, panels on the state, charts, parts of forms.

May import: `ui.text`, `ui.state`, `ui.messages`, `ui.app_protocol`; `core`, `services` for their types; no page,
no screen.
Start reading at `line_view.py`, `panel.py`, `charts_pane.py`.
"""
