"""Tell whether a widget can be seen; one that can't isn't updated."""

from __future__ import annotations

from typing import Any

from textual.screen import ModalScreen, Screen
from textual.widget import Widget


def can_be_seen(widget: Widget) -> bool:
    """Whether the widget has a place on a screen that is in front, or behind dialogs alone.

    Textual's own `is_current` says yes to the screen below a full one as well.
    """
    if not widget.is_mounted or not widget.display or not widget.size.area:
        return False
    screen = widget.screen
    for above in reversed(widget.app.screen_stack):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if above is screen:
            return widget.is_on_screen
        if not isinstance(above, ModalScreen):
            return False
    return False


def is_open(screen: Screen[Any]) -> bool:
    """Whether a screen is among those of the app: one that was closed lives on for a moment, without its widgets."""
    return screen.is_mounted and screen.is_attached and screen in screen.app.screen_stack  # pyright: ignore[reportUnknownMemberType]
