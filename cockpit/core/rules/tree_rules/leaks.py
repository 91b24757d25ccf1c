"""Leaks: what it means that held-out items stand in the training data, as they are, renamed, or in other words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cockpit.core.findings import Finding
from cockpit.core.overlap.match import BLOCKING, KINDS, Kind, Match
from cockpit.core.overlap.paraphrase import Paraphrases, Twin
from cockpit.core.overlap.summary import Overlap
from cockpit.core.rules.table import found, limit
from cockpit.core.safe_text import clip

SAME_MAKER = limit("eval-in-synthetic", "templates")
MANY = limit("eval-in-synthetic", "many")
SHOWN = 3


def of_overlap(
    overlap: Overlap, train: str, experiments: Sequence[str] = (), *, items: str = "held-out"
) -> list[Finding]:
    """Say what an overlap means: a leak blocks a commit, renamed items warn, shared phrases alone say nothing.

    `items` is the word for what was compared: held-out items, mini-eval items.
    """
    said: list[Finding] = []
    grave = overlap.gravest()
    leaks = [match for match in grave.values() if match.kind in BLOCKING]
    if leaks:
        kinds = Counter(match.kind for match in leaks)
        told = ", ".join(f"{kinds[kind]} {_KIND_WORDS[kind]}" for kind in KINDS if kinds[kind])
        said.append(
            found(
                "eval-in-train",
                "block",
                f"{len(leaks)} of {overlap.items:,} {items} items are in the training data ({told})",
                side_by_side(leaks),
                f"Take these rows out of {train} and train again: a score on items that were trained on says nothing.",
                tuple(experiments),
            )
        )
    twins = [match for match in grave.values() if match.kind == "renamed"]
    renamed = [match for match in twins if match.held_out_part == "question"]
    if renamed:
        said.append(_renamed(overlap, renamed, train, experiments, items))
    replies = [match for match in twins if match.held_out_part == "answer"]
    if replies:
        said.append(_replies(overlap, replies, train, experiments, items))
    return said


_KIND_WORDS: dict[Kind, str] = {
    "exact": "word for word",
    "contained": "inside a longer text",
    "near": "but for a few words",
    "renamed": "renamed",
    "ngram": "by a phrase",
}


def _replies(
    overlap: Overlap, replies: Sequence[Match], train: str, experiments: Sequence[str], items: str
) -> Finding:
    return found(
        "eval-in-synthetic",
        "info",
        f"the answers of {len(replies)} of {overlap.items:,} {items} items stand in the training data under other "
        "questions",
        side_by_side(replies),
        "Labels, canned replies and short queries do. If these are worked solutions of the very items, take them out "
        f"of {train}.",
        tuple(experiments),
    )


def _renamed(
    overlap: Overlap, renamed: Sequence[Match], train: str, experiments: Sequence[str], items: str
) -> Finding:
    share = len(renamed) / max(1, overlap.items)
    if share >= SAME_MAKER:
        headline = (
            f"{share:.0%} of the {items} items have twins in the training data with other names or numbers: both "
            "come from the same templates"
        )
        next_step = (
            "If one generator made both, the score measures its templates and nothing beyond: hold out whole "
            "templates. If not, the training data was made from the held-out set: make it anew without it."
        )
    else:
        headline = (
            f"{len(renamed)} of {overlap.items:,} {items} items have a twin in the training data with other names or "
            "numbers"
        )
        next_step = (
            f"Look at them side by side (`cockpit overlap {train} HELD_OUT`): take the twins out, or say in the "
            "method log where they come from."
        )
    return found(
        "eval-in-synthetic",
        "warn" if share >= MANY else "info",
        headline,
        (
            *side_by_side(renamed),
            f"compared word by word; `cockpit overlap {train} HELD_OUT --paraphrases` goes by meaning",
        ),
        next_step,
        tuple(experiments),
    )


def side_by_side(matches: Sequence[Match], most: int = SHOWN) -> tuple[str, ...]:
    """The most damning pairs as lines of evidence."""
    lines: list[str] = []
    for match in sorted(matches, key=lambda m: -m.damning)[:most]:
        lines.append(
            f"training line {match.train_line:,} {match.says} (held-out line {match.held_out_line:,}): "
            f"{clip(match.train_text, 160)!r} beside {clip(match.held_out_text, 160)!r}"
        )
    if len(matches) > most:
        lines.append(f"… and {len(matches) - most:,} more items")
    return tuple(lines)


def of_paraphrases(seen: Paraphrases, items: int, train: str) -> list[Finding]:
    """Return the twins as a finding, side by side; nothing where there are none."""
    if not seen.twins:
        return []
    lines = [
        f"training line {twin.train_line:,} (cosine {twin.cosine:.2f}, the nearest other item {twin.next_item:.2f}) "
        f"beside held-out line {twin.held_out_line:,}: {clip(twin.train_text, 160)!r} beside "
        f"{clip(twin.held_out_text, 160)!r}"
        for twin in _gravest(seen.twins)[:SHOWN]
    ]
    return [
        found(
            "eval-in-synthetic",
            "warn",
            f"{seen.items} of {items:,} held-out items stand in the training data in other words",
            tuple(lines),
            f"Read them side by side (`cockpit overlap {train} HELD_OUT --paraphrases`): take the twins out, or say in "
            "the method log where they come from.",
        )
    ]


def _gravest(twins: Sequence[Twin]) -> list[Twin]:
    return sorted(twins, key=lambda twin: -twin.cosine)
