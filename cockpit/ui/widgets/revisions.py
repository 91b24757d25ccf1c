"""How widgets and screens hear that something on screen may have to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from textual.app import App
    from textual.widget import Widget


def on_revision(widget: Widget, act: Callable[[], None]) -> None:
    """Call `act` whenever the application's `revision` grows, as long as the widget is there."""
    app = cast("App[object]", widget.app)  # pyright: ignore[reportUnknownMemberType]
    widget.watch(app, "revision", act, init=False)
