"""What screens, widgets and commands may use of the application, as protocols: none of them imports it.

Only type checkers import this module: making protocols costs time that the first frame doesn't have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from cockpit.core.findings import Finding
from cockpit.ui.backend.protocol import Backend
from cockpit.ui.state import CockpitState
from cockpit.ui.text.glyphs import Glyphs


class Commands(Protocol):
    """What a screen may have done. Actions go by their id in the table of actions."""

    def do(self, action_id: str) -> None:
        """Carry out an action: the way of the screen in front if it has its own, else the common one."""
        ...

    def act(self, action_id: str) -> None:
        """Carry out an action the common way."""
        ...

    def clear_reading(self) -> bool:
        """Take the charts' reading line away; True if there was one."""
        ...

    def set_filter(self, words: str) -> None:
        """List only the experiments that `words` keep."""
        ...

    def compare(self, ids: Sequence[str]) -> None:
        """Open the comparison of these experiments."""
        ...

    def draft_from(self, finding: Finding) -> None:
        """Make the draft that the finding offers, and open it."""
        ...

    def call_service(
        self,
        experiment_id: str | None,
        doing: str,
        ask: Callable[[], str],
        *,
        again: Callable[[str], str] | None = None,
    ) -> None:
        """Run a service in a thread and say what came of it; `again` is the same with a reason that opens a gate."""
        ...


class Cockpit(Protocol):
    """The application as its screens know it."""

    backend: Backend
    glyphs: Glyphs
    state: CockpitState
    wizard_root: Path | None

    @property
    def commands(self) -> Commands: ...

    @property
    def size(self) -> Size: ...

    @property
    def screen(self) -> Screen[Any]: ...

    @property
    def screen_stack(self) -> list[Screen[Any]]: ...

    @property
    def focused(self) -> Widget | None: ...

    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None] | None = None) -> object: ...

    def pop_screen(self) -> object: ...

    def post_message(self, message: Message) -> bool: ...

    def select(self, experiment_id: str | None) -> None:
        """Move the selection: charts, log and findings follow unless one is pinned."""
        ...

    def follow_shown(self) -> None:
        """Tail what is on screen, and redraw."""
        ...

    def changed(self) -> None:
        """Let the panels look at what changed in the state."""
        ...

    def refresh_soon(self) -> None:
        """Have the workspace read now rather than at the next interval."""
        ...

    def say(self, title: str, fix: str = "", *, bad: bool = False) -> None:
        """Show a sentence that goes away by itself; what went wrong stays longer and says what to do."""
        ...

    @property
    def shown_theme(self) -> str:
        """The name of the theme that is drawn."""
        ...

    def use_theme(self, name: str) -> None:
        """Draw in the colours of a theme."""
        ...

    def look_at(self, place: str) -> None:
        """Leave, for screens on the runs that others made at `place`."""
        ...

    def leave(self) -> None:
        """Close the screens; runs go on."""
        ...

    def suspend_to_shell(self) -> None:
        """Give the terminal back to the shell until `fg`."""
        ...
