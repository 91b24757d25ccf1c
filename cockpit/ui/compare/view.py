"""The words of a comparison: scores, the settings that differ, the items won and lost with both answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.core.dataset.chat_templates import asked
from cockpit.core.safe_text import clean, clip
from cockpit.core.tree.comparing import HELD_OUT_CAUTION
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, cell, fold, line
from cockpit.ui.text.scores import delta_spans, score_spans
from cockpit.ui.text.styles import ACCENT, BAD, BOLD, DIM, GOOD, HEAD, WARN

if TYPE_CHECKING:
    from cockpit.core.tree.comparing import Comparison, Pair, Side

ITEMS = 40
"""Items won and lost that are shown for a pair; the command line gives all."""
TAGS = "abcdef"


def blocks(whole: Comparison, *, width: int, glyphs: Glyphs) -> list[list[Line]]:
    """Everything below the chart, by what belongs together."""
    made = [scores(whole, width, glyphs), settings(whole, width)]
    by_id = {side.id: side for side in whole.sides}
    for pair in whole.pairs:
        made += items(pair, by_id, width, glyphs)
    if any(pair.won or pair.lost for pair in whole.pairs):
        made.append([line((part, WARN)) for part in fold(HELD_OUT_CAUTION, width)])
    return made


def scores(whole: Comparison, width: int, glyphs: Glyphs) -> list[Line]:
    """A line an experiment: its tag on the chart, its score with the interval, and what it is against the first."""
    against = {pair.other: pair for pair in whole.pairs}
    lines: list[Line] = []
    for tag, side in zip(TAGS, whole.sides, strict=False):
        pair = against.get(side.id)
        delta = [("the reference", DIM)] if pair is None else delta_spans(pair.delta, glyphs)
        lines.append(
            line((f"{tag} ", ACCENT), cell(side.id, 10), cell(clip(side.technique, 12), 13),
                 *score_spans(side.score, wide=True, glyphs=glyphs), "  ", *delta)
        )  # fmt: skip
        if pair is not None and pair.delta is not None:
            lines += [
                line(("    ", DIM), (part, DIM)) for part in fold(pair.delta.sentence, max(20, width - 5))
            ]
        if pair is not None and pair.passes is not None:
            lines += [
                line(("    ", DIM), (part, DIM)) for part in fold(pair.passes.sentence(), max(20, width - 5))
            ]
    return [*lines, line()]


def settings(whole: Comparison, width: int) -> list[Line]:
    """Only what differs, a column an experiment."""
    if not whole.settings:
        return [line(("No setting differs.", DIM)), line()]
    name_width = min(max(len(name) for name in whole.settings), max(12, width // 3))
    each = max(8, (width - name_width - 2) // len(whole.sides) - 1)
    lines = [line(("Settings that differ", HEAD))]
    lines.append(line(cell("", name_width + 2), *_cells([side.id for side in whole.sides], each, bold=True)))
    for name, values in whole.settings.items():
        lines.append(line(cell(clip(name, name_width), name_width + 2), *_cells(values, each)))
    return [*lines, line()]


def _cells(values: Sequence[str], width: int, *, bold: bool = False) -> list[Span]:
    return [(_fitted(value, width - 1).ljust(width) + " ", BOLD if bold else DIM) for value in values]


def _fitted(value: str, width: int) -> str:
    """Cut to `width`; a path keeps its end, which is where two of them differ."""
    if "/" in value and len(value) > width:
        return "…" + clean(value)[-(width - 1) :]
    return clip(value, width)


def items(pair: Pair, by_id: dict[str, Side], width: int, glyphs: Glyphs) -> list[list[Line]]:
    """The items that the other won against the first and those that it lost, both answers below the prompt."""
    first, other = by_id[pair.first], by_id[pair.other]
    made: list[list[Line]] = []
    for names, word, style in ((pair.won, "won", GOOD), (pair.lost, "lost", BAD)):
        if not names:
            continue
        more = f", the first {ITEMS}" if len(names) > ITEMS else ""
        count = f"{len(names)} item{'s' * (len(names) != 1)}"
        made.append([line((f"{pair.other} {word} {count} against {pair.first}{more}", HEAD))])
        for name in names[:ITEMS]:
            a, b = first.answers[name], other.answers[name]
            made.append(
                [
                    line((f"{glyphs.check if word == 'won' else glyphs.cross} ", style), (clip(name, 20), BOLD), "  ",
                         clip(asked(b.prompt), max(10, width - 44)), ("  gold ", DIM), clip(b.gold, 14),
                         key=f"item:{name}"),
                    *_answer(first.id, a.completion, a.why, width),
                    *_answer(other.id, b.completion, b.why, width),
                ]
            )  # fmt: skip
    return made


def _answer(id_: str, said: str, why: str, width: int) -> list[Line]:
    room = max(16, width - 14)
    shown = clip(clean(said, newlines="show"), room * 2 // 3) or "(nothing)"
    return [line((f"    {id_:<9} ", DIM), shown, ("  " + clip(why, max(8, room - len(shown) - 2)), DIM))]
