"""Train x held-out overlap as a whole: what was found. What it means is judged in core/rules/tree_rules/leaks.

A leak is what a person would call one: the same question, the whole item inside a training text, or the item but for a
few words with the same numbers. A shared run of words alone is shown, not accused: on the official GSM8K split 77 of
1,319 test questions share an 8-gram with the training set, all of them phrases.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cockpit.core.overlap.match import BLOCKING, Kind, Match
from cockpit.core.overlap.scan import Tally


@dataclass(frozen=True, slots=True)
class Overlap:
    """The outcome. `items` and `rows` are how many there were; `tally` holds the raw counts, phrases included."""

    items: int
    rows: int
    tally: Tally
    matches: tuple[Match, ...]
    unread: int = 0
    """Training rows without a text in a column that is known: they were compared with nothing."""

    def lines(self, kind: Kind) -> list[int]:
        """Held-out lines whose gravest match is of this kind."""
        return sorted(
            line
            for line, found in self.gravest().items()
            if found.kind == kind and not (kind == "renamed" and found.held_out_part == "answer")
        )

    @property
    def same_answers(self) -> list[int]:
        """Held-out lines of which the answer alone is met, under other questions: no leak, worth a look."""
        return sorted(
            line
            for line, found in self.gravest().items()
            if found.kind == "renamed" and found.held_out_part == "answer"
        )

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
            "unread": self.unread,
            "items": self.items,
            "leaked": self.leaked,
            "exact": counts["exact"],
            "exact_rows": self.tally.exact_rows,
            "contained": counts["contained"],
            "near_duplicates": counts["near"],
            "renamed": len(self.lines("renamed")),
            "same_answers": len(self.same_answers),
            "ngrams": {str(n): count for n, count in self.tally.ngrams.items()},
            "ngrams_in_answers": {str(n): count for n, count in self.tally.ngrams_in_answers.items()},
            "matches": [match.as_dict() for match in self.matches[:most]],
            "common_phrases": [
                {"words": words, "rows": rows, "items": items} for words, rows, items in self.tally.phrases
            ],
        }
