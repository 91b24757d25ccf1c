"""The tail of a run's log, and what stands there while there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

from cockpit.core.safe_text import clean
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import BAD, DIM, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.services.workspace.workspace import ExperimentView

_BAD = ("error", "traceback", "exception", "fatal", "out of memory", "oom")
_WARN = ("warning", "warn:", "deprecat")
LONGEST = 4000
"""Characters of a log line that are kept for the screen."""


def log_lines(view: ExperimentView | None, run: LiveRun | None) -> Sequence[Line]:
    """The newest log lines, all that are kept, bad news marked by style."""
    if view is None:
        return []
    if run is None or not (run.log or run.log_partial):
        return [line((_why_empty(view), DIM))]
    return LogLines([*run.log, *([run.log_partial] if run.log_partial else [])])


def log_line(text: str) -> Line:
    """One line of a log, made harmless; a progress bar's carriage returns show the last state alone."""
    shown = text[:LONGEST].rstrip("\r\n").rpartition("\r")[2]
    return line((clean(shown, newlines="show"), tone(shown)))


def tone(text: str):
    """Plain, or marked where the words say error or warning; the words themselves stay the message."""
    low = text.lower()
    if any(word in low for word in _BAD):
        return BAD
    return WARN if any(word in low for word in _WARN) else PLAIN


class LogLines(Sequence[Line]):
    """A whole log as lines that are made when they are looked at: a log of megabytes costs what is in sight."""

    def __init__(self, texts: Sequence[str], dress: Callable[[str], Line] = log_line) -> None:
        self.texts = texts
        self.dress = dress

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, slice):
            return [self.dress(text) for text in self.texts[index]]
        return self.dress(self.texts[index])


def search(lines: Sequence[str], words: str) -> list[int]:
    """The indexes of the lines that hold `words`, in any case."""
    needle = words.lower()
    return [index for index, text in enumerate(lines) if needle in text.lower()] if needle else []


def _why_empty(view: ExperimentView) -> str:
    if view.attempt_dir is None:
        return "not launched yet: l starts its run"
    return "nothing in its log yet" if view.status == "running" else "its log is empty"
