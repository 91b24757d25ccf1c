"""Audit a verifier before RL trains on its word: made-up completions of known worth, from the user's own gold answers.

found = audit(load("boxed"), items)      # found.ok, found.false_accepts, found.sentence()
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cockpit.verifiers.audit.cases import KINDS, Case, Writer, made_of, perfect
from cockpit.verifiers.coding import TestsJudge
from cockpit.verifiers.judges import ModuleJudge
from cockpit.verifiers.patterns import RegexFormat
from cockpit.verifiers.verdict import Verdict
from cockpit.verifiers.verifier import Verifier

ITEMS, SLOW_ITEMS = 50, 8
"""Items that an audit takes, evenly spread; fewer where a process or a function of the user's is asked each time."""
SECONDS = 60.0
"""For calls of a function of the user's own, which may ask a model: what is left then is not asked."""
EXAMPLES = 6


@dataclass(frozen=True, slots=True)
class Mistake:
    """A case that the verifier got wrong: its item (from 1), what was said, and why it was judged so."""

    item: int
    case: Case
    gold: str
    score: float
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        return {
            "item": self.item, "kind": self.case.kind, "what": self.case.what, "completion": self.case.completion[:400],
            "gold": self.gold[:200], "should_pass": self.case.passes, "score": self.score, "why": self.why,
        }  # fmt: skip


@dataclass(slots=True)
class Audit:
    """What came out. `cases`: how many of each kind; `unchecked`: items whose perfect answer can't be written."""

    spec: str
    items: int = 0
    unchecked: int = 0
    unsolved: int = 0
    """Items of which no right answer is known (tests without a solution): wrong ones alone were tried."""
    without_gold: int = 0
    """Rows of the file that have no gold answer."""
    rejections: list[Mistake] = field(default_factory=list[Mistake])
    """Items whose own gold answer fails: nothing more is asked of them."""
    cases: Counter[str] = field(default_factory=Counter[str])
    mistakes: list[Mistake] = field(default_factory=list[Mistake])
    doubtful: list[Mistake] = field(default_factory=list[Mistake])
    """What passes and may be meant so: a caution, no mistake."""
    unasked: int = 0
    """Cases that there was no time for, of the items that were begun."""
    unasked_items: int = 0
    """Items that there was no time to begin."""

    @property
    def rejected(self) -> int:
        """How many gold answers fail as they stand."""
        return len(self.rejections)

    @property
    def accepting_items(self) -> int:
        """Of how many items a wrong completion passes."""
        return len({mistake.item for mistake in self.mistakes if not mistake.case.passes})

    @property
    def false_accepts(self) -> int:
        """How many wrong completions pass."""
        return sum(not mistake.case.passes for mistake in self.mistakes)

    @property
    def false_rejects(self) -> int:
        """How many right completions fail, gold answers included."""
        return self.rejected + sum(mistake.case.passes for mistake in self.mistakes)

    @property
    def ok(self) -> bool:
        """Whether it made no mistake, of at least one item that could be asked about."""
        return self.items > self.unchecked and not self.mistakes and not self.rejected

    def examples(self, most: int = EXAMPLES) -> list[Mistake]:
        """A few mistakes, no two alike before each was shown once; wrong answers that pass come first."""
        ordered = sorted([*self.rejections, *self.mistakes], key=lambda mistake: mistake.case.passes)
        first = {mistake.case.what: mistake for mistake in reversed(ordered)}
        shown = sorted(first.values(), key=ordered.index)
        return (shown + [mistake for mistake in ordered if mistake not in shown])[:most]

    def sentence(self) -> str:
        """Say the outcome in one sentence; what was not asked, and what may be meant so, in one more each."""
        said = [self._outcome()]
        if self.unsolved:
            which = "" if self.unsolved == self.items else f" of {self.unsolved:,} items"
            said.append(f"No right answer{which} was tried: the data holds no solution.")
        if self.without_gold:
            said.append(f"Rows without a gold answer were left out: {self.without_gold:,}.")
        if self.unasked or self.unasked_items:
            said.append(
                f"Time was up: {self.unasked:,} cases and {self.unasked_items:,} more items were not asked about."
            )
        if self.doubtful:
            what = ", ".join(dict.fromkeys(mistake.case.what for mistake in self.doubtful))
            said.append(f"It also accepts what may be meant so ({what}).")
        return " ".join(said)

    def _outcome(self) -> str:
        total = self.cases.total()
        if self.items == self.unchecked:
            return f"The verifier {self.spec} could not be audited: no right answer can be written from the gold ones."
        if self.ok:
            if self.unsolved == self.items:
                return (
                    f"The verifier {self.spec} rejects all {total:,} wrong answers to {self.items:,} items."
                )
            return f"The verifier {self.spec} judges all {total:,} cases made from {self.items:,} gold answers rightly."
        said: list[str] = []
        if self.false_accepts:
            said.append(f"accepts {_count(self.false_accepts, 'wrong answer')}")
        if self.rejected:
            said.append(f"rejects {_count(self.rejected, 'gold answer')} outright")
        if right := self.false_rejects - self.rejected:
            said.append(f"rejects {_count(right, 'right answer')}")
        listed = " and ".join(said) if len(said) < 3 else f"{said[0]}, {said[1]} and {said[2]}"
        worst = self.examples(1)[0]
        of = f"; {_count(total, 'case')} tried" if total else ""
        return f"The verifier {self.spec} {listed}{of} (first: {worst.case.what}, item {worst.item})."

    def as_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        wrong = Counter(mistake.case.kind for mistake in self.mistakes)
        return {
            "verifier": self.spec, "ok": self.ok, "items": self.items, "unchecked": self.unchecked,
            "unsolved": self.unsolved, "without_gold": self.without_gold, "gold_rejected": self.rejected,
            "cases": {kind: {"n": self.cases[kind], "wrong": wrong[kind]} for kind in KINDS},
            "false_accepts": self.false_accepts, "false_rejects": self.false_rejects,
            "accepting_items": self.accepting_items, "doubtful": len(self.doubtful),
            "unasked": self.unasked, "unasked_items": self.unasked_items,
            "examples": [mistake.as_dict() for mistake in self.examples()], "says": self.sentence(),
        }  # fmt: skip


def audit(
    verifier: Verifier,
    items: Sequence[Mapping[str, Any]],
    *,
    most: int | None = None,
    write: Writer | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Audit:
    """Ask the verifier about the cases made from up to `most` of the items. Raises CockpitError for a bad item.

    `write` puts an answer into the form of a pattern, where the caller knows how.
    """
    write = write if write is not None and isinstance(verifier.format, RegexFormat) else verifier.format.write
    limit = most or (SLOW_ITEMS if isinstance(verifier.judge, TestsJudge | ModuleJudge) else ITEMS)
    timed, ends = isinstance(verifier.judge, ModuleJudge), clock() + SECONDS
    step = max(1, len(items) // limit)
    chosen = list(enumerate(items, 1))[::step][:limit]
    golds = {number: verifier.gold(item) for number, item in chosen}
    found = Audit(verifier.spec, len(chosen))
    asked: list[tuple[int, Mapping[str, Any], Case]] = []
    for number, item in chosen:
        if timed and clock() >= ends:
            found.items -= 1
            found.unasked_items += 1
            continue
        right = perfect(verifier, item, write)
        if right is None and not isinstance(verifier.judge, TestsJudge):
            found.unchecked += 1
            continue
        if right is None:
            found.unsolved += 1
        elif not (verdict := verifier(right, item)).passed:
            gold = Case("gold", "the gold answer itself", right, True)
            found.rejections.append(Mistake(number, gold, golds[number], verdict.score, verdict.why))
            continue
        others = [gold for other, gold in golds.items() if other != number]
        made = {case.completion: case for case in made_of(verifier, item, right or "", others, write)}
        cases = [case for case in made.values() if case.passes or case.completion != right]
        if not timed:
            asked += [(number, item, case) for case in cases]
            continue
        for at, case in enumerate(cases):
            if clock() >= ends:
                found.unasked += len(cases) - at
                break
            _note(found, number, case, golds[number], verifier(case.completion, item))
    verdicts = verifier.many([(case.completion, item) for _, item, case in asked])
    for (number, _, case), verdict in zip(asked, verdicts, strict=True):
        _note(found, number, case, golds[number], verdict)
    return found


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _note(found: Audit, number: int, case: Case, gold: str, verdict: Verdict) -> None:
    found.cases[case.kind] += 1
    if verdict.passed != case.passes:
        (found.doubtful if case.doubtful else found.mistakes).append(
            Mistake(number, case, gold, verdict.score, verdict.why)
        )
