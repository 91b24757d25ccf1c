"""The answer of `trainers.spotcheck.render` as the values that the rules and the screens know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.core.spotcheck.spot import CUT, TRAINED, Look
from cockpit.core.spotcheck.types import Context, ItemFacts, Rendered, RowFacts


def rendered_of(answer: Mapping[str, Any]) -> Rendered:
    """What is said of all tokenized rows and items."""
    served = answer.get("served")
    return Rendered(
        rows=tuple(RowFacts(**row) for row in answer["rows"]),
        items=tuple(ItemFacts(**item) for item in answer["items"]),
        contexts=tuple(Context(**context) for context in answer["contexts"]),
        bos=answer["bos"],
        adds_bos=bool(answer["adds_bos"]),
        ends=tuple(answer["ends"]),
        max_length=answer["max_length"],
        max_positions=answer["max_positions"],
        trims=bool(answer["trims"]),
        has_template=bool(answer["has_template"]),
        systems=dict(answer["systems"]),
        refused=tuple((int(row["row"]), str(row["why"])) for row in answer["refused"]),
        refusals=int(answer["refusals"]),
        said=tuple(str(sentence) for sentence in answer.get("said", ())),
        served=Context(**served) if served else None,
    )


def look_of(shown: Mapping[str, Any] | None, rendered: Rendered | None) -> Look | None:
    """One example in full; None where it wasn't rendered (yet)."""
    if shown is None:
        return None
    pieces = tuple((str(text), int(flags)) for text, flags in shown["pieces"])
    bos = rendered.bos if rendered else None
    begin = "".join(text for text, _ in pieces[:4])
    count = 0
    while bos and begin.startswith(bos, count * len(bos)):
        count += 1
    ends = None
    if "cut_at" in shown and rendered is not None:
        trained = [text for text, flags in pieces if flags & TRAINED and not flags & CUT]
        ends = any(text in rendered.ends for text in trained)
    return Look(
        pieces,
        int(shown["tokens"]),
        int(shown.get("trained", 0)),
        count,
        ends,
        shown.get("cut_at"),
        str(shown.get("refused") or ""),
    )
