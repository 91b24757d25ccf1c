"""Which checkpoints of a workspace may go: never the best, never a committed one, never one that is still needed.

Kept in any case: all of a run that lives; the best checkpoint of every attempt; every checkpoint of a committed
experiment's best step; what another experiment starts from; and the newest checkpoint of a run that may be resumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

RESUMABLE = ("stopped", "failed", "oom_killed", "killed", "lost")
"""States of an attempt that can be gone on with from its newest checkpoint."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One attempt's checkpoints: (step, path, bytes), the best step, how the run and the experiment stand."""

    experiment: str
    attempt: int
    latest: bool
    live: bool
    state: str
    status: str
    ended_days: float
    best_step: int | None
    checkpoints: tuple[tuple[int, str, int], ...]
    resumes_at: int | None = None
    """The step of the newest whole checkpoint, of a run in one of `RESUMABLE`."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A checkpoint that may go, its size in bytes, and why nobody needs it."""

    experiment: str
    attempt: int
    step: int
    path: str
    size: int
    why: str


def plan(attempts: Iterable[Kept], needed: Collection[str], *, older_than_days: float = 0.0) -> list[Removal]:
    """What may go, largest first. `needed` are paths that other experiments start from."""
    removals: list[Removal] = []
    for attempt in attempts:
        if attempt.live or attempt.ended_days < older_than_days:
            continue
        removals += _of(attempt, needed)
    return sorted(removals, key=lambda removal: (-removal.size, removal.path))


def _of(attempt: Kept, needed: Collection[str]) -> list[Removal]:
    newest = max((step for step, _, _ in attempt.checkpoints), default=None)
    undecided = attempt.status not in ("committed", "discarded")
    resumable = attempt.latest and undecided and attempt.state in RESUMABLE
    resumes = {newest, attempt.resumes_at} if resumable else set[int | None]()
    found: list[Removal] = []
    for step, path, size in attempt.checkpoints:
        if step == attempt.best_step or path in needed or step in resumes:
            continue
        if attempt.best_step is None and step == newest:
            continue  # no best is known: the newest stands for it
        why = f"not the best (step {attempt.best_step}) of a run that {_ended(attempt)}"
        found.append(Removal(attempt.experiment, attempt.attempt, step, path, size, why))
    return found


def _ended(attempt: Kept) -> str:
    if not attempt.latest:
        return "was followed by another attempt"
    if attempt.status in ("committed", "discarded"):
        return f"was {attempt.status}"
    return "can be resumed from a later one" if attempt.state in RESUMABLE else "has ended"
