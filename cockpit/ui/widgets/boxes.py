"""A container whose children lie where a pure function says, and the charts that fill one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from cockpit.ui.widgets.places import Box

Places = Callable[[int, int], Mapping[str, Box]]


class BoxLayout(Layout):
    """Puts each child, by its id, where `places(width, height)` says; the others aren't shown."""

    name = "boxes"

    def __init__(self, places: Places) -> None:
        self.places = places
        self.placed: Mapping[str, Box] = {}

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        boxes = self.placed = self.places(size.width, size.height)
        return [
            WidgetPlacement(Region(*box), NULL_OFFSET, NULL_SPACING, child, order)
            for order, child in enumerate(children)
            if (box := boxes.get(child.id or "")) is not None and box.width > 0 and box.height > 0
        ]


class Boxes(Widget):
    """Lays out its children by a pure function of its size; `rearrange` asks that function again."""

    DEFAULT_CSS = "Boxes { width: 1fr; height: 1fr; }"

    def __init__(self, *children: Widget, places: Places, id: str | None = None) -> None:
        super().__init__(*children, id=id)
        self._box_layout = BoxLayout(places)

    @property
    def layout(self) -> Layout:
        return self._box_layout

    @property
    def placed(self) -> Mapping[str, Box]:
        """Where the children lie, as of the last layout."""
        return self._box_layout.placed

    def rearrange(self) -> None:
        """Lay out anew and paint what moved: what decides about the places changed.

        At once, not through `refresh(layout=True)`: whatever asks for a widget's region in between (the mouse,
        the focus) would make Textual take the new places for the old ones, and paint nothing of what moved.
        """
        self._clear_arrangement_cache()
        if self.is_attached:
            self.screen._refresh_layout()  # pyright: ignore[reportPrivateUsage]
