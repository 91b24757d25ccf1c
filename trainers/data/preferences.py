"""Pairs and labels for DPO, ORPO, KTO and the reward model, out of whatever says which answer is better.

Pairs come from pairs, from scored trajectories of one group (best against worst), and from answers with a yes and a no
to the same prompt; labels from labels, from pairs (one yes, one no), and from trajectories that passed or did not.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cockpit.contract import CockpitError
from cockpit.data.examples import Example
from cockpit.data.messages import spoken
from cockpit.data.rows import Prompt, Row
from trainers.attempt.attempt import Attempt
from trainers.data.examples import Count, no_use, read_examples
from trainers.data.freshness import flag_stale
from trainers.data.prompts import template_switches, training_prompt


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, the better one first."""

    prompt: Prompt
    chosen: str
    rejected: str
    group: str
    tools: tuple[Row, ...] = ()


def pairs_of(rows: Iterable[Row], attempt: Attempt) -> list[Pair]:
    """Every pair that the rows hold, and a line in the log that says so. Raises CockpitError where there is none."""
    examples = read_examples(rows, attempt.recipe, attempt)
    flag_stale(examples, attempt)
    count, made = Count(rows=len(examples)), list[Pair]()
    grouped: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.said is None or example.prompt is None:
            count.left_out["without a prompt and an answer"] += 1
        elif example.rejected is not None:
            count.used["pairs"] += 1
            made.append(
                Pair(example.prompt, example.said, example.rejected, key_of(example.prompt), example.tools)
            )
        else:
            grouped[example.group or key_of(example.prompt)].append(example)
    for group, members in grouped.items():
        made += _pairs_of_group(group, members, count)
    if not made:
        raise no_use(attempt.recipe, count, "chosen and rejected, or several scored answers to one prompt")
    attempt.notice(count.sentence(len(made), "pairs"))
    return made


def _pairs_of_group(group: str, members: list[Example], count: Count) -> list[Pair]:
    """One pair a group, the best against the worst: the group is used whole, or not at all."""
    rated = [(m.reward if m.reward is not None else float(bool(m.good)), m) for m in members if _rated(m)]
    if not rated:
        count.left_out["that say of no answer whether it is better"] += len(members)
        return []
    best, worst = max(rated, key=lambda pair: pair[0]), min(rated, key=lambda pair: pair[0])
    if best[0] <= worst[0] or best[1].said == worst[1].said:
        count.left_out["in groups without a difference"] += len(members)
        return []
    count.used["rated answers"] += len(members)
    answers = [text_alone(member, "pairs are") for member in (best[1], worst[1])]
    return [Pair(best[1].prompt or "", answers[0], answers[1], group, best[1].tools)]


def text_alone(example: Example, what: str) -> str:
    """The answer as text, its reasoning in tags. Raises CockpitError for one that calls a tool."""
    if not example.chat:
        return example.said or ""
    if example.chat[-1].get("tool_calls"):
        raise CockpitError(
            f"row {example.number}: its answer calls a tool, and {what} learnt as text alone",
            "Learn such answers with SFT, as messages.",
        )
    return spoken(example.chat[-1])


def _rated(example: Example) -> bool:
    return example.reward is not None or example.good is not None


def preference_dataset(attempt: Attempt, pairs: list[Pair], tokenizer: Any) -> list[Row]:
    """TRL rows with prompt, chosen and rejected, rendered as the scorer renders its prompts."""
    return [
        {
            "prompt": training_prompt(tokenizer, pair.prompt, attempt.recipe),
            "chosen": answer(tokenizer, pair.chosen),
            "rejected": answer(tokenizer, pair.rejected),
        }
        | switches(attempt)
        | tools_column(pair.tools)
        for pair in pairs
    ]


def label_dataset(rows: Iterable[Row], attempt: Attempt, tokenizer: Any) -> list[Row]:
    """TRL rows with prompt, completion and label. Raises CockpitError where no row says yes or no."""
    recipe = attempt.recipe
    examples = read_examples(rows, recipe, attempt)
    flag_stale(examples, attempt)
    count, made = Count(rows=len(examples)), list[Row]()
    for example in examples:
        if example.said is None or example.prompt is None:
            count.left_out["without a prompt and an answer"] += 1
            continue
        said = [(text_alone(example, "labelled answers are"), example.good)]
        if example.rejected is not None:
            said = [(example.said, True), (example.rejected, False)]
        elif example.good is None:
            count.left_out["without a yes or no"] += 1
            continue
        count.used["pairs" if example.rejected is not None else "labelled"] += 1
        prompt = training_prompt(tokenizer, example.prompt, recipe)
        made += [
            {"prompt": prompt, "completion": answer(tokenizer, text), "label": bool(good)}
            | switches(attempt)
            | tools_column(example.tools)
            for text, good in said
        ]
    if not made:
        raise no_use(recipe, count, "prompt, completion and a yes or no (label)")
    yes = sum(row["label"] for row in made)
    attempt.notice(count.sentence(len(made), f"labelled answers, {yes} yes and {len(made) - yes} no"))
    if yes in (0, len(made)):
        attempt.notice(f"Every label is {'yes' if yes else 'no'}: nothing says what is better.", "warning")
    return made


def split_pairs(pairs: list[Pair], held_share: float = 0.1, least: int = 20) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on and pairs held out, told apart by their prompt's content, so that every run splits alike.

    Pairs of one group stay on one side. The held-out side has `held_share` of the groups, at least `least` pairs
    where there are five times as many.
    """
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.group].append(pair)
    order = sorted(groups, key=lambda group: hashlib.sha256(f"held-out pair {group}".encode()).digest())
    wanted = max(held_share * len(pairs), min(least, len(pairs) / 5))
    held, kept = list[Pair](), list[Pair]()
    for group in order:
        (held if len(held) < wanted else kept).extend(groups[group])
    return kept, held


def answer(tokenizer: Any, text: str) -> Any:
    """An answer in the form that TRL wants beside a prompt of `training_prompt`."""
    return text if tokenizer.chat_template is None else [{"role": "assistant", "content": text}]


def switches(attempt: Attempt) -> dict[str, Any]:
    """The chat template's switches, as a column that TRL reads; nothing where there are none."""
    given = template_switches(attempt.recipe)
    return {"chat_template_kwargs": given} if given else {}


def tools_column(tools: tuple[Row, ...]) -> dict[str, Any]:
    """Tools as TRL takes them, JSON text; nothing where there are none."""
    return {"tools": json.dumps(tools, ensure_ascii=False)} if tools else {}


def key_of(prompt: Prompt) -> str:
    """A prompt as one text: the same for the same turns."""
    return prompt if isinstance(prompt, str) else json.dumps(prompt, sort_keys=True)
