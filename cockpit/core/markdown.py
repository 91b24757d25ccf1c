"""Text within Markdown that stays text: names, notes and answers may hold anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cockpit.core.safe_text import clip

# What Markdown acts on: without a `[` there is no link, without a letter after `<` no tag; `>`, `-` and `+` mean
# something at the beginning alone, and `_` not within a word.
_MARKS = re.compile(r"[\\`*~\[|#$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])|^>|^[-+](?= )")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
CELL = 200
"""Characters of a cell that are shown."""


def shown(text: str, width: int) -> str:
    """Return at most `width` characters of `text` as one line of Markdown that shows them: no markup in it acts."""
    return _MARKS.sub(lambda match: _ENTITIES.get(match.group(), f"\\{match.group()}"), clip(text, width))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; whatever the cells hold, each row has as many as were given."""
    return [_row(heads), "|---" * len(heads) + "|", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(shown(cell, CELL) for cell in cells) + " |"
