"""The verifier: a named answer format, and how its answer compares with the gold one."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.verifiers import coding, formats, judges, latex, numbers, overlap, thinking
from cockpit.verifiers.catalogue import LISTED, THINKING
from cockpit.verifiers.patterns import ChoiceFormat, PatternTimeout, RegexFormat
from cockpit.verifiers.thinking import Thinking
from cockpit.verifiers.toolcalls import CallsFormat, CallsJudge
from cockpit.verifiers.verdict import Found, Verdict

# Raise this whenever any verdict can change, so that scores of before and after are not compared.
CODE_VERSION = 3
GOLD_KEY = "answer"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Verifier:
    """Scores one completion against one item; deterministic, without side effects.

    `spec` is the name under which it is written down (`tagged:answer`). The item's gold answer stands under
    `gold_key`, bare (`18`) or in a known format (`… #### 18`, `\\boxed{18}`, the verifier's own).
    """

    spec: str
    format: formats.Format
    gold_key: str = GOLD_KEY
    judge: judges.Judge | None = None
    """Judges what was found, where equality is not enough: in a process of its own."""
    reads_thinking: bool = False
    """Whether what stands in a closed block of thinking counts as answer, too."""
    opened: str = ""
    """The mark of thinking that the prompt ends in: a completion that never closes it is no answer."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the spec, the gold column, the version of this code and of the judge, in hexadecimal."""
        parts = [str(CODE_VERSION), self.gold_key, self.spec, *([self.judge.version] if self.judge else [])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def wanted(self) -> str:
        """The form asked for, as shown to a person."""
        return self.format.wanted

    def after(self, prompt: str) -> Verifier:
        """Return the verifier for what follows this rendered prompt, which may have begun the thinking itself."""
        return replace(self, opened=thinking.opened_by(prompt))

    def gold(self, item: Mapping[str, Any]) -> str:
        """Return the gold answer without its wrapping; raise CockpitError where the item has none."""
        own = self.judge.gold(item) if self.judge else None
        if own is not None:
            return own
        if self.gold_key not in item:
            raise CockpitError(
                f"the item has no column {self.gold_key!r} for the verifier {self.spec}; "
                f"it has {', '.join(map(repr, sorted(map(str, item)))) or 'none'}",
                f"Name the column of the gold answers, or add {self.gold_key!r} to each item.",
            )
        value = item[self.gold_key]
        if value is None or value != value:  # NaN: how a table says that nothing is there
            raise CockpitError(
                f"the gold answer in {self.gold_key!r} is empty", "Give each item one, or leave the item out."
            )
        if isinstance(value, str) and not self.reads_thinking:
            thought = thinking.find(value, self._own_tag)
            value = value if thought.unfinished else thought.without(value)
        if isinstance(self.format, ChoiceFormat):
            return self.format.letter(value, item.get("choices")) or str(value).strip()
        return bare_answer(str(value), self.format)

    def __call__(self, completion: str, item: Mapping[str, Any]) -> Verdict:
        """Judge `completion`: 1.0 where an answer of the wanted form equals the item's gold answer, else 0.0.

        `f1` alone gives shares in between: the words in common.
        """
        gold = self.gold(item)
        thought = thinking.find(completion, self._own_tag, self.opened)
        if thought.unfinished:
            return Verdict(0.0, False, None, "its thinking is never closed: cut off?")
        try:
            found = self._find(completion, thought, item, gold)
            if found is None:
                return Verdict(0.0, False, None, self._why_unparsed(completion, thought))
        except PatternTimeout as error:
            return Verdict(0.0, False, None, str(error))
        if self.judge is not None:
            return self.judge.judge(found, item, gold)
        if isinstance(self.format, overlap.OverlapFormat):
            score = overlap.f1(found.answer, gold)
            return Verdict(score, True, found.answer, f"{score:.0%} of the words in common", found.span)
        if self._same(found.answer, gold):
            return Verdict(1.0, True, found.answer, f"found {_short(found.answer)}, as wanted", found.span)
        why = f"found {_short(found.answer)}, wanted {_short(gold)}"
        if found.answer.casefold() == gold.casefold():
            why += " (they differ in case only)"
        return Verdict(0.0, True, found.answer, why, found.span)

    def lacking(self) -> str:
        """What this machine can't keep from code that this verifier runs. Raises CockpitError where none may run."""
        return self.judge.lacking() if isinstance(self.judge, coding.TestsJudge) else ""

    def many(self, pairs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Verdict]:
        """Judge completions with their items; side by side where each takes a process of its own."""
        if not isinstance(self.judge, coding.TestsJudge) or len(pairs) < 2:
            return [self(completion, item) for completion, item in pairs]
        with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
            return list(pool.map(self, *zip(*pairs, strict=True)))

    def perfect(self, item: Mapping[str, Any]) -> str | None:
        """A completion that a perfect model would give; None where its form can't be told."""
        gold = self.gold(item)
        return self.judge.perfect(item, gold) if self.judge else self.format.write(gold)

    @property
    def _own_tag(self) -> str:
        """The tag that holds the answer: one called `think` is no thinking then."""
        return self.format.tag if isinstance(self.format, formats.TaggedFormat) else ""

    def _find(self, completion: str, thought: Thinking, item: Mapping[str, Any], gold: str) -> Found | None:
        """Find the answer outside the thinking; a function of the user's own gets all there is."""
        form = self.format
        if isinstance(self.judge, coding.TestsJudge):
            form = coding.CodeFormat(names=self.judge.names(item, gold))
        if isinstance(form, judges.WholeFormat):
            return form.find(completion)
        if isinstance(form, RegexFormat):
            return form.find(completion, thinking.NONE if self.reads_thinking else thought)
        if self.reads_thinking:
            return form.find(thinking.unmarked(completion, self._own_tag))
        return form.find(thought.without(completion) if thought.spans else completion)

    def _same(self, answer: str, gold: str) -> bool:
        if isinstance(self.format, formats.ExactFormat):
            left, right = (unicodedata.normalize("NFC", text.strip()) for text in (answer, gold))
            return left == right
        if same_answer(answer, gold):
            return True
        if not isinstance(self.format, formats.BoxedFormat):
            return False
        left, right = latex.unnamed(answer, gold)
        return same_answer(latex.canonical(left), latex.canonical(right))

    def _why_unparsed(self, completion: str, thought: Thinking) -> str:
        if not completion.strip():
            return "the completion is empty"
        if thought.spans and not thought.without(completion).strip():
            return "there is thinking, but no answer after it"
        if thought.spans and not self.reads_thinking and self.format.find(completion) is not None:
            return f"the only answer stands in the thinking (where that is right: {THINKING}{self.spec})"
        if isinstance(self.format, CallsFormat):
            return self.format.why_not(completion)
        wanted = self.format.wanted
        opening = wanted.partition("…")[0]
        if "…" in wanted and opening in completion:
            return f"{opening} is never closed: cut off?"
        return f"no answer of the form {_short(wanted)}"


def bare_answer(gold: str, own: formats.Format) -> str:
    """Take a gold answer out of its wrapping: the verifier's own form, then `#### N`, then a box, else as it is."""
    text = gold.strip()
    if isinstance(own, formats.ExactFormat | overlap.OverlapFormat):
        return text
    if isinstance(own, formats.NumericFormat) and numbers.parse(text) is not None:
        return text
    known: tuple[formats.Format, ...] = (formats.HashesFormat(), formats.BoxedFormat())
    wrappings = known if isinstance(own, formats.NumericFormat | judges.MathFormat) else (own, *known)
    for wrapping in (*wrappings, own):
        try:
            found = wrapping.find(text)
        except PatternTimeout:
            continue
        if found is not None:
            return found.answer
    return text


def same_answer(answer: str, gold: str) -> bool:
    """Compare as numbers where both are, else as text with blanks collapsed; upper and lower case differ."""
    if answer == gold:
        return True
    left, right = numbers.parse(answer), numbers.parse(gold)
    if left is not None and right is not None:
        return numbers.same_number(left, right)
    return _collapsed(answer) == _collapsed(gold)


def _collapsed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _short(text: str) -> str:
    text = " ".join(text[: 4 * _SHOWN].split())
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…") if text else "nothing"


def _tagged(arg: str) -> formats.Format:
    tag = arg or "answer"
    if not re.fullmatch(r"[A-Za-z][\w.-]{0,63}", tag):
        raise CockpitError(
            f"{tag!r} is not a tag name",
            "Write tagged:NAME with letters, digits, - and _, e.g. tagged:answer.",
        )
    return formats.TaggedFormat(tag)


def _choice(arg: str) -> formats.Format:
    letters = arg.upper() or "ABCDEFGHIJ"
    if not re.fullmatch(r"[A-Z]{1,26}", letters) or len(set(letters)) != len(letters):
        raise CockpitError(
            f"{arg!r} is not a list of letters", "Write choice:ABCD with the letters of the options."
        )
    return ChoiceFormat(letters)


def _plain(kind: type[Any]) -> Callable[[str], formats.Format]:
    def build(arg: str) -> formats.Format:
        if arg:
            raise CockpitError(
                f"this verifier takes no argument, but got {arg!r}", f"Known verifiers: {LISTED}."
            )
        return kind()

    return build


_BUILDERS: dict[str, Callable[[str], formats.Format]] = {
    "exact": _plain(formats.ExactFormat),
    "tagged": _tagged,
    "regex": RegexFormat.compile,
    "numeric": _plain(formats.NumericFormat),
    "boxed": _plain(formats.BoxedFormat),
    "hashes": _plain(formats.HashesFormat),
    "choice": _choice,
    "f1": _plain(overlap.OverlapFormat),
}


def _judged(
    kind: type[Any], judge: Callable[[str], judges.Judge], *, argument: bool = False
) -> Callable[[str], tuple[formats.Format, judges.Judge]]:
    def build(arg: str) -> tuple[formats.Format, judges.Judge]:
        return (kind() if argument else _plain(kind)(arg)), judge(arg)

    return build


_JUDGED: dict[str, Callable[[str], tuple[formats.Format, judges.Judge]]] = {
    "math": _judged(judges.MathFormat, lambda _: judges.MathJudge()),
    "json-schema": _judged(judges.JsonFormat, judges.SchemaJudge.load, argument=True),
    "tests": _judged(coding.CodeFormat, lambda _: coding.TestsJudge()),
    "tool-call": _judged(CallsFormat, lambda _: CallsJudge()),
}


def load(spec: str, *, gold_key: str = GOLD_KEY) -> Verifier:
    """Return the verifier called `spec` (`[thinking=read/]NAME[:ARG]`), or raise CockpitError naming the known ones."""
    spec = spec.strip()
    if spec.startswith(THINKING):
        inner = load(spec.removeprefix(THINKING), gold_key=gold_key)
        return replace(inner, spec=f"{THINKING}{inner.spec}", reads_thinking=True)
    name, _, arg = spec.partition(":")
    judged = _JUDGED.get(name)
    if judged is not None:
        form, judge = judged(arg)
        return Verifier(spec.removesuffix(":"), form, gold_key, judge)
    builder = _BUILDERS.get(name)
    if builder is None and judges.MODULE.fullmatch(spec):
        return Verifier(spec, judges.WholeFormat(), gold_key, judges.ModuleJudge.load(spec))
    if builder is None:
        raise CockpitError(f"there is no verifier {name!r}", f"Known verifiers: {LISTED}.")
    canonical = {"tagged": f"tagged:{arg or 'answer'}"}.get(name, f"{name}:{arg}" if arg else name)
    return Verifier(canonical, builder(arg), gold_key)
