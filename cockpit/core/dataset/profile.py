"""What a data set is like, gathered row by row in bounded memory: lengths, duplicates, empty turns, odd roles,
answer formats, labels, rewards."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.core.dataset.lengths import Lengths
from cockpit.data import answer_formats
from cockpit.data.examples import Example, Misfit, example_of
from cockpit.data.left_out import LeftOut
from cockpit.data.messages import odd_order
from cockpit.data.shapes import Reading
from cockpit.data.tools import odd_calls

_DIGESTS = 500_000  # kept at most per set; about 60 MB
_FEW = 20_000  # where an estimate does


@dataclass(slots=True)
class Seen:
    """How many of the things shown to it were repeats; beyond half a million different ones an estimate.

    Then only things whose digest falls in a shrinking part of the number space are followed (adaptive sampling,
    Flajolet 1990), so that memory stays bounded while the share stays unbiased.
    """

    limit: int = _DIGESTS
    level: int = 0
    followed: int = 0
    repeats: int = 0
    first: tuple[int, int] | None = None
    _lines: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, text: str, line: int) -> bool:
        """Look at one thing; True where it is one seen before (of those followed)."""
        digest = int.from_bytes(
            hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big"
        )
        if digest & ((1 << self.level) - 1):
            return False
        self.followed += 1
        before = self._lines.setdefault(digest, line)
        if before != line:
            self.repeats += 1
            self.first = self.first or (line, before)
            return True
        if len(self._lines) > self.limit:
            self._thin()
        return False

    def _thin(self) -> None:
        self.level += 1
        mask = (1 << self.level) - 1
        kept = {digest: line for digest, line in self._lines.items() if not digest & mask}
        scale = len(kept) / len(self._lines)
        self._lines = kept
        self.followed, self.repeats = round(self.followed * scale), round(self.repeats * scale)

    def common(self, other: Seen) -> int:
        """How many different things both have seen (of those that both follow)."""
        mask = (1 << max(self.level, other.level)) - 1
        return sum(not digest & mask for digest in self._lines.keys() & other._lines.keys())

    @property
    def share(self) -> float:
        """The share of repeats, 0..1."""
        return self.repeats / self.followed if self.followed else 0.0

    @property
    def is_exact(self) -> bool:
        """Whether everything was followed."""
        return self.level == 0


@dataclass(slots=True)
class Tally:
    """How often something was found, and on which line first."""

    counts: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, what: str, line: int) -> None:
        """Count `what`; a flood of different ones is counted together."""
        if what not in self.counts and len(self.counts) >= 50:
            what = "other"
        self.counts[what] += 1
        self.first.setdefault(what, line)

    @property
    def total(self) -> int:
        """All of them."""
        return self.counts.total()

    def as_list(self) -> list[dict[str, object]]:
        """As data, the most frequent first."""
        return [
            {"what": what, "n": n, "first_line": self.first[what]} for what, n in self.counts.most_common()
        ]


@dataclass(slots=True)
class Profile:
    """The rows of one data set, read as `reading`."""

    reading: Reading
    rows: int = 0
    misfits: Tally = field(default_factory=Tally)
    empty: Tally = field(default_factory=Tally)
    odd: Tally = field(default_factory=Tally)
    left_out: LeftOut = field(init=False)
    forms: Tally = field(default_factory=Tally)
    said: Seen = field(default_factory=lambda: Seen(limit=_FEW))
    """The answers, as often as they are given again."""
    thinking: int = 0
    """Rows whose answer thinks in tags."""
    reasoning: int = 0
    """Rows with thinking in a field of its own."""
    tools: int = 0
    """Rows that list tools."""
    gold: int = 0
    targets: int = 0
    labels: Counter[bool] = field(default_factory=Counter[bool])
    identical_pairs: Tally = field(default_factory=Tally)
    rewards: Counter[float] = field(default_factory=Counter[float])
    passed: Counter[bool] = field(default_factory=Counter[bool])
    duplicates: Seen = field(default_factory=Seen)
    prompts: Seen = field(default_factory=Seen)
    good_prompts: Seen = field(default_factory=Seen)
    bad_prompts: Seen = field(default_factory=Seen)
    turns: Counter[int] = field(default_factory=Counter[int])
    prompt_lengths: Lengths = field(default_factory=Lengths)
    target_lengths: Lengths = field(default_factory=Lengths)
    lengths: Lengths = field(default_factory=Lengths)

    def __post_init__(self) -> None:
        self.left_out = LeftOut({column: role for role, column in self.reading.columns.items()})

    def add(self, line: int, row: Mapping[str, Any]) -> Example | None:
        """Count one row; returns what it was read as, or None where it is not of the shape (counted as misfit)."""
        self.rows += 1
        self.duplicates.add(json.dumps(row, sort_keys=True, default=str), line)
        try:
            example = example_of(self.reading, row)
        except Misfit as misfit:
            self.misfits.add(str(misfit), line)
            return None
        self.left_out.add(line, row, example)
        self._roles(example, line)
        self._answers(example, line)
        self._signals(example, line)
        return example

    def measured(self, line: int, prompt: int, target: int) -> None:
        """Count the lengths of one example's prompt and target."""
        self.prompt_lengths.add(prompt, line)
        self.target_lengths.add(target, line)
        self.lengths.add(prompt + target, line)

    def _roles(self, example: Example, line: int) -> None:
        self.turns[min(len(example.whole), 50)] += 1
        for turn in example.whole:
            if not turn.text.strip() and not turn.calls:
                self.empty.add(turn.role[:20], line)
        for oddity in odd_calls(example.chat, example.tools):
            self.odd.add(oddity, line)
        if example.rejected is not None and not example.rejected.strip():
            self.empty.add("rejected", line)
        if self.reading.shape == "text":
            return
        needs_answer = self.reading.shape != "prompts" and example.target is not None
        for oddity in odd_order(example.whole, needs_answer=needs_answer):
            self.odd.add(oddity, line)
        if self.reading.shape in ("messages", "sharegpt") and example.target is None:
            self.odd.add("no assistant turn: nothing to learn", line)

    def _answers(self, example: Example, line: int) -> None:
        self.prompts.add("\n".join(f"{turn.role}:{turn.text}" for turn in example.asked), line)
        self.gold += example.gold is not None
        if example.target is None:
            return
        self.targets += 1
        self.reasoning += bool(example.thought)
        self.tools += bool(example.tools)
        stating = example.target if self.reading.shape != "text" else ""
        if stating.strip():
            self.forms.add(answer_formats.stated(stating).name, line)
            self.said.add(stating.strip(), line)
            self.thinking += answer_formats.thinks(stating)

    def _signals(self, example: Example, line: int) -> None:
        if example.label is not None:
            self.labels[example.label] += 1
            side = self.good_prompts if example.label else self.bad_prompts
            side.add(example.prompt_text, line)
        if example.rejected is not None and example.rejected.strip() == (example.target or "").strip():
            self.identical_pairs.add("both sides are the same", line)
        if example.reward is not None:
            self.rewards[round(example.reward, 2 if len(self.rewards) < 1000 else 0)] += 1
            self.passed[example.passed if example.passed is not None else example.reward >= 1.0] += 1

    @property
    def answer_form(self) -> str | None:
        """The checkable form that most targets state their answer in (`hashes`, `tagged:answer`), or None."""
        return answer_formats.common(self.forms.counts.items(), self.forms.total, repeats=self.said.share)

    @property
    def good_share(self) -> float | None:
        """The share of yes among the labels."""
        return self.labels[True] / self.labels.total() if self.labels else None

    @property
    def two_sided(self) -> int:
        """Prompts that have a good answer and a bad one: these could be paired."""
        return self.good_prompts.common(self.bad_prompts)

    @property
    def pass_share(self) -> float | None:
        """The share of trajectories that passed: reward saturation; None where no one says what passing is."""
        unscaled = any(not 0.0 <= reward <= 1.0 for reward in self.rewards)
        if unscaled and "passed" not in self.reading.columns:
            return None
        return self.passed[True] / self.passed.total() if self.passed else None
