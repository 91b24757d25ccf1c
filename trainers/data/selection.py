"""Choose the rows that SFT learns from: the better answer of a pair, what passed, what was labelled good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cockpit.data.examples import Example
from cockpit.data.left_out import LeftOut
from cockpit.data.messages import thought_of
from cockpit.data.rows import Row
from cockpit.data.tools import spells_tools
from trainers.attempt.attempt import Attempt
from trainers.data.examples import Count, no_shape, no_use, read_example, teaches, tell
from trainers.data.freshness import flag_stale
from trainers.data.template_fields import FIELDS


@dataclass
class Survey:
    """What occurs among the demonstrations.

    `several`: more than one answer in a row; `masked`: a mask says which messages train; `tools`, `calls`, `reasoning`
    (rows that have it), `fields` (rows in which a message has one): only a chat template that knows these renders them.
    `thinks_early`: rows with thinking before their last answer, which many a template strips. `tool_text`: some turns
    spell tools or calls out in their text. `images`: rows that have some.
    """

    rows: int = 0
    texts: int = 0
    longest: int = 0
    several: bool = False
    masked: bool = False
    tools: bool = False
    calls: bool = False
    reasoning: int = 0
    thinks_early: int = 0
    tool_text: bool = False
    images: int = 0
    fields: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def of(cls, examples: Iterable[Example]) -> Survey:
        """Return the survey of all `examples`."""
        made = cls()
        for example in examples:
            made.add(example)
        return made

    def add(self, example: Example) -> None:
        """Add one example to the counts."""
        self.rows += 1
        self.texts += not example.chat
        self.longest = max(self.longest, len(example.chat))
        self.several |= sum(turn["role"] == "assistant" for turn in example.chat) > 1
        self.masked |= example.trainable is not None
        self.tools |= bool(example.tools)
        self.calls |= any("tool_calls" in turn for turn in example.chat)
        self.reasoning += any("reasoning_content" in turn for turn in example.chat)
        self.thinks_early += any(
            turn["role"] == "assistant" and thought_of(turn) != "" for turn in example.chat[:-1]
        )
        self.images += bool(example.images)
        self.tool_text = self.tool_text or spells_tools(example.chat)
        self.fields.update({key for turn in example.chat if len(turn) > 2 for key in turn if key in FIELDS})
        self.fields["tool"] += any(turn["role"] == "tool" for turn in example.chat)


class Learnable:
    """The examples of some rows that are worth learning; read anew each time, so that none of them is kept."""

    def __init__(self, rows: Iterable[Row], attempt: Attempt) -> None:
        self._rows, self._recipe = rows, attempt.recipe
        self.survey = Survey()

    def __iter__(self) -> Iterator[Example]:
        for why, example, _ in self.judged():
            if not why:
                yield example

    def judged(self) -> Iterator[tuple[str, Example, Row]]:
        """Each example with why it is left out, empty where it isn't, and its row.

        Raises CockpitError for one without an answer.
        """
        for number, row in enumerate(self._rows, 1):
            example = read_example(row, number, self._recipe)
            why = _left_out(row, example)
            if not why and not teaches(example):
                raise no_shape(number, row, self._recipe)
            yield why, example, row


def learnable(rows: Iterable[Row], attempt: Attempt) -> Learnable:
    """The demonstrations among these rows. Raises CockpitError where nothing is left.

    Rows that say nothing of better or worse are demonstrations. A mask of trained messages is kept.
    """
    made, count, left = Learnable(rows, attempt), Count(), LeftOut(attempt.recipe.data.columns)
    policies = Counter[str | None]()
    for why, example, row in made.judged():
        count.rows += 1
        policies[example.policy] += 1
        if why:
            count.left_out[why] += 1
            continue
        made.survey.add(example)
        left.add(count.rows, row, example)
        if example.rejected is not None:
            count.used["better answers of pairs"] += 1
        else:
            count.used["demonstrations" if example.trainable is None else "conversations with a mask"] += 1
    flag_stale(policies, attempt)
    if not count.used:
        raise no_use(attempt.recipe, count, "answers that are worth learning")
    if count.left_out or len(count.used) > 1 or "demonstrations" not in count.used:
        attempt.notice(count.sentence(count.used.total(), "demonstrations"))
    tell(left, attempt)
    return made


def _left_out(row: Row, example: Example) -> str:
    if example.unusable:
        return example.unusable
    if example.rejected is not None:
        return ""
    if (
        isinstance(row.get("label"), int)
        and not isinstance(row.get("label"), bool)
        and example.reward is None
    ):
        return ""  # 0 and 1 may well be classes
    if example.good is False:
        return "labelled no" if example.label is False else "that did not pass"
    if example.trainable is not None and not any(
        wanted and turn["role"] == "assistant"
        for wanted, turn in zip(example.trainable, example.chat, strict=True)
    ):
        return "with a mask that trains nothing"
    return ""
