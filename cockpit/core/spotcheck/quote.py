"""Excerpts with the difference marked: what a mismatch quotes from each side, and where it finds it."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.core.spotcheck.types import Item, ItemFacts, Quote, Sides, Span, Target

WIDTH = 240
"""Characters of an excerpt."""


def excerpt(where: str, text: str, span: Span | None, *, width: int = WIDTH) -> Quote:
    """`text` cut to about `width` characters around `span`, which is marked; its end where there is no span."""
    if span is None:
        span, marked = (len(text), len(text)), False
    else:
        marked = True
    begin, end = span
    if len(text) <= width:
        return Quote(where, text, ((begin, end),) if marked else ())
    room = max(0, width - (end - begin))
    start = max(0, min(begin - room // 2, len(text) - width))
    stop = min(len(text), max(start + width, begin + 1))
    head, tail = ("…" if start else ""), ("…" if stop < len(text) else "")
    shift = len(head) - start
    marks = ((begin + shift, min(end, stop) + shift),) if marked else ()
    return Quote(where, head + text[start:stop] + tail, marks)


def of_target(row: Target, span: Span | None = None) -> Quote:
    """An excerpt of what row trains the model to say."""
    return excerpt(f"training row {row.row}, the target", row.text or row.raw or "", span)


def of_prompt(side: Target | Item, span: Span | None = None) -> Quote:
    """An excerpt of what is asked."""
    name = f"eval item {side.id}" if isinstance(side, Item) else f"training row {side.row}"
    return excerpt(f"{name}, the prompt", side.prompt, span)


def of_asked(items: Sequence[Item], otherwise: str = "the eval prompts") -> Quote:
    """Quote the first item's prompt; an empty quote called `otherwise` where there is no item."""
    return of_prompt(items[0]) if items else Quote(otherwise, "")


def of_verifier(spec: str, wanted: str, example: str) -> Quote:
    """What the verifier wants, with an answer written so."""
    return Quote(f"the verifier {spec} wants {wanted}", example, ((0, len(example)),))


def row_of(sides: Sides, number: int) -> Target | None:
    """Find the training row of this number."""
    return next((row for row in sides.train if row.row == number), None)


def item_of(sides: Sides, fact: ItemFacts) -> Item | None:
    """Find the eval item that these facts are about."""
    return next((item for item in sides.items if item.row == fact.row), None)
