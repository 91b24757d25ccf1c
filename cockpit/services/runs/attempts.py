"""One attempt's facts for a list or a tree: how it stands, and what it scored, from the ends of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.events import STANDING
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import last_event, read_rows
from cockpit.contract.values import number
from cockpit.core.pass_at import Sampled, from_rows
from cockpit.core.runs.status import AttemptStatus
from cockpit.core.scores import Score
from cockpit.services.runs.observe import observe

_AT_ONCE = 64 << 20
_WELL = ("finished", "early_stopped", "stopped")


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What an `ExperimentView` is made of. Scores are shares in 0..1, steps are optimizer steps."""

    status: AttemptStatus
    score: Score | None
    mini_best: float | None
    mini_last: float | None
    mini_baseline: float | None
    best_step: int | None
    note: str
    sampled: Sampled | None = None


def read(attempt: AttemptLayout, now: float) -> AttemptFacts:
    """Look at the attempt as of `now` (epoch seconds); what is missing or broken is None."""
    status = observe(attempt, now=now)
    mid = last_event(attempt.events, *STANDING) or {}
    score = read_score(attempt)
    return AttemptFacts(
        status=status,
        score=score,
        mini_best=number(mid.get("best_score", mid.get("score") if mid.get("best") else None)),
        mini_last=number(mid.get("score")),
        mini_baseline=number(mid.get("baseline")),
        best_step=cast("int | None", mid.get("best_step")),
        note=_note(attempt, status, score),
        sampled=read_sampled(attempt),
    )


def read_score(attempt: AttemptLayout, part: str = "held_out") -> Score | None:
    """The score of the full pass (or of the mini-eval, or the sealed set) with its items; None where it wasn't made."""
    folder = {"mini_eval": attempt.mini_eval, "sealed": attempt.sealed}.get(part, attempt.held_out)
    fields = atomic.read_object(folder / "score.json")
    return None if fields is None else Score.from_json(fields, _items(folder / "items.jsonl"))


def read_sampled(attempt: AttemptLayout) -> Sampled | None:
    """Several sampled answers an item, or None where they weren't asked for (or are not whole)."""
    fields = atomic.read_object(attempt.sampled / "score.json")
    return None if fields is None else from_rows(fields, _rows(attempt.sampled / "items.jsonl"))


def _items(path: Path) -> dict[str, float]:
    """Each item's score."""
    return dict(_rows(path))


def _rows(path: Path) -> list[tuple[str, float]]:
    """Each row's item and score. A file that is whole is read at once, any other by the line: a tree reads hundreds."""
    import msgspec

    try:
        if path.stat().st_size <= _AT_ONCE:
            rows = msgspec.json.Decoder(_item()).decode_lines(untrusted.read_bytes(path))
            return [(str(row.item), row.score) for row in rows]
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        pass  # missing, half a line, NaN: the slow way takes what can be taken
    return [(str(row["item"]), float(row["score"])) for row in read_rows(path) if _scored(row)]


@cache
def _item() -> type[Any]:
    import msgspec

    return msgspec.defstruct("Item", [("item", str | int), ("score", float)], gc=False)


def is_live(status: AttemptStatus | None) -> bool:
    """Whether its process may still change its files."""
    return status is not None and status.live


def ended_well(status: AttemptStatus | None) -> bool:
    """Whether it ended of its own will or on request, rather than by a fault."""
    return status is not None and status.state in _WELL


def may_change_by_itself(status: AttemptStatus | None) -> bool:
    """Whether the same files may mean something else a moment later: a process can die without a word."""
    return status is not None and (status.live or status.state == "queued")


def _scored(row: Mapping[str, Any]) -> bool:
    return row.get("item") is not None and number(row.get("score")) is not None


def _note(attempt: AttemptLayout, status: AttemptStatus, score: Score | None) -> str:
    """Why there is no held-out score, once the run has ended."""
    if score is not None or is_live(status) or not ended_well(status):
        return ""
    for row in reversed(list(read_rows(attempt.events))):
        if row.get("kind") == "notice" and (row.get("about") == "held_out" or _is_older(row)):
            return str(row.get("text", ""))
    return "no full held-out pass was made"


def _is_older(notice: Mapping[str, Any]) -> bool:
    """Return True if version 0.1 wrote this about the held-out pass: its notices have no `about`, only these words.

    This is for reading the records that it left behind; today's trainers say what a notice is about.
    """
    return "about" not in notice and "full held-out pass is skipped" in str(notice.get("text", ""))
