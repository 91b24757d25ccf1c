"""What an attempt left behind, as values: the supervisor's record, and the signs in the trainer's files.

Read tolerantly: these files are written by other processes, perhaps by other versions, perhaps by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import cast

from cockpit.contract.values import number, whole
from cockpit.core.safe_text import clip

REASON_WIDTH = 240  # characters of a foreign reason that a sentence carries
_SILENT = ("loading", "tokenizing", "evaluating", "saving")
"""Stages in which no optimizer step is made."""
_CLOCK_SLACK_S = 1.0  # event times are rounded, and process.json is written a moment after the start


@dataclass(frozen=True, slots=True)
class Pid:
    """A process that can't be mistaken: `start_time` (seconds since boot) tells it from a later one."""

    pid: int
    start_time: float


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """`process.json`. Times are epoch seconds, `signal` a name such as SIGKILL."""

    host: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    supervisor: Pid | None = None
    trainer: Pid | None = None
    argv: tuple[str, ...] = ()
    cwd: str = ""
    python: str = ""
    launch: str = ""
    """Names this launch; also the value of COCKPIT_ATTEMPT in the environment of all that it started."""
    resumed: bool = False
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    signal: str | None = None
    outcome: str | None = None
    """None while it runs; exited, signaled, oom_killed, time_budget, spawn_failed."""
    detail: str = ""
    time_budget_s: float | None = None
    stop_reason: str | None = None
    """user, time_budget, signal or deleted: who asked it to stop."""
    stop_requested: float | None = None
    stop_now: bool = False
    """Whether its user wanted it to end at once, without a checkpoint."""
    forced: bool = False
    """Whether it had to be killed after it was asked."""

    @classmethod
    def from_json(cls, value: object) -> ProcessFacts | None:
        """What a mapping says, with missing or odd fields left at their defaults; None if it is no mapping."""
        if not isinstance(value, Mapping):
            return None
        row = cast("Mapping[str, object]", value)
        argv = row.get("argv")
        return cls(
            host=_text(row.get("host")),
            boot_id=_text(row.get("boot_id")),
            pid_namespace=_text(row.get("pid_namespace")),
            supervisor=_pid(row.get("supervisor")),
            trainer=_pid(row.get("trainer")),
            argv=tuple(str(part) for part in cast("list[object]", argv)) if isinstance(argv, list) else (),
            cwd=_text(row.get("cwd")),
            python=_text(row.get("python")),
            launch=_text(row.get("launch")),
            resumed=row.get("resumed") is True,
            started=number(row.get("started")),
            ended=number(row.get("ended")),
            exit_code=whole(row.get("exit_code")),
            signal=_text(row.get("signal")) or None,
            outcome=_text(row.get("outcome")) or None,
            detail=clip(_text(row.get("detail")), REASON_WIDTH),
            time_budget_s=number(row.get("time_budget_s")),
            stop_reason=_text(row.get("stop_reason")) or None,
            stop_requested=number(row.get("stop_requested")),
            stop_now=row.get("stop_now") is True,
            forced=row.get("forced") is True,
        )


@dataclass(frozen=True, slots=True)
class Signs:
    """What the trainer's own files say. Times are epoch seconds, durations seconds; text is safe to show."""

    stage: str | None = None
    stage_detail: str = ""
    stage_since: float | None = None
    step: int | None = None
    last: float | None = None
    """The newest event or metric."""
    step_time: float | None = None
    row_time: float | None = None
    """Typical seconds a step, and between two rows of metrics; None where the rows' times don't tell."""
    log_time: float | None = None
    went_on: bool = False
    """A stage other than "done" began after the end was reported: the held-out pass may follow training."""
    end_outcome: str | None = None
    end_reason: str = ""
    end_time: float | None = None
    end_step: int | None = None
    best_step: int | None = None
    saved: bool = False
    """Whether a checkpoint was written."""
    error: str = ""
    stop_requested: float | None = None

    @property
    def ended(self) -> bool:
        """Whether an end was reported, and nothing began after it."""
        return self.end_time is not None and not self.went_on

    @classmethod
    def read(
        cls,
        events: Iterable[Mapping[str, object]],
        metrics: Sequence[Mapping[str, object]] = (),
        *,
        log_time: float | None = None,
        error: str = "",
        stop_requested: float | None = None,
    ) -> Signs:
        """Fold the newest events (oldest first) and rows of metrics; earlier ones may be missing."""
        signs = cls(log_time=log_time, error=clip(error, REASON_WIDTH), stop_requested=stop_requested)
        for row in events:
            signs = _fold(signs, row)
        return _with_metrics(signs, metrics)

    def since(self, started: float | None) -> Signs:
        """Without what an earlier process of this attempt (before a resume) left behind; steps stay."""
        if started is None or self.last is None:
            return self
        begin = started - _CLOCK_SLACK_S
        signs = self
        if signs.end_time is not None and signs.end_time < begin:
            signs = replace(signs, end_outcome=None, end_reason="", end_time=None, end_step=None)
        if signs.stage_since is not None and signs.stage_since < begin:
            signs = replace(signs, stage=None, stage_detail="", stage_since=None, went_on=False)
        if signs.last is not None and signs.last < begin:
            signs = replace(signs, last=None, step=None)
        return signs


def _fold(signs: Signs, row: Mapping[str, object]) -> Signs:
    time = number(row.get("time"))
    if time is not None and (signs.last is None or time > signs.last):
        signs = replace(signs, last=time)
    step = whole(row.get("step"))
    if step is not None:
        signs = replace(signs, step=max(step, signs.step or 0))
    kind = row.get("kind")
    if kind == "stage":
        name = clip(_text(row.get("name")), 40) or None
        detail = clip(_text(row.get("detail")), 120)
        went_on = signs.end_time is not None and name != "done"
        signs = replace(signs, stage=name, stage_detail=detail, stage_since=time, went_on=went_on)
    elif kind == "checkpoint":
        signs = replace(signs, saved=True)
    elif kind == "rewound":
        signs = replace(signs, step=step, best_step=whole(row.get("best_step")))
    elif kind == "mid_eval":
        best = whole(row.get("best_step"))
        signs = signs if best is None else replace(signs, best_step=best)
    elif kind == "notice" and row.get("level") == "error" and not signs.error:
        signs = replace(signs, error=clip(_text(row.get("text")), REASON_WIDTH))
    elif kind == "end":
        best = whole(row.get("best_step"))
        signs = replace(
            signs,
            went_on=False,
            end_outcome=_text(row.get("outcome")),
            end_reason=clip(_text(row.get("reason")).rstrip(". "), REASON_WIDTH),
            end_time=time if time is not None else signs.last,
            end_step=step,
            best_step=signs.best_step if best is None else best,
        )
    return signs


def _with_metrics(signs: Signs, metrics: Sequence[Mapping[str, object]]) -> Signs:
    points: list[tuple[int, float]] = []
    for row in metrics:
        step, time = whole(row.get("step")), number(row.get("time"))
        if step is not None and time is not None:
            points.append((step, time))
    if not points:
        return signs
    step, time = points[-1]
    signs = _training_again(signs, points)
    # Rows of one time were read at once, from a file that is written now and then: they tell no pace.
    gaps = [(s2 - s1, t2 - t1) for (s1, t1), (s2, t2) in pairwise(points) if s2 > s1 and t2 > t1]
    return replace(
        signs,
        step=max(step, signs.step or 0),
        last=time if signs.last is None else max(time, signs.last),
        step_time=median(t / s for s, t in gaps) if gaps else None,
        row_time=median(t for _, t in gaps) if gaps else None,
    )


def _training_again(signs: Signs, points: Sequence[tuple[int, float]]) -> Signs:
    """While steps are logged it trains, whatever stage it was in before: not every trainer says that it goes on."""
    if signs.stage not in _SILENT or signs.stage_since is None:
        return signs
    since = [point for point in points if point[1] > signs.stage_since]
    if len({step for step, _ in since}) < 2:  # one row may be what the evaluation itself found
        return signs
    return replace(signs, stage="training", stage_detail="", stage_since=since[0][1])


def _pid(value: object) -> Pid | None:
    if not isinstance(value, Mapping):
        return None
    row = cast("Mapping[str, object]", value)
    pid, start = whole(row.get("pid")), number(row.get("start_time"))
    return Pid(pid, start) if pid is not None and pid > 0 and start is not None else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
