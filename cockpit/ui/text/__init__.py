"""Styled text: lines, signs, styles, ages, numbers, and how a status looks. Pure.

May import: `core`, `services` for their types; nothing else of the screens.
Start reading at `lines.py`, `status_style.py`.
"""
