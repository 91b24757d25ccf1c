"""Run the gold answers through the verifier, before anything is trained on its word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cockpit.verifiers.coding import TestsJudge
from cockpit.verifiers.patterns import RegexFormat
from cockpit.verifiers.verdict import Verdict
from cockpit.verifiers.verifier import Verifier

KEPT = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """A gold answer that the verifier does not accept: its place (from 0), the answer, and why."""

    index: int
    gold: str
    why: str


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The outcome: `passed` of `checked` gold answers pass; `unchecked` ones can't be written in the wanted form.

    `written` of `n` gold values stand in the wanted form as they are (training targets made of them would pass).
    """

    n: int
    checked: int
    passed: int
    written: int
    failures: tuple[Failure, ...]
    spec: str

    @property
    def unchecked(self) -> int:
        """How many could not be judged (a bare answer under a regex)."""
        return self.n - self.checked

    @property
    def share(self) -> float:
        """The share of checked gold answers that pass, 0..1; 0 for an empty set, 1 where none could be checked."""
        if self.checked == 0:
            return 1.0 if self.n else 0.0
        return self.passed / self.checked

    @property
    def ok(self) -> bool:
        """Whether every gold answer that can be judged passes, of at least one item."""
        return self.n > 0 and self.passed == self.checked

    def sentence(self) -> str:
        """Say the outcome in one sentence."""
        if self.n == 0:
            return f"There are no items to check the verifier {self.spec} on."
        if self.ok:
            rest = f"; {self.unchecked} could not be judged" if self.unchecked else ""
            return (
                f"The verifier {self.spec} accepts all {self.checked} gold answers that it was given{rest}."
            )
        first = self.failures[0]
        if self.passed == 0:
            return (
                f"The verifier {self.spec} accepts none of its {self.checked} gold answers "
                f"(item {first.index + 1}: {first.why}): choose a verifier that fits them, or mend them."
            )
        return (
            f"The verifier {self.spec} rejects {self.checked - self.passed} of {self.checked} gold answers "
            f"(first: item {first.index + 1}, {first.why}): no model could ever solve these."
        )


def selfcheck(verifier: Verifier, items: Iterable[Mapping[str, Any]], *, keep: int = KEPT) -> SelfCheck:
    """Judge what a perfect model would answer to each item; keeps the first `keep` failures."""
    n = checked = passed = written = 0
    failures: list[Failure] = []
    for index, item in enumerate(items):
        n += 1
        raw = str(item.get(verifier.gold_key, ""))
        written += verifier(raw, item).passed if raw and not isinstance(verifier.judge, TestsJudge) else False
        verdict = _perfect(verifier, item)
        if verdict is None:
            continue
        checked += 1
        passed += verdict.passed
        if not verdict.passed and len(failures) < keep:
            failures.append(Failure(index, raw[:200], verdict.why))
    return SelfCheck(n, checked, passed, written, tuple(failures), verifier.spec)


def _perfect(verifier: Verifier, item: Mapping[str, Any]) -> Verdict | None:
    """Judge the completion of a perfect model; None where its form can't be told."""
    gold = verifier.gold(item)
    if not gold:
        return Verdict(0.0, False, None, "the gold answer is empty")
    if verifier.judge is not None:
        completion = verifier.perfect(item)
        return None if completion is None else verifier(completion, item)
    raw = str(item[verifier.gold_key])
    if isinstance(verifier.format, RegexFormat):
        as_written = verifier(raw, item)
        if as_written.parsed:
            return as_written
        if verifier.format.can_capture(gold) is False:
            return Verdict(0.0, False, None, f"the pattern can't match the gold answer {gold[:60]!r}")
        return None
    completion = verifier.format.write(gold)
    return None if completion is None else verifier(completion, item)
