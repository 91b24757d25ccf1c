"""The line that an answer is typed into: tab completes a path, or brings in what enter would take."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.binding import Binding
from textual.suggester import Suggester
from textual.widgets import Input

from cockpit.services.wizard import paths


class Completion(Suggester):
    """Offers how a path goes on; looked up in a thread, as a folder may be slow."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.on = False

    async def get_suggestion(self, value: str) -> str | None:
        """Return the path as far as it is clear, or None."""
        return await asyncio.to_thread(paths.completed, value) if self.on else None


class AnswerLine(Input):
    """An input with a tab key of its own where there is something to complete or to edit."""

    BINDINGS: ClassVar = [Binding("tab", "complete", "complete", show=False, id="wizard.complete")]

    offered = ""
    """What enter takes while the line is empty."""

    @property
    def completes(self) -> bool:
        """Whether a path is wanted."""
        return isinstance(self.suggester, Completion) and self.suggester.on

    @completes.setter
    def completes(self, on: bool) -> None:
        if isinstance(self.suggester, Completion):
            self.suggester.on = on

    async def action_complete(self) -> None:
        """Take the offered answer into an empty line; let a path go on as far as it is clear; else leave the line."""
        found = self.offered if not self.value else None
        if found is None and self.completes:
            found = await asyncio.to_thread(paths.completed, self.value)
        if found:
            self.value = found
            self.cursor_position = len(found)
        elif not self.completes and not self.offered:
            self.screen.focus_next()
