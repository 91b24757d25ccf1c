"""The experiment tree: one line an experiment, with status, technique, score and delta."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.core.safe_text import clean
from cockpit.core.tree.experiment_filter import parse
from cockpit.ui.text import status_style
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, cell, line
from cockpit.ui.text.scores import delta_spans, score_spans, share
from cockpit.ui.text.styles import ACCENT, BOLD, DIM, PLAIN

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView


def tree_lines(
    views: Sequence[ExperimentView],
    *,
    width: int,
    glyphs: Glyphs,
    marked: Collection[str] = (),
    pinned: str | None = None,
    words: str = "",
) -> list[Line]:
    """Lines for `views` (parents before children) in `width` cells; only those that `words` (core/tree) keep.

    The last lines are kept: a cursor that moves through a thousand experiments asks for the same ones each time.
    """
    asked = (width, glyphs, frozenset(marked), pinned, words)
    last_views, last_asked, last = _LAST[0]
    if last_views is views and last_asked == asked:
        return last
    lines = _lines(views, width, glyphs, marked, pinned, words)
    _LAST[0] = (views, asked, lines)
    return lines


_LAST: list[tuple[Sequence[ExperimentView], object, list[Line]]] = [((), None, [])]


def _lines(
    views: Sequence[ExperimentView],
    width: int,
    glyphs: Glyphs,
    marked: Collection[str],
    pinned: str | None,
    words: str,
) -> list[Line]:
    listed, flat = in_listing(views, words)
    names = _names(listed, {} if flat else _branches(views, glyphs), width, glyphs)
    column = max((len(name) for name in names.values()), default=0)
    lines: list[Line] = []
    for view in listed:
        sign = glyphs.pin if view.id == pinned else glyphs.mark if view.id in marked else " "
        lines.append(_row(view, f"{names[view.id]:<{column}}", sign, width, glyphs))
    return lines


def in_listing(views: Sequence[ExperimentView], words: str) -> tuple[Sequence[ExperimentView], bool]:
    """Those that the filter words keep, and whether they stand in an order of their own, without branches.

    Words that mean nothing (somebody may be typing still) keep everything.
    """
    if not words.strip():
        return views, False
    from cockpit.services.workspace.experiment_fields import fields_of

    try:
        listing = parse(words)
    except CockpitError:
        return views, False
    return listing.apply(views, fields_of), bool(listing.order)


def listing_problem(words: str) -> str:
    """What is wrong with the filter words, in a sentence; empty where nothing is."""
    try:
        parse(words)
    except CockpitError as error:
        return str(error)
    return ""


def _row(view: ExperimentView, name: str, sign: str, width: int, glyphs: Glyphs) -> Line:
    roomy = width - len(name) >= 54
    glyph, word, style = status_style.sign_word_style(view, glyphs)
    parts: list[Span] = [
        (sign, BOLD),
        (name, BOLD if status_style.is_live(view) else PLAIN),
        (" " + cell(status_style.technique(view), 9, ellipsis=glyphs.ellipsis), PLAIN),
        (f" {glyph} ", style),
        (cell(word, 13, ellipsis=glyphs.ellipsis), style),
        (" ", PLAIN),
    ]
    parts += _result(view, roomy, glyphs)
    if view.start:
        parts.append((f"  from {view.start}", DIM))
    return line(*parts, key=view.id)


def _result(view: ExperimentView, roomy: bool, glyphs: Glyphs) -> list[Span]:
    if view.score is None:
        if view.mini_best is not None:
            return [("mini ", DIM), (share(view.mini_best), PLAIN), (f" {glyphs.best}", ACCENT)]
        return [(clean(view.hypothesis or view.note, newlines="show"), DIM)]
    spans = score_spans(view.score, wide=roomy, glyphs=glyphs)
    delta = delta_spans(view.delta, glyphs)
    if delta:
        have = sum(len(text) for text, _ in spans)
        spans.append((" " * max(1, (17 if roomy else 11) - have), PLAIN))
        spans += delta
    return spans


def _names(
    shown: Sequence[ExperimentView], branches: Mapping[str, str], width: int, glyphs: Glyphs
) -> dict[str, str]:
    """Branch and id of each, the same for all in length; of a deep branch only its end is drawn, after an ellipsis."""
    deepest = 4 if width < 100 else 10
    names: dict[str, str] = {}
    for view in shown:
        branch = branches.get(view.id, "")
        cut = branch if len(branch) <= deepest else glyphs.ellipsis + branch[1 - deepest :]
        names[view.id] = cut + view.id
    return names


def _branches(views: Sequence[ExperimentView], glyphs: Glyphs) -> dict[str, str]:
    """What stands before each name: `│├└`, from the depths alone (parents come before children)."""
    drawn: dict[str, str] = {}
    open_levels: set[int] = set()
    for view in reversed(views):
        depth = view.depth
        open_levels = {level for level in open_levels if level <= depth}
        rails = "".join(glyphs.pipe if level in open_levels else " " for level in range(1, depth))
        own = "" if depth == 0 else glyphs.branch if depth in open_levels else glyphs.last
        drawn[view.id] = rails + own
        open_levels.add(depth)
    return drawn
