"""From what a data set is like to what the decision tree can see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from cockpit.core.dataset.profile import Profile
from cockpit.core.technique.facts import Facts
from cockpit.data import answer_formats
from cockpit.data.examples import Example
from cockpit.verifiers import Verifier, selfcheck
from cockpit.verifiers.patterns import RegexFormat

_DEMONSTRATIONS = ("messages", "sharegpt", "prompt-completion", "alpaca")
_INSTRUCT = re.compile(r"(?:^|[-_./])(?:instruct|chat|it|sft|dpo|rlhf|thinking)(?=$|[-_./\d])", re.IGNORECASE)
_BASE = re.compile(r"(?:^|[-_./])(?:base|pt|pretrained?)(?=$|[-_./])", re.IGNORECASE)


def facts_of(profile: Profile, examples: Sequence[Example], verifier: Verifier | None = None) -> Facts:
    """What the data shows; `examples` are some of its rows, for the verifier to read."""
    shape = profile.reading.shape
    gold = profile.gold > 0
    wanted = [len(e.gold if e.gold is not None else e.target or "") for e in examples]
    worked = profile.targets > 0 and profile.target_lengths.quantile(0.5) > _short(profile)
    facts = Facts(
        shape=shape,
        rows=profile.rows,
        form=_form(profile),
        gold_answers=gold or "tests" in profile.reading.columns,
        long_answers=bool(wanted) and sorted(wanted)[len(wanted) // 2] > 2 * answer_formats.SHORT_CHARS,
        has_demonstrations=shape in _DEMONSTRATIONS or (shape == "question-answer" and worked),
        labels_good=profile.good_share,
        two_sided_prompts=_two_sided(profile),
        passed=profile.pass_share,
        grouped="group" in profile.reading.columns,
        tools=profile.tools > 0,
        identical_pairs=profile.identical_pairs.total / profile.rows if profile.rows else 0.0,
    )
    return facts if verifier is None else _with_verifier(facts, profile, examples, verifier)


def _short(profile: Profile) -> int:
    """Longer than this is more than a bare answer, in the unit of the lengths."""
    return answer_formats.SHORT_CHARS if profile.target_lengths.unit == "characters" else 20


def _form(profile: Profile) -> str | None:
    if "tests" in profile.reading.columns:
        return "unit tests"
    if profile.reading.unchecked:
        return None
    if profile.answer_form is None and profile.reading.shape == "question-answer":
        return "short"
    return profile.answer_form


def _two_sided(profile: Profile) -> float | None:
    if not profile.labels:
        return None
    return 2 * profile.two_sided / profile.rows if profile.rows else 0.0


def _with_verifier(facts: Facts, profile: Profile, examples: Sequence[Example], verifier: Verifier) -> Facts:
    """Feed it the gold answers, or the texts where these state an answer, and see what it accepts."""
    facts = replace(facts, verifier=verifier.spec)
    key = verifier.gold_key
    gold = [{key: e.gold} for e in examples if e.gold]
    texts = [e.target for e in examples if e.target]
    stated = gold or ([{key: text} for text in texts] if profile.answer_form else [])
    if stated:
        check = selfcheck(verifier, stated)
        accepted = check.share if check.checked else None
    elif texts:
        accepted = sum(_reads(verifier, text) for text in texts) / len(texts)
    else:
        return facts
    written: float | None = None
    if texts:
        pairs = [(e.target, {key: e.gold if e.gold else e.target}) for e in examples if e.target]
        written = sum(verifier(text, item).passed for text, item in pairs) / len(pairs)
    return replace(facts, gold_accepted=accepted, written=written)


def _reads(verifier: Verifier, text: str) -> bool:
    """Whether the text states an answer that this verifier finds; a number somewhere in prose is none."""
    if not verifier(text, {verifier.gold_key: text}).parsed:
        return False
    return isinstance(verifier.format, RegexFormat) or answer_formats.stated(text).is_checkable


def tuned_by_name(model: str) -> bool | None:
    """Whether a model's name says that it is instruction-tuned (True), a base model (False), or neither (None)."""
    name = model.rstrip("/").rsplit("/", 1)[-1]
    if _INSTRUCT.search(name):
        return True
    return False if _BASE.search(name) else None
