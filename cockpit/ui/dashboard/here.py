"""What is in a folder without a workspace, as lines: runs to open, data files, models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.core.safe_text import clean
from cockpit.ui.text.ages import age
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, cell, line
from cockpit.ui.text.styles import BOLD, DIM, LIVE, PLAIN

if TYPE_CHECKING:
    from cockpit.services.foreign.here import Here, SeenRun

LIVE_S = 120.0
"""A run that wrote something so lately is taken for one that goes on."""
_OFFERS = 6
"""Lines that what can be done takes below."""


def lines(seen: Here | None, now: float, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Runs, data and models, as many as there is room for; empty where nothing was found."""
    if seen is None or not (seen.runs or seen.data or seen.models):
        return []
    rest = 2 * bool(seen.data) + 2 * bool(seen.models) + _OFFERS
    room = max(3, height - rest - 3)
    made: list[Line] = []
    if seen.runs:
        more = _more(len(seen.runs), room)
        told = "enter watches one" if len(seen.runs) > 1 else "enter watches it"
        made.append(line((f"Runs that others made: {len(seen.runs)}{'' if seen.whole else ' or more'}", BOLD),
                         (f"   {told}, read only", DIM)))  # fmt: skip
        made += [_run(run, now, width, glyphs) for run in seen.runs[:room]]
        made += [line((more, DIM))] if more else []
        room = max(2, room - len(seen.runs))
    if seen.data:
        made.append(
            line((f"Data files: {len(seen.data)}", BOLD), ("   W begins with one; cockpit inspect FILE", DIM))
        )
        for name, shape in seen.data[:room]:
            made.append(line("  ", cell(_clean(name), 26, ellipsis=glyphs.ellipsis), "  ", (shape, DIM)))
        made += [line((more, DIM))] if (more := _more(len(seen.data), room)) else []
        room = max(2, room - len(seen.data))
    if seen.models:
        made.append(line((f"Models: {len(seen.models)}", BOLD)))
        made += [line("  ", _clean(name)) for name in seen.models[:room]]
        made += [line((more, DIM))] if (more := _more(len(seen.models), room)) else []
    return [*made, line()]


def _run(run: SeenRun, now: float, width: int, glyphs: Glyphs) -> Line:
    since = max(0.0, now - run.written)
    live = since < LIVE_S
    told = "live" if live else age(since) if run.written else ""
    room = max(10, min(48, width - 34))
    return line(
        (f"  {glyphs.running if live else ' '} ", LIVE if live else PLAIN),
        cell(_clean(run.name), room, ellipsis=glyphs.ellipsis), "  ", (cell(run.kind, 13), DIM), "  ",
        (told, LIVE if live else DIM), key=run.place,
    )  # fmt: skip


def _more(count: int, room: int) -> str:
    return f"    and {count - room} more" if count > room else ""


def _clean(text: str) -> str:
    return clean(text, newlines="show")
