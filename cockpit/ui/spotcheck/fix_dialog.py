"""How to fix a mismatch: the data realigned, with a preview of the diff, or the eval prompt changed for a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Input

from cockpit.core.safe_text import clean, clip
from cockpit.ui.pages.dialog import WIDTH, Choice, Dialog
from cockpit.ui.text.glyphs import Glyphs

if TYPE_CHECKING:
    from cockpit.ui.messages import FixPreviewed

DIFF_LINES = 5
"""Lines of the preview's diff: the dialog has to fit 24 rows."""


class FixDialog(Dialog[tuple[str, str]]):
    """Answers ("realign" or "prompt", the reason), or None."""

    def __init__(self, glyphs: Glyphs, message: FixPreviewed) -> None:
        choices: list[Choice] = []
        if message.preview is not None:
            choices.append(
                Choice("a", "realign", "realign the data: a new file in the cache, the original stays")
            )
        if message.asks:
            choices.append(Choice("e", "prompt", "change the eval prompt, because the rules allow it"))
        choices.append(Choice("esc", "none", "leave it"))
        super().__init__(glyphs, "Mend what differs", _words(message), choices)

    def fields(self) -> Sequence[Widget]:
        return (
            Input(
                placeholder="the reason, in a line (needed for the eval prompt)", id="reason", compact=True
            ),
        )

    def answer(self, choice: str) -> None:
        reason = self.query_one("#reason", Input).value.strip()
        if choice == "none":
            self.dismiss(None)
        elif choice == "prompt" and not reason:
            self.complain("Say why the rules allow it: it goes into methodlog.md.")
            self.query_one("#reason", Input).focus()
        else:
            self.dismiss((choice, reason))


def _words(message: FixPreviewed) -> list[str]:
    words: list[str] = []
    if message.preview is not None:
        first = message.preview.changes[0]
        words.append(f"Realigned: {message.preview.sentence}. Row {first.row}:")
        words += [clip(line, WIDTH - 2) for line in first.diff[-DIFF_LINES:]]
    else:
        words.append(f"The data can't be realigned: {clean(message.problem, newlines='show')}")
    if message.asks:
        words += [f"The eval prompt would say: {clean(message.asks, newlines='show')}"]
    return [
        *words,
        "Either goes into methodlog.md and into the next experiment's recipe. Arrows choose, enter decides.",
    ]
