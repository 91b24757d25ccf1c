"""How answers are printed: JSON as data, everything else as plain text that can't act on the terminal."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cockpit.contract.atomic import finite
from cockpit.core.safe_text import clean, escape_json
from cockpit.data.reading.watched import watched

_LINE_EVERY_S = 10.0
PUBLISHED = {"fix": "mend", "message": "says", "description": "says"}
"""Fields whose name in the code is younger than the one that `--json` has had from the start."""


def print_json(value: object) -> None:
    """One JSON value, indented; dataclasses become objects, paths become strings, non-finite numbers null."""
    safe = finite(plain(value))
    text = json.dumps(safe, indent=2, ensure_ascii=False, allow_nan=False)
    if not text.isascii():
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:  # half of a surrogate pair in the data, or a terminal that isn't UTF-8
            text = json.dumps(safe, indent=2, allow_nan=False)
    print(escape_json(text))


def plain(value: object) -> Any:
    """`value` as dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields: Any = dataclasses.fields(value)
        return {PUBLISHED.get(f.name, f.name): plain(getattr(value, f.name)) for f in fields}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value) if isinstance(value, Path) else value


def say(text: str = "") -> None:
    """A line for a person."""
    print(clean(text), flush=True)


def warn(text: str) -> None:
    """A line for a person, beside the answer."""
    print(clean(text), file=sys.stderr, flush=True)


@contextmanager
def reading_shown() -> Generator[None]:
    """Show how far the reading of large files is: on one line of a terminal, else in a line every few seconds."""
    alive, shown, due = sys.stderr.isatty(), False, 0.0

    def tell(read: str) -> None:
        nonlocal shown, due
        said = clean(read)
        if alive:
            print(f"\r{said}\x1b[K", end="", file=sys.stderr, flush=True)
        elif time.monotonic() >= due:
            print(said, file=sys.stderr, flush=True)
            due = time.monotonic() + _LINE_EVERY_S
        shown = True

    try:
        with watched(tell):
            yield
    finally:
        if shown and alive:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns padded to fit, without lines: what `awk` and eyes both like. `right` aligns those to the right."""
    from rich.cells import cell_len

    cells = [list(headers), *([clean(cell, newlines="show") for cell in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(headers))]
    lines: list[str] = []
    for row in cells:
        padded: list[str] = []
        for i, cell in enumerate(row):
            gap = " " * (widths[i] - cell_len(cell))
            padded.append(gap + cell if i in right else cell + gap)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def size_text(size: int) -> str:
    """A number of bytes in three digits: `12.3 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
