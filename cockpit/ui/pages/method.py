"""The method log on the screen: its lines folded, and those that one experiment stands on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.core.safe_text import clean
from cockpit.ui.text.lines import Line, fold, line
from cockpit.ui.text.styles import BOLD, DIM

NOTHING = "nothing decided yet: experiments, verdicts and decisions are written here"
_ITEM = re.compile(r"[-*+]\s+")
_EXPERIMENT = re.compile(r"\bexp_\d{4,}\b")
_DATE = re.compile(r"^\d{4}-\d\d-\d\d\s*·\s*")


def about(log: Sequence[str], experiment_id: str | None) -> list[str]:
    """The entries that speak of `experiment_id` or of no experiment at all, without their bullets."""
    entries = [_ITEM.sub("", entry, count=1) for entry in log if _ITEM.match(entry)]
    return [e for e in entries if experiment_id is None or experiment_id in e or not _EXPERIMENT.search(e)]


def short(entry: str) -> str:
    """An entry without its date, for one line."""
    return clean(_DATE.sub("", entry), newlines="show")


def entry_lines(entries: Sequence[str], width: int) -> list[Line]:
    """Entries folded to `width`: the date and kind stand out, what goes on is indented."""
    if not entries:
        return [line((part, DIM)) for part in fold(NOTHING, max(10, width))]
    lines: list[Line] = []
    for entry in entries:
        text = clean(entry, newlines="show")
        date = _DATE.match(text)
        parts = fold(text, max(10, width - 1))
        head = len(date.group()) if date and len(date.group()) <= len(parts[0]) else 0
        lines.append(line((parts[0][:head], DIM), parts[0][head:]))
        lines += [line("  ", part) for part in fold(" ".join(parts[1:]), max(10, width - 3)) if part]
    return lines


def document_lines(document: Sequence[str], width: int) -> list[list[Line]]:
    """The whole file, a block of lines for each line of it."""
    blocks: list[list[Line]] = []
    for source in document:
        parts = fold(clean(source, newlines="show"), max(10, width - 2))
        head = (parts[0], BOLD) if source.startswith("#") else parts[0]
        blocks.append([line(head), *(line("  ", part) for part in parts[1:])])
    return blocks
