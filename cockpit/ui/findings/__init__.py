"""Findings on the screen: evidence, next step, and what can be done.

May import: `ui.text`, `ui.widgets`, `ui.pages`, `ui.messages`; `core`.
Start reading at `screen.py`.
"""
