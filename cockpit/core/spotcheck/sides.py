"""Rows of a training file and of an eval file as the two sides that the rules compare.

Rows are read by `cockpit.data`, as the trainers read them. Pure; rows are numbered from 1 in the order of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import SAMPLING
from cockpit.core.dataset.answer_markers import Stated, rewrap, stated
from cockpit.core.dataset.answer_writing import write_answer
from cockpit.core.dataset.asked_form import key_of, style
from cockpit.core.dataset.chat_templates import rendered_answer
from cockpit.core.spotcheck.types import Item, Target
from cockpit.data import rows as meaning
from cockpit.data.examples import numbered_example
from cockpit.data.messages import as_turns
from cockpit.data.rows import as_chat
from cockpit.verifiers import Verdict, Verifier
from cockpit.verifiers.formats import ExactFormat
from cockpit.verifiers.patterns import PatternTimeout
from cockpit.verifiers.toolcalls import CallsFormat, read_calls

MOST_ROWS = 20_000
"""Rows that are kept for the rules; of a longer file an even sample. The share that passes counts every row."""

Row = Mapping[str, Any]
Columns = Mapping[str, str]


def target_of(
    number: int,
    row: Row,
    columns: Columns | None = None,
    verifier: Verifier | None = None,
    technique: str = "sft",
) -> Target:
    """One training row. Raises CockpitError where it is no row that a trainer could use."""
    example = numbered_example(row, number, columns)
    turns, said, raw, gold = example.asked, example.said, example.text, example.gold
    if technique == "kto" and example.label is False:
        return Target(number, turns, None, gold=gold)  # a bad answer is trained away from
    if technique in SAMPLING:
        asked = as_turns(as_chat(example.question))
        return Target(number, asked, None, gold=gold if gold is not None else said)
    if example.unusable:
        return Target(number, turns, None, gold=gold)  # left out of training
    text = said if raw is None else _answer_in(raw)
    if text is None and raw is None:
        if not turns:
            raise CockpitError(
                f"row {number} has neither a prompt nor a text to learn: its columns are {', '.join(map(str, row))}",
                "It needs messages, prompt and completion, question and answer, or text.",
            )
        return Target(number, turns, None, gold=gold)
    text = text if text is not None else raw or ""
    found = stated(text)
    own = gold if gold is not None and gold != text else None
    made = Target(
        number,
        turns,
        text,
        own,
        raw,
        found,
        style(text, found),
        masked=example.trainable,
        thought=example.thought,
    )
    return made if verifier is None else judged(made, row, verifier)


def judged(target: Target, row: Row, verifier: Verifier) -> Target:
    """The target fed to the verifier as if the model had said it.

    Right is the row's own gold answer; where it has none, the answer that the target marks, whatever its form.
    """
    text = _calling(target) if isinstance(verifier.format, CallsFormat) else target.text or ""
    truth = target.gold
    if truth is None:
        marked = target.stated if not isinstance(verifier.format, CallsFormat) else None
        truth = marked.answer if marked else _found(verifier, text)
    if truth is None:
        return replace(target, verdict=Verdict(0.0, False, None, f"no answer that is {verifier.wanted}"))
    item = {**row, verifier.gold_key: truth}
    verdict = verifier(text, item)
    if text != (target.text or ""):
        verdict = replace(verdict, span=None)  # a place in another turn is none in the target
    stripped = False
    if not verdict.passed and target.stated is not None:
        begin, end = target.stated.whole
        stripped = any(verifier(part, item).passed for part in (target.stated.answer, text[begin:end]))
    return replace(target, verdict=verdict, passes_stripped=stripped)


def item_of(
    number: int,
    row: Row,
    columns: Columns | None = None,
    verifier: Verifier | None = None,
    like: Target | None = None,
) -> Item:
    """One eval item; `like` is a usual training target, in whose form the gold answer is written and judged.

    Raises CockpitError where the row has no prompt or no gold answer.
    """
    example = numbered_example(row, number, columns)
    turns = as_turns(as_chat(example.question))
    gold = example.gold if example.gold is not None else example.said
    if not turns or gold is None:
        missing = "answer" if turns else "prompt"
        raise CockpitError(
            f"row {number} of the eval set has no {missing}: its columns are {', '.join(map(str, row))}",
            "Name the column under data.columns of the recipe.",
        )
    label = meaning.value(row, "id", columns)
    item = Item(number, str(label) if label is not None else str(number), turns, gold, gold.strip())
    if verifier is None:
        return item
    whole = {**row, verifier.gold_key: row.get(verifier.gold_key, gold)}
    item = replace(item, answer=verifier.gold(whole))
    written = in_form_of(like, item.answer) if like is not None else write_answer(verifier, item.answer)
    return item if written is None else replace(item, written=written, verdict=verifier(written, whole))


def in_form_of(like: Target, answer: str) -> str | None:
    """`answer` as the target `like` states its own, with `…` for reasoning in front; None where it marks none."""
    if like.stated is None or like.text is None:
        return None
    marked = rewrap(like.stated, like.text, answer)
    return f"…\n{marked}" if like.style == "reasoned" else marked


def usual(targets: Sequence[Target]) -> Target | None:
    """A target in the form that most of them have; None where nothing marks an answer."""
    known: list[tuple[Target, Stated]] = [(row, row.stated) for row in targets if row.stated is not None]
    if len(known) * 2 < len(targets) or not known:
        return None
    key = Counter((key_of(found), row.style) for row, found in known).most_common(1)[0][0]
    return next(row for row, found in known if (key_of(found), row.style) == key)


def state_of(verdict: Verdict | None) -> str:
    """`passes`, `wrong` (parses, but wrong), `unparsed`, or empty where nothing was judged."""
    if verdict is None:
        return ""
    return "passes" if verdict.passed else "wrong" if verdict.parsed else "unparsed"


def _answer_in(raw: str) -> str | None:
    """The answer within a text that was rendered already; None for text without turns, which is learned whole."""
    place = rendered_answer(raw)
    return None if place is None else raw[place[0] : place[1]].strip()


def _calling(target: Target) -> str:
    """What is judged by its calls: the last turn that makes any, for an answer in words may follow the results."""
    text = target.text or ""
    if "<tool_call>" in text:
        return text
    return next((turn.shown for turn in reversed(target.turns) if turn.calls), text)


def _found(verifier: Verifier, text: str) -> str | None:
    """What the verifier itself takes for the answer of a text that marks none; no calls where it makes none."""
    if isinstance(verifier.format, ExactFormat):
        return None  # the whole of a long text is no answer
    try:
        found = verifier.format.find(text)
    except PatternTimeout:
        return None
    if found is not None and isinstance(verifier.format, CallsFormat) and read_calls(found.answer) is None:
        return "[]"
    return found.answer if found else None
