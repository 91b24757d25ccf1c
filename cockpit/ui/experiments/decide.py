"""Commit or discard a result, with the reason that goes into the method log; and a gate that a reason opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Input

from cockpit.ui.pages.dialog import Choice, Dialog
from cockpit.ui.text import status_style
from cockpit.ui.text.glyphs import Glyphs

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView


class DecideScreen(Dialog[tuple[str, str]]):
    """Answers ("committed" or "discarded", the reason), or None."""

    def __init__(self, view: ExperimentView, glyphs: Glyphs, alarms: Sequence[str] = ()) -> None:
        self.against = [*_regression(view), *(f"An alarm says: {text.rstrip('.')}." for text in alarms)]
        """What speaks against a commit: a reason that is given below it is one for committing all the same."""
        outcome = (
            view.delta.sentence if view.delta else view.note or "There is no delta: the parent has no score."
        )
        score = (
            f"Held-out score {view.score.text(3)} on {view.score.over()}."
            if view.score
            else "No held-out score."
        )
        gained = view.delta is not None and view.delta.kind == "gained" and not self.against
        choices = [
            Choice("c", "committed", "commit: it stands, and others may branch from it"),
            Choice("d", "discarded", "discard: it stays on the disk, the tree goes on elsewhere"),
        ]
        super().__init__(
            glyphs,
            f"Decide on {view.id} ({status_style.technique(view)})",
            [
                score,
                outcome,
                *self.against,
                "",
                f"Why{', all the same' if self.against else ''}? The reason goes into methodlog.md. "
                "Arrows choose, enter decides.",
            ],
            choices if gained else choices[::-1],
        )

    def fields(self) -> Sequence[Widget]:
        return (Input(placeholder="the reason, in a line", id="reason", compact=True),)

    def answer(self, choice: str) -> None:
        reason = self.query_one("#reason", Input).value.strip()
        if reason:
            self.dismiss((choice, reason))
        else:
            self.complain("A decision needs its reason: type it, then enter.")
            self.query_one("#reason", Input).focus()


def _regression(view: ExperimentView) -> list[str]:
    if view.delta is None or view.delta.kind != "lost":
        return []
    return [f"A regression: discard it, then n tries another hypothesis from {view.parent or 'exp_0000'}."]


class ReasonScreen(Dialog[str]):
    """A closed gate: go on for a reason, which is recorded, or don't. Answers the reason or None."""

    def __init__(self, glyphs: Glyphs, heading: str, lines: Sequence[str], go: str) -> None:
        choices = [Choice("enter", "go", go), Choice("esc", "none", "leave it")]
        super().__init__(glyphs, heading, [*lines, "", "The reason goes into methodlog.md."], choices)

    def fields(self) -> Sequence[Widget]:
        return (Input(placeholder="the reason, in a line", id="reason", compact=True),)

    def answer(self, choice: str) -> None:
        reason = self.query_one("#reason", Input).value.strip()
        if choice == "none":
            self.dismiss(None)
        elif reason:
            self.dismiss(reason)
        else:
            self.complain("It needs a reason: type it, then enter.")
