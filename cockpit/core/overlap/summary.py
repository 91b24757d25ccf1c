"""Train x held-out overlap as a whole: what was found, how grave it is, and what it says as findings.

A leak is what a person would call one: the same question, the whole item inside a training text, or the item but for a
few words with the same numbers. A shared run of words alone is shown, not accused: on the official GSM8K split 77 of
1,319 test questions share an 8-gram with the training set, all of them phrases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.core.findings import Finding
from cockpit.core.overlap.match import BLOCKING, KINDS, SAYS, Kind, Match
from cockpit.core.overlap.scan import Tally
from cockpit.core.safe_text import clip

SOURCE_TRAIN = (
    'source text, "What never counts as progress", 1: no training on the held-out set, direct or transitive'
)
SOURCE_SYNTHETIC = (
    'source text, "What never counts as progress", 2: no eval items in "synthetic" data, even renamed'
)
SAME_MAKER = 0.5  # of the items renamed in the training data: both come from one set of templates
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Overlap:
    """The outcome. `items` and `rows` are how many there were; `tally` holds the raw counts, phrases included."""

    items: int
    rows: int
    tally: Tally
    matches: tuple[Match, ...]

    def lines(self, kind: Kind) -> list[int]:
        """Held-out lines whose gravest match is of this kind."""
        return sorted(line for line, found in self.gravest().items() if found.kind == kind)

    def gravest(self) -> dict[int, Match]:
        """Held-out line -> its most damning match."""
        kept: dict[int, Match] = {}
        for match in self.matches:
            kept.setdefault(match.held_out_line, match)
        return kept

    @property
    def leaked(self) -> int:
        """Held-out items that stand in the training data."""
        return sum(match.kind in BLOCKING for match in self.gravest().values())

    def as_dict(self, most: int) -> dict[str, object]:
        """The shape of `cockpit overlap --json`; at most `most` matches."""
        counts = Counter(match.kind for match in self.gravest().values())
        return {
            "rows": self.rows,
            "items": self.items,
            "leaked": self.leaked,
            "exact": counts["exact"],
            "exact_rows": self.tally.exact_rows,
            "contained": counts["contained"],
            "near_duplicates": counts["near"],
            "renamed": counts["renamed"],
            "ngrams": {str(n): count for n, count in self.tally.ngrams.items()},
            "ngrams_in_answers": {str(n): count for n, count in self.tally.ngrams_in_answers.items()},
            "matches": [match.as_dict() for match in self.matches[:most]],
            "common_phrases": [
                {"words": words, "rows": rows, "items": items} for words, rows, items in self.tally.phrases
            ],
        }


def findings(overlap: Overlap, train: str, experiments: Sequence[str] = ()) -> list[Finding]:
    """What it means: a leak blocks a commit, renamed items warn, shared phrases alone say nothing."""
    found: list[Finding] = []
    grave = overlap.gravest()
    leaks = [match for match in grave.values() if match.kind in BLOCKING]
    if leaks:
        kinds = Counter(match.kind for match in leaks)
        told = ", ".join(f"{kinds[kind]} {_KIND_WORDS[kind]}" for kind in KINDS if kinds[kind])
        found.append(
            Finding(
                "eval-in-train",
                "block",
                f"{len(leaks)} of {overlap.items:,} held-out items are in the training data ({told})",
                side_by_side(leaks),
                f"Take these rows out of {train} and train again: a score on items that were trained on says nothing.",
                SOURCE_TRAIN,
                tuple(experiments),
            )
        )
    renamed = [match for match in grave.values() if match.kind == "renamed"]
    if renamed:
        found.append(_renamed(overlap, renamed, train, experiments))
    return found


_KIND_WORDS: dict[Kind, str] = {
    "exact": "word for word",
    "contained": "inside a longer text",
    "near": "but for a few words",
    "renamed": "renamed",
    "ngram": "by a phrase",
}


def _renamed(overlap: Overlap, renamed: Sequence[Match], train: str, experiments: Sequence[str]) -> Finding:
    share = len(renamed) / max(1, overlap.items)
    if share >= SAME_MAKER:
        headline = (
            f"{share:.0%} of the held-out items have twins in the training data with other names or numbers: both "
            "come from the same templates"
        )
        next_step = (
            "If one generator made both, the score measures its templates and nothing beyond: hold out whole "
            "templates. If not, the training data was made from the held-out set: make it anew without it."
        )
    else:
        headline = (
            f"{len(renamed)} of {overlap.items:,} held-out items have a twin in the training data with other names or "
            "numbers"
        )
        next_step = (
            f"Look at them side by side (`cockpit overlap {train} HELD_OUT`): take the twins out, or say in the "
            "method log where they come from."
        )
    return Finding(
        "eval-in-synthetic",
        "warn" if share >= 0.01 else "info",
        headline,
        (
            *side_by_side(renamed),
            f"compared word by word; `cockpit overlap {train} HELD_OUT --paraphrases` goes by meaning",
        ),
        next_step,
        SOURCE_SYNTHETIC,
        tuple(experiments),
    )


def side_by_side(matches: Sequence[Match], most: int = SHOWN) -> tuple[str, ...]:
    """The most damning pairs as lines of evidence."""
    lines: list[str] = []
    for match in sorted(matches, key=lambda m: -m.damning)[:most]:
        lines.append(
            f"training line {match.train_line:,} {SAYS[match.kind]} (held-out line {match.held_out_line:,}): "
            f"{clip(match.train_text, 160)!r} beside {clip(match.held_out_text, 160)!r}"
        )
    if len(matches) > most:
        lines.append(f"… and {len(matches) - most:,} more items")
    return tuple(lines)
