"""What never counts as progress, beside the overlap: training on failures, and checkpoints that weren't trained.

Values in, findings out; services bring the similarities and the weights. Source: "What never counts as progress", 3, 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.table import count, found, limit
from cockpit.core.safe_text import clip

P_FAILURES = limit("trained-on-failures", "p")
MIN_EFFECT = limit("trained-on-failures", "effect")
MIN_ITEMS = count("trained-on-failures", "items")


@dataclass(frozen=True, slots=True)
class Closeness:
    """A held-out item, and how close training data comes to it (cosine, 0..1).

    new: the closest of the rows that this experiment added; old: the closest of those that were there before (0 where
    there were none). row and text name that new row.
    """

    item: str
    passed: bool
    new: float
    old: float
    row: int = 0
    text: str = ""
    asks: str = ""


def trained_on_failures(
    experiment: str, parent: str, items: Sequence[Closeness], provenance: Sequence[str] = ()
) -> list[Finding]:
    """New rows lie closer to the items that the parent failed than to those that it passed.

    Two tests must agree (Mann-Whitney): the new rows as they are, and what they add to the rows of before. So neither
    items that resemble everything, nor items that fail because nothing resembled them, count against anyone.
    """
    ways = ([(i.new, i.passed) for i in items], [(max(0.0, i.new - i.old), i.passed) for i in items])
    failed, passed = sum(not i.passed for i in items), sum(i.passed for i in items)
    if failed < MIN_ITEMS or passed < MIN_ITEMS:
        return []
    tests = [stats.mann_whitney([v for v, ok in way if not ok], [v for v, ok in way if ok]) for way in ways]
    effect, p = min(effect for effect, _ in tests), max(p for _, p in tests)
    if p >= P_FAILURES or effect < MIN_EFFECT:
        return []
    closest = sorted((i for i in items if not i.passed), key=lambda i: i.old - i.new)[:3]
    evidence = [
        f"a failed item is closer to the new rows than a passed one in {effect:.0%} of the pairs (p = {p:.1g}, "
        f"Mann-Whitney; {failed} failed, {passed} passed)",
        *(
            f"new row {i.row:,} beside failed item {i.item} (similarity {i.new:.2f}, before {i.old:.2f}): "
            f"{clip(i.text, 120)!r} beside {clip(i.asks, 120)!r}"
            for i in closest
        ),
        *provenance,
    ]
    return [
        found(
            "trained-on-failures",
            "warn",
            f"The rows that {experiment} adds lie closer to the items that {parent} failed than to those it passed",
            tuple(evidence),
            "If they were written from the list of failed items, this is training on the held-out set: make them anew "
            "from failures on a development set. Failures by slice are fine to aim at; failures by item are not.",
            (experiment,),
        )
    ]


@dataclass(frozen=True, slots=True)
class Weights:
    """What comparing a checkpoint with another by content gave.

    tensors: how many were compared; equal: how many of them are the same; other: what it was compared with (`its
    parent exp_0002`, `the base model tiny/base`). zero_b and b: LoRA's B matrices that are all zero, and all of them.
    """

    tensors: int
    equal: int
    other: str
    zero_b: int = 0
    b: int = 0
    changed: str = ""


def untrained_checkpoint(experiment: str, seen: Sequence[Weights], names: Mapping[str, str]) -> list[Finding]:
    """The weights are somebody else's: the parent's, the base's, an instruct model's; or an adapter does nothing.

    `names`: what the checkpoint's files call its base (`adapter`, `config`), beside `recipe`: what it should be.
    """
    said: list[Finding] = []
    for weights in seen:
        if weights.b and weights.zero_b == weights.b:
            said.append(_zero_adapter(experiment, weights))
        elif weights.tensors and weights.equal == weights.tensors:
            said.append(_unchanged(experiment, weights))
    wanted = names.get("recipe", "")
    for kind, name in names.items():
        if kind != "recipe" and wanted and _tuned(name) and not _tuned(wanted):
            said.append(_other_model(experiment, kind, name, wanted))
    return said[:1]


def _zero_adapter(experiment: str, weights: Weights) -> Finding:
    return found(
        "untrained-checkpoint",
        "alarm",
        f"The adapter of {experiment} does nothing: all {weights.b} of its B matrices are zero",
        (f"{weights.zero_b} of {weights.b} lora_B tensors hold zeros alone, as before the first step",),
        "Its score is its base's. Look whether the adapter was trained at all (learning rate 0, frozen, saved before "
        "the first step) and train it again.",
        (experiment,),
    )


def _unchanged(experiment: str, weights: Weights) -> Finding:
    return found(
        "untrained-checkpoint",
        "alarm",
        f"The checkpoint of {experiment} is {weights.other}, unchanged",
        (f"{weights.equal} of {weights.tensors} tensors are equal, value by value",),
        "Nothing was trained, so nothing was gained: look whether the parameters were frozen, the learning rate was 0, "
        "or the wrong folder was saved.",
        (experiment,),
    )


def _other_model(experiment: str, kind: str, name: str, wanted: str) -> Finding:
    return found(
        "untrained-checkpoint",
        "alarm",
        f"The checkpoint of {experiment} comes from an instruction-tuned model, its recipe says from a base model",
        (f"its {kind} names {clip(name, 120)}", f"the recipe's model is {clip(wanted, 120)}"),
        "A score of a model that was not trained here is no progress: train from the recipe's model, or make a "
        "workspace for the other one, with a baseline of its own.",
        (experiment,),
    )


def _tuned(name: str) -> bool:
    """Whether a model's own name says that it is instruction-tuned; of a path, the last part or the hub's folder."""
    parts = name.rstrip("/").split("/")
    own = next((part for part in parts if part.startswith("models--")), parts[-1]).casefold()
    return any(word in re.split(r"[^a-z]+", own) for word in ("instruct", "chat", "it"))
