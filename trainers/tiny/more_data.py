"""More files of the toy task for the techniques that learn from preferences: labels, and pairs of the held-out split.

Apart from `task`, whose source is part of the model's content key.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from trainers.tiny import task
from trainers.tiny.pretrain import OTHER_FORMATS


def write_more(folder: Path, seed: int = task.SEED) -> dict[str, str]:
    """Write them below `folder`; name -> path. Raises OSError.

    `comparisons`: pairs for a reward model, the right answer against every kind of worse one that the base gives.
    `labels`: both answers of each training pair with a yes or no. `preferences_format`: pairs that differ in format
    alone, both right. `trajectories`: four scored answers a prompt, in groups. `pairs_*`: pairs of the other splits.
    """
    made = task.splits(seed)
    train = made["train"]
    files = {
        "labels": (row for pair in train for row in _labels(pair)),
        "preferences_format": (
            _pair(pair, task.tagged(task.answer(pair)), f"The answer is {task.answer(pair)}.")
            for pair in train
        ),
        "comparisons": (row for pair in train for row in _comparisons(pair)),
        "trajectories": (row for pair in train for row in _trajectories(pair)),
        **{
            f"pairs_{name}": (
                _pair(pair, task.tagged(task.answer(pair)), task.rejected(pair)) for pair in made[name]
            )
            for name in ("dev", "mini_eval", "held_out")
        },
    }
    return {name: str(task._write_jsonl(folder / f"{name}.jsonl", rows)) for name, rows in files.items()}


def _pair(pair: task.Pair, chosen: str, rejected: str) -> dict[str, object]:
    return {"prompt": task.question(pair), "chosen": chosen, "rejected": rejected}


def _comparisons(pair: task.Pair) -> Iterator[dict[str, object]]:
    rng = random.Random(f"comparisons {pair}")
    right = task.answer(pair)
    wrong = [str(int(right) + step) for step in (-10, -2, -1, 1, 2, 10) if int(right) + step >= 0]
    worse = [text.format(a=pair[0], b=pair[1], n=right) for text in sorted(set(OTHER_FORMATS))]
    worse += [task.tagged(text) for text in rng.sample(wrong, 3)]
    for text in rng.sample(worse, 4):
        yield _pair(pair, task.tagged(right), text)


def _labels(pair: task.Pair) -> Iterator[dict[str, object]]:
    for text, good in ((task.tagged(task.answer(pair)), True), (task.rejected(pair), False)):
        yield {"prompt": task.question(pair), "completion": text, "label": good}


def _trajectories(pair: task.Pair) -> Iterator[dict[str, object]]:
    right = task.answer(pair)
    for number, text in enumerate(
        (task.tagged(right), f"The answer is {right}.", task.rejected(pair), f"#### {right}")
    ):
        passed = text == task.tagged(right)
        yield {
            "scenario_id": f"train-{pair[0]:02d}-{pair[1]:02d}",
            "policy_id": "base",
            "reward": float(passed),
            "passed": passed,
            "messages": [
                {"role": "user", "content": task.question(pair)},
                {"role": "assistant", "content": text},
            ],
            "trainable": None,
            "group_id": f"{pair[0]}+{pair[1]}",
            "seed": number,
        }
