"""What each tab of the run screen shows, and what it has to read for that. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cockpit.ui.run import answers, texts
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import line
from cockpit.ui.text.log_lines import search
from cockpit.ui.text.styles import DIM, WARN
from cockpit.ui.widgets.panel import Shown

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.ui.backend.summary import SampleFile
    from cockpit.ui.run.read import RunFiles

TABS = (
    ("charts", "Charts"),
    ("answers", "Mid-evals"),
    ("rollouts", "Rollouts"),
    ("checkpoints", "Checkpoints"),
    ("held_out", "Held-out"),
    ("log", "Log"),
    ("recipe", "Recipe"),
)
LISTS = ("answers", "rollouts", "held_out")
"""The tabs with an index and what stands behind its lines; the others but the charts are one text."""
LOOK_ONLY = "look, but never make training data from these: that is leakage"
_NEEDS = {
    "answers": ("files",),
    "rollouts": ("files",),
    "held_out": ("files",),
    "log": ("log",),
    "recipe": ("recipe",),
}
_SPLITS = {"answers": "eval", "rollouts": "train", "held_out": "held_out"}
_NO_INDEX = {
    "answers": "no mini-eval yet",
    "rollouts": "the trainer kept no samples of its training",
    "held_out": "no full held-out pass was made; e makes one when the run has ended",
}


def needs(tab: str) -> Sequence[str]:
    """What the reader is asked for when the tab comes up."""
    return _NEEDS.get(tab, ())


def news(tab: str, run: LiveRun | None, now: float) -> object:
    """What the tab's files were read at; when it changes, they are read anew. None: nothing to read."""
    if run is None or not _NEEDS.get(tab):
        return None
    if tab == "log":
        return run.log_count
    return (len(run.mid_evals), len(run.checkpoints), run.stage, int(now // 5))


def focus(tab: str) -> str:
    """The widget that has the focus when the tab comes up."""
    return "charts" if tab == "charts" else "index" if tab in LISTS else "text"


def index(tab: str, run: LiveRun | None, read: RunFiles, glyphs: Glyphs) -> Shown:
    """The left one of two lists: checkpoints, steps, or slices of the held-out items."""
    if tab == "answers":
        lines, title = answers.mid_eval_index(run, read.samples, glyphs), "Mini-evals by checkpoint"
    elif tab == "rollouts":
        lines, title = answers.rollout_index(read.samples), "Training samples by step"
    else:
        rows = read.rows if read.rows_of == "held_out" else ()
        lines, title = answers.held_out_index(rows, glyphs), "Held-out items"
    return Shown(lines or [line((_NO_INDEX[tab], DIM))], title)


def rows_wanted(tab: str, chosen: str, read: RunFiles) -> tuple[str, SampleFile] | None:
    """The file whose rows the tab needs for the `chosen` line of its index, and its name; None: all is there."""
    split, _, which = chosen.partition(":")
    if tab == "held_out":
        what, step = "held_out", None
    elif which and split == _SPLITS.get(tab):
        what, step = chosen, int(which)
    else:
        return None
    file = next((f for f in read.samples if f.split == _SPLITS[tab] and f.step == step), None)
    return (what, file) if file is not None and read.rows_of != what else None


def detail(tab: str, chosen: str, read: RunFiles, width: int, glyphs: Glyphs) -> Shown:
    """The right one of two lists: the answers behind the `chosen` line of the index."""
    split, _, which = chosen.partition(":")
    if not which or split != _SPLITS[tab]:
        return Shown([], "Answers")
    if read.rows_of != ("held_out" if tab == "held_out" else chosen):
        return Shown([line(("reading …", DIM))], "Answers")
    if tab == "rollouts":
        lines = answers.rollout_lines(read.rows, width=width, glyphs=glyphs)
        return Shown(lines, f"Step {which}: {len(read.rows)} samples")
    rows = _rows(tab, which, read)
    lines = answers.answer_lines(rows, width=width, glyphs=glyphs)
    if tab == "held_out":
        lines = [line((LOOK_ONLY, WARN)), *lines]
    where = f"Step {which}: " if tab == "answers" else ""
    return Shown(lines, f"{where}{answers.shares(rows) or 'nothing'}")


def item(tab: str, chosen: str, row: str | None, read: RunFiles) -> Mapping[str, Any] | None:
    """The item behind the line `row` of the right list."""
    rows = _rows(tab, chosen.partition(":")[2], read)
    return rows[int(row)] if row is not None and row.isdigit() and int(row) < len(rows) else None


def _rows(tab: str, which: str, read: RunFiles) -> Sequence[Mapping[str, Any]]:
    return answers.in_slice(read.rows, which) if tab == "held_out" else read.rows


def text(
    tab: str, run: LiveRun | None, read: RunFiles, words: str, *, width: int, now: float, glyphs: Glyphs
) -> Shown:
    """A tab that is one text; in the log the places that hold `words` are marked."""
    if tab == "checkpoints":
        return Shown(texts.checkpoint_lines(run, glyphs, now), "Checkpoints")
    if tab == "recipe":
        return Shown(texts.recipe_lines(read.recipe, width), "Recipe")
    found = len(search(read.log, words))
    note = f", {found} lines hold “{words}”; n and N go between them" if words else ""
    lines = texts.full_log_lines(read.log, words)
    return Shown(lines or [line(("its log is empty", DIM))], f"Log, {len(read.log)} lines{note}")


def match_row(log: Sequence[str], words: str, top: int, step: int) -> int | None:
    """The line to scroll to from `top`: the next one that holds `words` (1), the one before (-1), or this one (0)."""
    found = search(log, words)
    if not found:
        return None
    if step < 0:
        return max((at for at in found if at < top), default=found[0])
    return next((at for at in found if at >= top + (step > 0)), found[-1])
