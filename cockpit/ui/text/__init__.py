"""Styled text: lines, signs, styles, ages, numbers, how a status looks, a run's header, log lines, keys. Pure.

May import: `core`, `contract`, `services` for their types, `ui.actions` for its type; nothing else of the screens.
Start reading at `lines.py`, `status_style.py`.
"""
