"""The answer of `trainers.spotcheck.render` as the values that the rules and the screens know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.core.spotcheck.spot import CUT, TRAINED, Look
from cockpit.core.spotcheck.types import Context, Folded, ItemFacts, NewTokens, Rendered, RowFacts, Served


def rendered_of(answer: Mapping[str, Any]) -> Rendered:
    """What is said of all tokenized rows and items."""
    served, folded = answer.get("served"), answer.get("folded")
    return Rendered(
        rows=tuple(_row(row) for row in answer["rows"]),
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
        served=Served(**served) if served else None,
        folded=Folded(**folded) if folded else None,
        untemplated=int(answer.get("untemplated", 0)),
        new_tokens=NewTokens(**new) if (new := answer.get("new_tokens")) else None,
        stop_trained=answer.get("stop_trained"),
        roles={role: (counts[0], counts[1]) for role, counts in answer.get("roles", {}).items()},
    )


def _row(row: Mapping[str, Any]) -> RowFacts:
    facts: dict[str, Any] = {**row, "unsaid": tuple(row.get("unsaid", ()))}
    return RowFacts(**facts)


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
