"""A line view that shows a part of the state, and redraws only when that part changed and can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from cockpit.ui.state import CockpitState, Topic
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import DIM
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.revisions import on_revision
from cockpit.ui.widgets.seen import can_be_seen


class Shown(NamedTuple):
    """What a panel is to show: its lines, and where they say more than the last time its title and cursor."""

    lines: Sequence[Line]
    title: str | None = None
    cursor: str | None = None
    """The key of the line under the cursor; None leaves the cursor on its line."""


Build: TypeAlias = Callable[[CockpitState, Glyphs, int, int], Shown]
"""Makes what a panel shows of the state, in so many columns and rows."""


class Panel(LineView):
    """Names its topics, and has its lines built. Hidden or covered, it rests; shown again, it catches up."""

    def __init__(
        self,
        state: CockpitState,
        glyphs: Glyphs,
        id: str,
        topics: Sequence[Topic],
        build: Build,
        *,
        title: str = "",
        waiting: str = "",
        cursor: bool = False,
        follow: bool = False,
        focusable: bool = True,
    ) -> None:
        super().__init__(id=id, title=title, glyphs=glyphs, cursor=cursor, follow=follow, focusable=focusable)
        self.state = state
        self.topics = topics
        self.waiting = waiting
        """What stands there until the workspace was read."""
        self._build = build
        self._seen: tuple[int, int, int] | None = None
        self.builds = 0
        """How often the lines were built: tests see by it that hidden panels rest."""

    def build(self) -> Sequence[Line]:
        """The lines for the state as it is; title and cursor are set to go with them."""
        if self.state.snapshot is None:
            return [line((self.waiting, DIM))] if self.waiting else []
        shown = self._build(self.state, self.glyphs, max(1, self.size.width - 1), self.size.height)
        if shown.title is not None:
            self.title = shown.title
        if shown.cursor is not None:
            self.cursor = shown.cursor
        return shown.lines

    def on_mount(self) -> None:
        on_revision(self, self.revise)

    def revise(self) -> None:
        """Build anew if something that this panel shows changed since it was last built."""
        if not can_be_seen(self):
            return
        if self._is_behind():
            self.set_lines(self.build())

    def prepare(self) -> None:
        if self._is_behind():
            self.accept(self.build())

    def _is_behind(self) -> bool:
        """Whether what is shown is older than the state; says so once."""
        seen = (self.state.revision(self.topics), self.size.width, self.size.height)
        behind = seen != self._seen
        self._seen = seen
        self.builds += behind
        return behind

    def on_show(self) -> None:
        self.revise()

    def on_resize(self) -> None:
        self.revise()
