"""A line view that shows a part of the state, and redraws only when that part changed and can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from cockpit.ui.state import CockpitState, Topic
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import DIM
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.seen import can_be_seen

if TYPE_CHECKING:
    from cockpit.ui.app import CockpitApp

Builder: TypeAlias = "Callable[[Panel, int], Sequence[Line]]"


class Panel(LineView):
    """Names its topics, and has its lines built. Hidden or covered, it rests; shown again, it catches up.

    `view` names the function in views/panes.py that builds the lines: imported when there is something to show,
    since the first frame has no time for it.
    """

    def __init__(
        self,
        state: CockpitState,
        glyphs: Glyphs,
        view: str,
        topics: Sequence[Topic],
        *,
        id: str | None = None,
        title: str = "",
        waiting: str = "",
        cursor: bool = False,
        follow: bool = False,
        focusable: bool = True,
    ) -> None:
        super().__init__(
            id=id or view, title=title, glyphs=glyphs, cursor=cursor, follow=follow, focusable=focusable
        )
        self.state = state
        self.view = view
        self.topics = topics
        self.waiting = waiting
        self._seen: tuple[int, int, int] | None = None
        self.builds = 0
        """How often the lines were built: tests see by it that hidden panels rest."""

    def build(self, width: int) -> Sequence[Line]:
        """The lines for the state as it is, in `width` cells."""
        if self.state.picture is None:
            return [line((self.waiting, DIM))] if self.waiting else []
        from cockpit.ui.dashboard.panes import PANES

        return PANES[self.view](self, width)

    def on_mount(self) -> None:
        app = cast("CockpitApp", self.app)  # pyright: ignore[reportUnknownMemberType]
        self.watch(app, "revision", self.revise, init=False)

    def revise(self) -> None:
        """Build anew if something that this panel shows changed since it was last built."""
        if not can_be_seen(self):
            return
        if self._is_behind():
            self.set_lines(self.build(max(1, self.size.width - 1)))

    def prepare(self) -> None:
        if self._is_behind():
            self.accept(self.build(max(1, self.size.width - 1)))

    def rebuild(self) -> None:
        """Build anew though no topic was touched (a widget's own setting changed)."""
        self._seen = None
        self.revise()

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
