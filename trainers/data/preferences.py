"""Pairs and labels for DPO, ORPO, KTO and the reward model, out of whatever says which answer is better.

Pairs come from pairs, from scored trajectories of one group (best against worst), and from answers with a yes and a no
to the same prompt; labels from labels, from pairs (one yes, one no), and from trajectories that passed or did not.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cockpit.contract import CockpitError
from cockpit.data.examples import Example
from cockpit.data.messages import spoken
from cockpit.data.rows import Prompt, Row
from trainers.attempt.attempt import Attempt
from trainers.data.examples import Count, each_example, no_use
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


@dataclass
class _Group:
    """The best and the worst of the rated answers to one prompt; of equal ones the first."""

    members: int = 0
    best: tuple[float, Example] | None = None
    worst: tuple[float, Example] | None = None

    def add(self, example: Example) -> None:
        self.members += 1
        if example.reward is None and example.good is None:
            return
        rated = (example.reward if example.reward is not None else float(bool(example.good)), example)
        if self.best is None or rated[0] > self.best[0]:
            self.best = rated
        if self.worst is None or rated[0] < self.worst[0]:
            self.worst = rated


def pairs_of(rows: Iterable[Row], attempt: Attempt) -> Iterator[Pair]:
    """Every pair that the rows hold, as they are read, and at the end a line in the log that says so.

    Raises CockpitError where there is none.
    """
    count, policies, made = Count(), Counter[str | None](), 0
    examples = each_example(rows, attempt.recipe, attempt)
    for made, pair in enumerate(each_pair(examples, count, policies), 1):  # noqa: B007
        yield pair
    flag_stale(policies, attempt)
    if not made:
        raise no_use(attempt.recipe, count, "chosen and rejected, or several scored answers to one prompt")
    attempt.notice(count.sentence(made, "pairs"))


def each_pair(examples: Iterable[Example], count: Count, policies: Counter[str | None]) -> Iterator[Pair]:
    """The pairs of these examples, without a word.

    `count` and `policies` learn what became of the rows, and whose samples they are.
    """
    grouped: dict[str, _Group] = defaultdict(_Group)
    for example in examples:
        count.rows += 1
        policies[example.policy] += 1
        if example.said is None or example.prompt is None:
            count.left_out[example.unusable or "without a prompt and an answer"] += 1
        elif example.rejected is not None:
            count.used["pairs"] += 1
            yield Pair(example.prompt, example.said, example.rejected, key_of(example.prompt), example.tools)
        else:
            grouped[example.group or key_of(example.prompt)].add(example)
    for name, group in grouped.items():
        pair = _pair_of_group(name, group, count)
        if pair is not None:
            yield pair


def _pair_of_group(name: str, group: _Group, count: Count) -> Pair | None:
    """One pair a group, the best against the worst: the group is used whole, or not at all."""
    if group.best is None or group.worst is None:
        count.left_out["that say of no answer whether it is better"] += group.members
        return None
    (most, best), (least, worst) = group.best, group.worst
    if most <= least or best.said == worst.said:
        count.left_out["in groups without a difference"] += group.members
        return None
    count.used["rated answers"] += group.members
    answers = [text_alone(member, "pairs are") for member in (best, worst)]
    return Pair(best.prompt or "", answers[0], answers[1], name, best.tools)


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


def preference_rows(attempt: Attempt, pairs: Iterable[Pair], tokenizer: Any) -> Iterator[Row]:
    """TRL rows with prompt, chosen and rejected, rendered as the scorer renders its prompts.

    Where some of them have images, all are texts with a list of images beside them.
    """
    images = _with_images(attempt)
    for pair in pairs:
        row = {
            "prompt": training_prompt(tokenizer, pair.prompt, attempt.recipe),
            "chosen": answer(tokenizer, pair.chosen),
            "rejected": answer(tokenizer, pair.rejected),
            **beside(pair.tools, attempt),
        }
        yield images(tokenizer, row) if images else row


def _with_images(attempt: Attempt) -> Callable[[Any, Row], Row] | None:
    """What makes texts and images of a row, where the run has images; None where it has none."""
    from cockpit.data.reading.with_images import first_with_image
    from trainers.model.vision import model_sees

    model, data = attempt.recipe.model, attempt.recipe.data
    if not model_sees(model.name_or_path, model.trust_remote_code) or not first_with_image(
        [data.train], data.columns
    ):
        return None
    from trainers.data.image_rows import in_text

    return in_text


def label_rows(rows: Iterable[Row], attempt: Attempt, tokenizer: Any) -> Iterator[Row]:
    """TRL rows with prompt, completion and label. Raises CockpitError where no row says yes or no."""
    recipe, images = attempt.recipe, _with_images(attempt)
    count, policies, labels = Count(), Counter[str | None](), Counter[bool]()
    for example in each_example(rows, recipe, attempt):
        count.rows += 1
        policies[example.policy] += 1
        if example.said is None or example.prompt is None:
            count.left_out[example.unusable or "without a prompt and an answer"] += 1
            continue
        said = [(text_alone(example, "labelled answers are"), bool(example.good))]
        if example.rejected is not None:
            said = [(example.said, True), (example.rejected, False)]
        elif example.good is None:
            count.left_out["without a yes or no"] += 1
            continue
        count.used["pairs" if example.rejected is not None else "labelled"] += 1
        prompt = training_prompt(tokenizer, example.prompt, recipe)
        for text, good in said:
            labels[good] += 1
            row = {"prompt": prompt, "completion": answer(tokenizer, text), "label": good}
            row |= beside(example.tools, attempt)
            yield images(tokenizer, row) if images else row
    flag_stale(policies, attempt)
    if not labels:
        raise no_use(recipe, count, "prompt, completion and a yes or no (label)")
    made, yes = labels.total(), labels[True]
    attempt.notice(count.sentence(made, f"labelled answers, {yes} yes and {labels[False]} no"))
    if yes in (0, made):
        attempt.notice(f"Every label is {'yes' if yes else 'no'}: nothing says what is better.", "warning")


def held_groups(pairs: Iterable[Pair], held_share: float = 0.1, least: int = 20) -> frozenset[bytes]:
    """The places of the groups of pairs to hold out, told by their prompt's content, so that every run splits alike.

    The held-out side has `held_share` of the pairs, at least `least` where there are five times as many.
    """
    sizes = Counter(place_of(pair) for pair in pairs)
    wanted = max(held_share * sizes.total(), min(least, sizes.total() / 5))
    held: list[bytes] = []
    for place in sorted(sizes):
        if wanted <= 0:
            break
        held.append(place)
        wanted -= sizes[place]
    return frozenset(held)


def place_of(pair: Pair) -> bytes:
    """Where a pair's group stands in the order in which groups are held out."""
    return hashlib.sha256(f"held-out pair {pair.group}".encode()).digest()[:16]


def answer(tokenizer: Any, text: str) -> Any:
    """An answer in the form that TRL wants beside a prompt of `training_prompt`."""
    return text if tokenizer.chat_template is None else [{"role": "assistant", "content": text}]


def beside(tools: tuple[Row, ...], attempt: Attempt) -> Row:
    """What stands beside a row's texts: the tools, as JSON text, and the chat template's switches where there are some.

    Every row has the column of the tools: those of a table are the first row's.
    """
    given = template_switches(attempt.recipe)
    held = {"tools": json.dumps(tools, ensure_ascii=False) if tools else None}
    return held | ({"chat_template_kwargs": given} if given else {})


def key_of(prompt: Prompt) -> str:
    """A prompt as one text: the same for the same turns."""
    return prompt if isinstance(prompt, str) else json.dumps(prompt, sort_keys=True)
