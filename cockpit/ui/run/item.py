"""One item whole: prompt, completion, gold answer, verdict and rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cockpit.ui.pages.page import Page
from cockpit.ui.run.answers import item_lines
from cockpit.ui.text.lines import Line

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit


class ItemScreen(Page):
    """One item whole."""

    heading = "One item"

    def __init__(self, cockpit: Cockpit, row: Mapping[str, Any]) -> None:
        super().__init__(cockpit)
        self.row = row

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        return [[item] for item in item_lines(self.row, width=width, glyphs=self.cockpit.glyphs)]
