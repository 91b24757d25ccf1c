"""The history of a target, one experiment a record: what the diagnostics across experiments judge.

`parse` reads HISTORY.jsonl from anywhere, with errors that name the line and the field; services make the same
records from a workspace.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cockpit.contract.errors import CockpitError
from cockpit.core.safe_text import clip
from cockpit.core.scores import Delta, Score, compare
from cockpit.core.smoke.verdict import SmokeVerdict
from cockpit.core.technique import families

SpotCheck = Literal["matched", "mismatched"]
STATUSES = ("draft", "smoked", "running", "evaluated", "committed", "discarded", "failed")
_EVO_WORDS = {"root": "committed", "pending": "draft", "active": "running", "pruned": "discarded"}
_MEND = 'One experiment a line: {"id", "parent", "technique", "status", "held_out_score", "n_items", …}.'
_ROUNDING = 0.006  # a score written with two digits


@dataclass(frozen=True, slots=True)
class SpotSaid:
    """The gravest mismatch of a spot check, its cure, and whether what is trained is not what the verifier scores."""

    headline: str
    fix: str
    of_objective: bool


@dataclass(frozen=True, slots=True)
class Move:
    """One experiment of the history; the baseline is one whose technique trains nothing.

    random_score: what guessing scores, 0..1. slices: name -> its part of the held-out score. metrics_path: where its
    series can be read, as written. verifiable and knowledge_heavy are None where nobody said.
    """

    id: str
    parent: str | None
    technique: str
    status: str
    score: Score | None = None
    delta: Delta | None = None
    """The verdict against its parent among all experiments of the set, where that is known."""
    random_score: float | None = None
    verifiable: bool | None = None
    knowledge_heavy: bool | None = None
    train_reward: float | None = None
    saturation: float | None = None
    slices: Mapping[str, Score] = field(default_factory=dict[str, Score])
    metrics_path: str | None = None
    spot_check: SpotCheck | None = None
    spot_said: SpotSaid | None = None
    """What a spot check that found a mismatch said of it, where that is known."""
    smoke: SmokeVerdict | None = None
    """The verdict of the smoke run on this very recipe, where there was one."""

    @property
    def trained(self) -> bool:
        """Whether weights were moved."""
        return not families.untrained(self.technique)

    def against(self, parent: Move | None) -> Delta | None:
        """Return its score against the parent's; None where one of them is missing."""
        if self.score is None or parent is None or parent.score is None:
            return None
        return self.delta or compare(self.score, parent.score)

    @property
    def family(self) -> str:
        """What kind of signal it learns from: see core/technique/families."""
        return families.family(self.technique)


@dataclass(frozen=True, slots=True)
class History:
    """Experiments in the order in which they were made, and what was odd about their records (sentences)."""

    moves: tuple[Move, ...]
    notes: tuple[str, ...] = ()

    def by_id(self) -> dict[str, Move]:
        """Return the experiments by their ids."""
        return {move.id: move for move in self.moves}


def parse(lines: Iterable[str | bytes], *, file: str = "") -> History:
    """Read JSONL. Raises CockpitError naming file, line and field; unknown fields are left alone."""
    moves: list[Move] = []
    notes: list[str] = []
    first: dict[str, int] = {}
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        reader = _Fields(_object(raw, file, number), file, number)
        move = reader.move(notes)
        if move.id in first:
            raise reader.wrong(
                "id", f"{move.id!r} stands on line {first[move.id]} already", "Give each its own."
            )
        first[move.id] = number
        moves.append(move)
    if not moves:
        raise CockpitError("this history is empty", _MEND, file=file or None)
    return History(tuple(moves), tuple(notes))


def _object(raw: str | bytes, file: str, line: int) -> Mapping[str, Any]:
    try:
        text = (raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw).lstrip("\ufeff")
        value: object = json.loads(text)
    except UnicodeDecodeError:
        raise CockpitError("this line is not UTF-8 text", _MEND, file=file or None, line=line) from None
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "it is nested too deeply")
        raise CockpitError(f"this line is not JSON: {reason}", _MEND, file=file or None, line=line) from None
    if not isinstance(value, dict):
        raise CockpitError("this line is no JSON object", _MEND, file=file or None, line=line)
    return cast("dict[str, Any]", value)


class _Fields:
    """One line's fields, checked as they are taken."""

    def __init__(self, values: Mapping[str, Any], file: str, line: int) -> None:
        self.values, self.file, self.line = values, file, line

    def wrong(self, name: str, what: str, fix: str) -> CockpitError:
        return CockpitError(f"field {name!r}: {what}", fix, file=self.file or None, line=self.line)

    def move(self, notes: list[str]) -> Move:
        id_ = self._text("id", required=True)
        score = self._score(notes)
        return Move(
            id=id_ or "",
            parent=self._text("parent"),
            technique=self._technique(),
            status=self._status(),
            score=score,
            random_score=self._share("random_score"),
            verifiable=self._flag("verifiable"),
            knowledge_heavy=self._flag("knowledge_heavy"),
            train_reward=self._number("train_reward_mean"),
            saturation=self._share("reward_saturation"),
            slices=self._slices(),
            metrics_path=self._text("metrics_path"),
            spot_check=self._spot_check(),
        )

    def _text(self, name: str, *, required: bool = False) -> str | None:
        value = self.values.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and name in ("id", "parent"):
            return str(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            if required:
                raise self.wrong(name, "is missing", _MEND)
            return None
        if not isinstance(value, str):
            raise self.wrong(name, f"must be text, got {_shown(value)}", "Write it as a string.")
        return value.strip()

    def _technique(self) -> str:
        if "technique" not in self.values and self.values.get("parent") is not None:
            raise self.wrong(
                "technique", "is missing", "Name it (sft, grpo, …), or baseline where nothing was trained."
            )
        return self._text("technique") or "baseline"

    def _number(self, name: str) -> float | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
            raise self.wrong(
                name, f"must be a finite number, got {_shown(value)}", "Write a number, or null."
            )
        return float(value)

    def _share(self, name: str) -> float | None:
        value = self._number(name)
        if value is not None and not 0 <= value <= 1:
            raise self.wrong(name, f"must be in 0..1, got {_shown(value)}", "Divide per cents by 100.")
        return value

    def _flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, f"must be true or false, got {_shown(value)}", "Write true or false.")
        return value

    def _count(self, name: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
            raise self.wrong(name, f"must be a count, got {_shown(value)}", "Write a whole number.")
        return int(value)

    def _status(self) -> str:
        value = (self._text("status", required=True) or "").casefold()
        value = _EVO_WORDS.get(value, value)
        if value not in STATUSES:
            raise self.wrong("status", f"{value!r} is none", f"There are: {', '.join(STATUSES)}.")
        return value

    def _spot_check(self) -> SpotCheck | None:
        value = self.values.get("spot_check")
        if value not in ("matched", "mismatched", None):
            raise self.wrong(
                "spot_check", f"{_shown(value)} is none", 'It is "matched", "mismatched" or null.'
            )
        return value

    def _score(self, notes: list[str]) -> Score | None:
        value, n, items = self._share("held_out_score"), self._count("n_items"), self._items()
        known: dict[str, Any] = {
            "parsed": self._count("parsed"),
            "verifier_hash": self._text("verifier_hash") or "",
            "held_out_hash": self._text("held_out_hash") or "",
        }
        if value is None:
            return None
        if n is None:
            n = len(items) if items else None
        if not n:
            raise self.wrong(
                "n_items", "is needed where there is a held_out_score", "Say how many items it is over."
            )
        if items and len(items) == n:
            score = Score.of_items(items, **known)
            if abs(score.value - value) > _ROUNDING:
                notes.append(
                    f"line {self.line}, field 'items': their mean is {score.value:.3f}, held_out_score says "
                    f"{value:.3f}; the items count"
                )
            return score
        if items:
            notes.append(
                f"line {self.line}, field 'items': {len(items)} of {n} items; not used, "
                "so its deltas are tested unpaired"
            )
        return Score.of(value, n, **known)

    def _items(self) -> dict[str, float] | None:
        value = self.values.get("items")
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(
                "items", f"must be an object, got {_shown(value)}", 'Write {"item-1": 1, "item-2": 0}.'
            )
        made: dict[str, float] = {}
        for key, mark in cast("dict[str, Any]", value).items():
            if not isinstance(mark, int | float) or not 0 <= mark <= 1:
                raise self.wrong(
                    "items", f"{key!r} must be 0 or 1, got {_shown(mark)}", "Write 0 or 1 for each item."
                )
            made[key] = float(mark)
        return made

    def _slices(self) -> dict[str, Score]:
        value = self.values.get("slices")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(
                "slices", f"must be an object, got {_shown(value)}", 'Write {"algebra": [0.4, 50]}.'
            )
        return {name: self._slice(name, pair) for name, pair in cast("dict[str, Any]", value).items()}

    def _slice(self, name: str, pair: Any) -> Score:
        parts: Sequence[Any] = cast("list[Any]", pair) if isinstance(pair, list) else ()
        if (
            len(parts) != 2
            or not all(isinstance(part, int | float) and not isinstance(part, bool) for part in parts)
            or not 0 <= parts[0] <= 1
            or parts[1] < 1
            or parts[1] != int(parts[1])
        ):
            raise self.wrong(
                "slices",
                f"{name!r} must be [score 0..1, items], got {_shown(self.values['slices'][name])}",
                "Write [0.4, 50].",
            )
        return Score.of(float(parts[0]), int(parts[1]))


def _shown(value: object) -> str:
    try:
        return clip(json.dumps(value, ensure_ascii=False, default=str), 40)
    except (ValueError, RecursionError):
        return "something else"
