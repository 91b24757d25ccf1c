"""Completions made from a gold answer, of which it is known whether they are right: what an audit asks a verifier.

Four kinds: exploits (wrong, and tempting), equivalences (right, in another spelling), formatting (right, with other
words or blanks round it), and unfinished thinking (never an answer). Nothing is made whose rightness isn't certain:
where another item's answer may be the same in other words, it is no exploit.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, cast

from cockpit.contract.errors import CockpitError
from cockpit.verifiers import coding, formats, judges, latex, numbers, overlap, thinking
from cockpit.verifiers.patterns import ChoiceFormat, PatternTimeout, RegexFormat
from cockpit.verifiers.toolcalls import CallsFormat, read_calls
from cockpit.verifiers.verifier import Verifier

INVERSE = "one over it"
KINDS = ("exploit", "equivalence", "formatting", "unfinished")
Kind = Literal["gold", "exploit", "equivalence", "formatting", "unfinished"]
"""`gold` is none of KINDS: the item's own answer, from which the cases are made."""
Item = Mapping[str, Any]
Writer = Callable[[str], "str | None"]
"""Puts an answer into the wanted form; None where that can't be done."""
_SPELT = (
    formats.NumericFormat,
    formats.BoxedFormat,
    formats.HashesFormat,
    formats.TaggedFormat,
    judges.MathFormat,
)
"""They compare numbers as numbers, so that every spelling of one must pass."""
_PLAIN = re.compile(r"[-+]?[\d,]*\.?\d+(?:/\d+)?|\\frac\{\d+\}\{\d+\}")
"""A number without a unit: of 50% it may be meant as 0.5."""
_ALONE = (formats.ExactFormat, overlap.OverlapFormat, RegexFormat)
"""What stands beside the answer may count for these."""


@dataclass(frozen=True, slots=True)
class Case:
    """A completion, whether it must pass, and what it is."""

    kind: Kind
    what: str
    completion: str
    passes: bool
    doubtful: bool = False
    """Whether it may be meant so where it passes: a caution, no mistake."""


def perfect(verifier: Verifier, item: Item, write: Writer) -> str | None:
    """A completion that a perfect model would give; the gold text itself where a pattern finds its answer there."""
    if not isinstance(verifier.format, RegexFormat):
        return verifier.perfect(item)
    raw = str(item.get(verifier.gold_key, ""))
    try:
        return raw if verifier.format.find(raw) is not None else write(verifier.gold(item))
    except PatternTimeout:
        return None


def made_of(verifier: Verifier, item: Item, right: str, others: list[str], write: Writer) -> Iterator[Case]:
    """The cases of one item; `right` is its perfect completion, `others` the gold answers of other items.

    Where nobody knows a right one (tests without a solution), exploits are made alone.
    """
    gold = verifier.gold(item)
    wrong = list(_wrong(verifier, item, gold, right, others, write))
    whole = isinstance(verifier.format, judges.WholeFormat)  # a function of the user's own gets all there is
    yield Case("exploit", "an empty completion", "", False)
    yield Case("exploit", "blanks alone", " \n\t\n", False)
    for what, completion in wrong:
        yield Case("exploit", what, completion, False, doubtful=whole and what == INVERSE)
    if not right:
        return
    back = _taken_back(verifier, wrong)
    if back:
        yield Case("exploit", "the right answer, then a wrong one", f"{right}\n\nNo, wait:\n{back}", False)
    for case in _thinking(verifier, right, wrong[0][1] if wrong else "I don't know."):
        yield replace(case, doubtful=whole)
    yield from _formatting(verifier, right, gold)
    yield from _equivalent(verifier, item, right, gold)


def _taken_back(verifier: Verifier, wrong: list[tuple[str, str]]) -> str:
    """A wrong answer that replaces the right one above it; empty where none does."""
    if isinstance(verifier.format, judges.JsonFormat):  # words beside JSON are free
        return ""
    if isinstance(verifier.format, coding.CodeFormat):  # the last block that defines the function counts
        return next((said for what, said in wrong if what == NOTHING), "")
    return wrong[0][1] if wrong else ""


def _thinking(verifier: Verifier, right: str, wrong: str) -> Iterator[Case]:
    if (
        isinstance(verifier.format, formats.TaggedFormat)
        and thinking.find(f"<{verifier.format.tag}>").unfinished
    ):
        return  # its answer stands in what would be thinking elsewhere
    yield Case("unfinished", "thinking that is never closed", f"<think>\nSo it is\n{right}", False)
    yield Case("unfinished", "thinking that begins after the answer", f"{right}\n<think>\nOr is it", False)
    if not verifier.reads_thinking:
        yield Case("unfinished", "the answer in the thinking alone", f"<think>\n{right}\n</think>\n", False)
        yield Case(
            "unfinished", "the answer in the thinking, a wrong one after it",
            f"<think>\n{right}\n</think>\n{wrong}", False,
        )  # fmt: skip


def _formatting(verifier: Verifier, right: str, gold: str) -> Iterator[Case]:
    yield Case("formatting", "a line end after it", f"{right}\n", True)
    if not isinstance(verifier.format, judges.WholeFormat):
        yield Case(
            "formatting", "finished thinking before it", f"<think>\nLet me see.\n</think>\n\n{right}", True
        )
    form = verifier.format
    if isinstance(form, (judges.WholeFormat, *_ALONE)):
        return
    if not isinstance(form, ChoiceFormat | coding.CodeFormat) or "```" in right:
        yield Case("formatting", "words before it", f"Let me work it out.\n\n{right}", True)
    if isinstance(form, formats.TaggedFormat):
        yield Case("formatting", "lines in the tags", f"<{form.tag}>\n{gold}\n</{form.tag}>", True)
    elif isinstance(form, formats.BoxedFormat | judges.MathFormat):
        yield Case("formatting", "dollars round it", f"It is ${right}$.", True)
    elif isinstance(form, formats.HashesFormat):
        yield Case("formatting", "no blank", right.replace("#### ", "####"), True)
    elif isinstance(form, formats.NumericFormat):
        yield Case("formatting", "a sentence round it", f"So it is **{right}**.", True)
    elif isinstance(form, ChoiceFormat):
        for written in (f"({right})", f"{right}.", f"Answer: {right}", f"The answer is ({right})."):
            yield Case("formatting", f"written {written}", written, True)


def _equivalent(verifier: Verifier, item: Item, right: str, gold: str) -> Iterator[Case]:
    form, number = verifier.format, numbers.parse(gold)
    if isinstance(form, _SPELT) and number is not None and _PLAIN.fullmatch(gold.strip()):
        for spelling in _spellings(number):
            written = form.write(spelling)
            yield Case("equivalence", f"{gold[:40]} written {spelling}", written, True)
    elif isinstance(form, CallsFormat):
        read = read_calls(gold)
        turned = [
            {"arguments": dict(reversed(json.loads(arguments).items())), "name": name}
            for name, arguments in reversed(read[0] if read else [])
        ]
        yield Case("equivalence", "other orders, a plain list", json.dumps(turned, indent=1), True)
    elif isinstance(form, coding.CodeFormat):
        yield Case("equivalence", "a comment below the code", right.replace("\n```", "\n# done\n```"), True)
    elif isinstance(form, judges.JsonFormat):
        value = json.loads(right)
        turned_value: Any = (
            dict(reversed(cast("dict[str, Any]", value).items())) if isinstance(value, dict) else value
        )
        yield Case("equivalence", "other blanks and order of keys", json.dumps(turned_value, indent=2), True)


def _spellings(number: numbers.Number) -> list[str]:
    value = number.fraction()
    if value is None or abs(value) > 10**15:
        return []
    if value.denominator == 1:
        grouped = [f"{int(value):,}"] if abs(value) >= 1000 else []
        return [f"{int(value)}.0", *grouped]
    return [f"{value.numerator}/{value.denominator}"] if value > 0 else []


def _wrong(
    verifier: Verifier, item: Item, gold: str, right: str, others: list[str], write: Writer
) -> Iterator[tuple[str, str]]:
    """Wrong completions in the wanted form, each with what it is; the most tempting first."""
    form = verifier.format
    if isinstance(form, ChoiceFormat):
        letters = [letter for letter in form.letters if letter != gold]
        if not letters:
            return  # of one letter alone no other can be said
        yield "another letter", letters[0]
        yield "two letters at once", f"{gold} or {letters[0]}"
        yield "every letter", ", ".join(form.letters)
    elif isinstance(form, coding.CodeFormat):
        yield from _wrong_code(item, right)
    elif isinstance(form, CallsFormat):
        yield from _wrong_calls(gold)
    elif isinstance(form, judges.JsonFormat):
        yield "no JSON", "I can't do that."
        yield "JSON that is cut off", right[:-1]
    else:
        yield from _wrong_text(verifier, gold, others, write)


def _wrong_text(verifier: Verifier, gold: str, others: list[str], write: Writer) -> Iterator[tuple[str, str]]:
    form, number = verifier.format, numbers.parse(gold)
    value = number.fraction() if number is not None else None
    if value is not None and abs(value) < 10**15:
        near = _written(value + 1)
        pieces = [("the number after it", near), ("the number with a digit more", f"1{_written(abs(value))}")]
        pieces += [("the other sign", _written(-value))] if value else []
        pieces += (
            [(INVERSE, f"1/{_written(value)}")]
            if value.denominator == 1 and abs(value) > 1 and "%" not in gold  # 1/10 is 10%
            else []
        )
        for what, piece in pieces:
            written = _written_as(write, piece)
            if written is not None:
                yield what, written
        dump = " ".join([*(_written(value + shift) for shift in (-1, 0, 1, 2))])
        yield "several numbers, the right one among them", _written_as(write, dump) or dump
    else:
        other = next((other for other in others if _differ(other, gold)), None)
        written = _written_as(write, other) if other is not None else None
        if written is not None:
            yield "the answer of another item", written
        if not isinstance(form, judges.MathFormat) and gold.strip():
            said = _written_as(write, f"anything but {gold}")
            if said is not None:
                yield "a denial of the answer", said
    if isinstance(form, formats.TaggedFormat | formats.BoxedFormat):
        yield "a placeholder", form.write("your answer here")


def _written_as(write: Writer, answer: str) -> str | None:
    try:
        return write(answer)
    except (CockpitError, PatternTimeout):
        return None


def _written(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _differ(left: str, right: str) -> bool:
    """Whether two answers certainly differ: two numbers, or words that don't share even their letters' order."""
    one, two = numbers.parse(left), numbers.parse(right)
    if one is not None and two is not None:
        return not numbers.same_number(one, two)
    texts = [re.sub(r"\W+", "", latex.canonical(text).casefold()) for text in (left, right)]
    plain = not any(set("\\^=") & set(text) for text in (left, right))
    return plain and one is None and two is None and texts[0] not in texts[1] and texts[1] not in texts[0]


def _wrong_calls(gold: str) -> Iterator[tuple[str, str]]:
    read = read_calls(gold)
    calls = [
        {"name": name, "arguments": json.loads(arguments)} for name, arguments in (read[0] if read else [])
    ]

    def written(said: list[dict[str, Any]]) -> str:
        return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in said)

    first: dict[str, Any] = calls[0] if calls else {"name": "a_tool", "arguments": {}}
    yield "another tool", written([{**first, "name": f"{first['name']}_2"}, *calls[1:]])
    yield "an argument more", written([{**first, "arguments": {**first["arguments"], "x_": 1}}, *calls[1:]])
    yield "a call too many", written([*calls, first])
    if calls:
        yield "a call that is cut off", written(calls)[: -len("</tool_call>")]
        yield "words instead of a call", f"I would call {first['name']}."


NOTHING = "functions that return nothing"
_ALWAYS = "class _Any(object):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"


def _wrong_code(item: Item, right: str) -> Iterator[tuple[str, str]]:
    for what, code in (
        ("code that does nothing", "pass"), ("an exit before the tests", "import sys\nsys.exit(0)"),
        ("a hard exit before the tests", "import os\nos._exit(0)"), ("an exit raised", "raise SystemExit(0)"),
    ):  # fmt: skip
        yield what, f"```python\n{code}\n```"
    names = _functions(str(item.get("entry_point") or ""), right)
    if names:
        empty = "\n".join(f"def {name}(*a, **k):\n    return None" for name in names)
        yield NOTHING, f"```python\n{empty}\n```"
        equal = _ALWAYS + "\n".join(f"def {name}(*a, **k):\n    return _Any()" for name in names)
        yield "a result that equals everything", f"```python\n{equal}\n```"


def _functions(entry: str, right: str) -> list[str]:
    code = "\n".join(line for line in right.splitlines() if not line.startswith("```"))
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [entry] if entry.isidentifier() else []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
