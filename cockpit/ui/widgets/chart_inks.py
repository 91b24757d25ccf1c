"""How the parts of a chart look: the terminal's own 16 colours, and shapes that differ without them."""

from __future__ import annotations

from rich.style import Style

# The numbers are those of core.canvas.Ink; that module needs numpy, which the first frame doesn't wait for.
_PARTS = {
    0: Style(),  # blank
    1: Style(dim=True),  # axis
    2: Style(dim=True),  # label
    3: Style(bold=True),  # title
    4: Style(dim=True),  # note
    5: Style(color="yellow"),  # level
    6: Style(color="red", bold=True),  # bad
    7: Style(color="white", dim=True),  # cursor
    8: Style(color="white", bold=True),  # point
    9: Style(color="magenta", bold=True),  # best
    10: Style(color="blue"),  # checkpoint
    11: Style(color="red", bold=True),  # alarm
}
_LINES = ("cyan", "green", "yellow", "bright_blue", "red", "white", "bright_magenta", "bright_green")
_FIRST_LINE, _FIRST_RAW = 16, 32


def style_of(ink: int) -> Style:
    """The style of one of `core.canvas.Ink`; lines beyond the eighth begin again."""
    if ink >= _FIRST_RAW:
        return _RAW[(ink - _FIRST_RAW) % len(_RAW)]
    if ink >= _FIRST_LINE:
        return _LINE[(ink - _FIRST_LINE) % len(_LINE)]
    return _PARTS.get(ink, _PARTS[0])


_LINE = tuple(Style(color=color) for color in _LINES)
_RAW = tuple(Style(color=color, dim=True) for color in _LINES)
EMPTY = Style(dim=True)
CHOSEN = Style(bold=True, reverse=True)
