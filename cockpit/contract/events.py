"""The words of `events.jsonl`: kinds, their fields, and the version of the envelope.

Every line is `{"v": 1, "seq": N, "time": epoch seconds, "kind": K, …}`. Readers ignore kinds and fields
that they don't know, so adding one needs no new version; changing the meaning of one does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from cockpit.contract.values import whole

VERSION = 1
T = TypeVar("T")

Stage = Literal["importing", "loading", "tokenizing", "training", "evaluating", "saving", "done"]
Outcome = Literal["finished", "early_stopped", "stopped", "failed", "out_of_memory"]
Part = Literal["data", "reward", "settings"]
"""What a failure can be about, where the stage does not say it: the `part` of an `end` event."""
Level = Literal["info", "warning", "error"]
Subject = Literal["held_out"]
"""What a notice can be about, for programs: `held_out`, why there is no full held-out pass."""
CheckpointReason = Literal["periodic", "request", "stop", "end"]
Split = Literal["train", "eval"]

# kind -> the fields that a reader may count on (others may be there as well)
KINDS: dict[str, tuple[str, ...]] = {
    "stage": ("name", "detail"),
    "plan": ("steps",),  # optimizer steps that the whole run will have, once that is known
    "notice": ("level", "text"),
    "mid_eval": ("step", "score", "passed", "parsed", "n", "best", "best_score", "best_step", "since_best"),
    "rewound": (
        "step",
        "best_score",
        "best_step",
        "since_best",
    ),  # a resume went on from `step`, as it stood there
    "checkpoint": ("step", "path", "best", "reason"),
    "sample": ("step", "split", "path", "n"),
    "held_out": ("score", "passed", "parsed", "n", "checkpoint", "path"),
    "finding": ("rule", "severity", "headline", "evidence", "next_step"),
    "end": ("outcome", "reason", "step", "best_step", "best_score"),
}

STANDING = ("mid_eval", "rewound")
"""The kinds that say which checkpoint is the best so far: the newest event of them counts."""
LEFT = 8
"""So many branches that a run left are remembered: who goes back to one of them finds its mini-evals again."""


def gone_back(step: int, path: Sequence[T], left: Iterable[Sequence[T]], at: Callable[[T], int]) -> list[T]:
    """Return what counts after a run went back to `step`: the values of `path` up to there (`at` gives their steps).

    Where only a branch among `left` has that step, the newest one last, it is that branch's values.
    """
    for branch in (path, *reversed(list(left))):
        places = [place for place, value in enumerate(branch) if at(value) == step]
        if places:
            return list(branch[: places[-1] + 1])
    return [value for value in path if at(value) <= step]


def mini_evals(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the mini-evals among `events`, oldest first, without those of weights that a resume went back from."""
    path: list[Mapping[str, Any]] = []
    left: deque[list[Mapping[str, Any]]] = deque(maxlen=LEFT)
    for event in events:
        step = whole(event.get("step"))
        if step is None:
            continue
        if event.get("kind") == "mid_eval":
            path.append(event)
        elif event.get("kind") == "rewound":
            fresh = gone_back(step, path, left, lambda row: whole(row.get("step")) or 0)
            left.append(path)
            path = fresh
    return path
