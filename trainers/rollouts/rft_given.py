"""RFT's first round where the training file brings it: trajectories that were sampled and scored elsewhere.

They say themselves what passed (`passed`, else a label, else the reward), whose they are (`policy_id`) and which
messages are learnt (`trainable`). Those of another policy than the one trained here are flagged, and left out beyond
`max_age`. Later rounds are sampled as ever, and need what judges them: a gold answer to each prompt.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cockpit.contract import CockpitError
from cockpit.data.rows import Prompt, Row, checked_answer
from cockpit.data.rows import value as column
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.data.examples import Count, Example, no_use, read_examples
from trainers.data.freshness import behind, flag_stale, starting_ids
from trainers.data.items import Item, as_text
from trainers.data.preferences import key_of
from trainers.data.prompts import prompt_text

if TYPE_CHECKING:  # TRL takes ten seconds to import
    from trainers.rollouts.rft_config import RftConfig

Taught = tuple[Prompt, str, tuple[Row, ...]]
"""A prompt, the answer to learn, and the tools that the prompt names."""


@dataclass(frozen=True)
class Given:
    """`answers`: what each trajectory teaches; `made`: its row of the round's file.

    `age`: optimizer steps between the oldest policy among them that is known and the one that training begins with.
    """

    answers: list[list[Taught]]
    made: list[Row]
    age: int = 0

    def rows(self) -> list[Row]:
        """The round's rows, fresh ones each time: whoever selects among them writes into them."""
        return [dict(row) for row in self.made]


def is_given(rows: Iterable[Row], attempt: Attempt) -> bool:
    """Whether the training file holds scored answers, and not prompts to be sampled for."""
    columns = attempt.recipe.data.columns
    return any(column(row, name, columns) is not None for row in rows for name in ("reward", "passed"))


@blame("data")
def given_round(rows: list[Row], attempt: Attempt, tokenizer: Any, config: RftConfig) -> Given:
    """Read the trajectories. Raises CockpitError where none can be used."""
    recipe = attempt.recipe
    examples = read_examples(rows, recipe, attempt)
    count, kept = Count(rows=len(rows)), list[Example]()
    current = starting_ids(recipe)
    for example in examples:
        why = _left_out(example, current, config.max_age)
        if why:
            count.left_out[why] += 1
        else:
            count.used["scored trajectories"] += 1
            kept.append(example)
    if not kept:
        raise no_use(recipe, count, "answers with their reward (reward, passed)")
    attempt.notice(count.sentence(len(kept), "samples of the first round"))
    flag_stale(Counter(example.policy for example in kept), attempt)
    answers = [_taught(example) for example in kept]
    made = [_row(example, number, attempt, tokenizer, current, config) for number, example in enumerate(kept)]
    return Given(answers, made, max((row["age"] or 0 for row in made), default=0))


@blame("data")
def items_of(rows: Sequence[Row], attempt: Attempt) -> list[Item]:
    """The prompts to sample in later rounds: each once, of the rows that carry a gold answer beside what was said."""
    columns, found = attempt.recipe.data.columns, dict[str, Item]()
    for row, example in zip(rows, read_examples(list(rows), attempt.recipe), strict=True):
        gold = checked_answer(row, columns)
        prompt = _first_prompt(example)
        apart = any(column(row, name, columns) is not None for name in ("completion", "messages"))
        if gold is None or prompt is None or not apart:
            continue  # the only answer there is what the policy said
        place = key_of(prompt)
        if place not in found:
            label = column(row, "id", columns) or example.group
            name = str(label) if label is not None else f"train-{len(found) + 1:05d}"
            found[place] = Item(name, prompt, as_text(gold), {**row, "answer": gold}, example.tools)
    items = list(found.values())
    if len({item.id for item in items}) != len(items):
        items = [Item(f"{i.id}#{n}", i.prompt, i.answer, i.row, i.tools) for n, i in enumerate(items, 1)]
    return items


def rounds_of(items: Sequence[Item], attempt: Attempt, config: RftConfig) -> int:
    """How many rounds there can be: one where nothing could judge new samples."""
    if items or config.rounds == 1:
        return config.rounds
    attempt.notice(
        "The trajectories bring no gold answers (a column `answer`), so nothing could judge new samples: one round, of "
        f"the file's own, instead of {config.rounds}.",
        "warning",
    )
    return 1


def _left_out(example: Example, current: set[str], max_age: int) -> str:
    if example.said is None or not example.chat:
        return "without an answer"
    if example.good is None:
        return "that no reward tells of"
    if not _taught(example):
        return "with a mask that trains nothing"
    if max_age >= 0 and example.policy:
        age = behind(example.policy, current)
        if age is None or age > max_age:
            return f"of policies more than max_age={max_age} steps away"
    return ""


def _taught(example: Example) -> list[Taught]:
    """The assistant's turns that are learnt, each with all that came before it."""
    mask = example.trainable
    return [
        (list(example.chat[:at]), turn["content"], example.tools)
        for at, turn in enumerate(example.chat)
        if at > 0 and turn["role"] == "assistant" and (mask is None or mask[at])
    ]


def _first_prompt(example: Example) -> Prompt | None:
    at = next((at for at, turn in enumerate(example.chat) if turn["role"] == "assistant"), 0)
    return list(example.chat[:at]) or None


def _row(
    example: Example, number: int, attempt: Attempt, tokenizer: Any, current: set[str], config: RftConfig
) -> Row:
    """One trajectory in the words of a round's file; `completion` is all that the assistant said in it."""
    prompt = _first_prompt(example)
    if prompt is None:
        raise CockpitError(
            f"row {example.number} begins with an answer: nothing was asked",
            "Give the prompt before it.",
            file=attempt.recipe.data.train,
        )
    good = example.good if example.passed is not None or example.label is not None else None
    reward = example.reward if example.reward is not None else float(bool(example.good))
    said = [turn["content"] for turn in example.chat if turn["role"] == "assistant"]
    age = behind(example.policy, current) if example.policy else None
    passed = good if good is not None else reward >= config.min_reward
    return {
        "item": example.group or f"train-{example.number:05d}",
        "split": "train",
        "step": 0,
        "prompt": prompt_text(tokenizer, prompt, attempt.recipe, example.tools),
        "completion": said[-1] if len(said) == 1 else json.dumps(said, ensure_ascii=False),
        "rewards": {"given": reward},
        "reward": reward,
        "score": reward,
        "passed": passed,
        "good": passed,
        "group": example.group or key_of(prompt),
        "policy_id": example.policy,
        "age": age,
        "truncated": False,
        "given": number,
    }
