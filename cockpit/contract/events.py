"""The words of `events.jsonl`: kinds, their fields, and the version of the envelope.

Every line is `{"v": 1, "seq": N, "time": epoch seconds, "kind": K, …}`. Readers ignore kinds and fields
that they don't know, so adding one needs no new version; changing the meaning of one does.
"""

from __future__ import annotations

from typing import Literal

VERSION = 1

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
    "checkpoint": ("step", "path", "best", "reason"),
    "sample": ("step", "split", "path", "n"),
    "held_out": ("score", "passed", "parsed", "n", "checkpoint", "path"),
    "finding": ("rule", "severity", "headline", "evidence", "next_step"),
    "end": ("outcome", "reason", "step", "best_step", "best_score"),
}
