"""A Hugging Face Trainer's output folder: `trainer_state.json` of the newest checkpoint, TRL's completion tables.

The state is written with each checkpoint alone; between two of them the event files or the `trainer_log.jsonl` in the
folder tell how it goes on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.values import finite, mapping, number, whole
from cockpit.data.reading.files import iter_rows
from cockpit.services.foreign.record import TOTALS, ForeignRun, Row, Update, metric
from cockpit.services.foreign.sources import tensorboard
from cockpit.services.foreign.sources.factory_log import LOG, FactoryRun

STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_SHOWN_ROWS = 256
_SET_IN_STATE = ("max_steps", "num_train_epochs", "train_batch_size", "logging_steps", "save_steps")
_MOST_EPOCHS = 1e6  # streamed data is trained on for 2^63 epochs, as the trainer puts it


class TrainerRun:
    """One output folder; what is logged between its checkpoints is read from the files that tell it live."""

    kind = "trainer"

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.place = folder, name, str(folder)
        self.settings: dict[str, Any] = {}
        self._seen: tuple[Path, int] | None = None
        self._count = 0
        self._last_step = -1
        self._tables: set[str] = set()
        self._live: ForeignRun | None = None
        self._ahead: dict[str, int] = {}  # by metric, the step up to which the live source was heard
        self._saved: dict[str, int] = {}  # the same of the saved state

    @property
    def pid(self) -> int | None:
        """The process that writes the event files, where they tell it and it is one of this machine."""
        return getattr(self._live, "pid", None)

    def poll(self) -> Update:
        update = Update()
        path = newest_state(self.folder)
        if path is None:
            return update
        self._settings(path.parent)
        try:
            stamp = path.stat().st_mtime_ns
            if self._seen != (path, stamp):
                state = mapping(untrusted.parse(untrusted.read_bytes(path)))
                self._seen = (path, stamp)
                self._history(state, stamp / 1e9, update)
        except (OSError, ValueError):
            return update  # being written: the next poll sees it whole
        self._go_on(update)
        self._completions(update)
        return update

    def _history(self, state: dict[str, Any], when: float, update: Update) -> None:
        for name in _SET_IN_STATE:
            value = finite(state.get(name))
            if value is not None and 0 < value < _MOST_EPOCHS:
                self.settings.setdefault(name, int(value) if value == int(value) else value)
        told: object = state.get("log_history")
        history = [mapping(row) for row in cast("list[object]", told)] if isinstance(told, list) else []
        steps = [whole(row.get("step")) or 0 for row in history]
        if len(history) < self._count or (self._count and steps[self._count - 1] != self._last_step):
            update.restarted, self._count, self._live = True, 0, None
            self._ahead.clear()
            self._saved.clear()
        for step, entry in zip(steps[self._count :], history[self._count :], strict=True):
            values = {
                metric(name): found
                for name, value in entry.items()
                if name != "step"
                and not (name in TOTALS and "train_runtime" in entry)
                and (found := number(value)) is not None
            }
            values = {name: found for name, found in values.items() if step > self._ahead.get(name, -1)}
            if values:
                self._saved |= dict.fromkeys(values, step)
                update.rows.append(Row(step, when, values))
        self._count = len(history)
        self._last_step = steps[-1] if steps else -1
        done, most = state.get("global_step"), state.get("max_steps")
        if isinstance(done, int) and isinstance(most, int) and 0 < most <= done:
            update.state = "finished"

    def _go_on(self, update: Update) -> None:
        """Add what event files or a log below the folder tell beyond the newest state."""
        newest = _newest_events(self.folder)
        if newest is not None and newest != getattr(self._live, "folder", None):
            self._live = tensorboard.runs_in(newest, self.name)[-1]
        elif self._live is None and (self.folder / LOG).is_file():
            self._live = FactoryRun(self.folder / LOG, self.name)
        if self._live is None:
            return
        for row in self._live.poll().rows:
            values = {
                name: found
                for logged, found in row.values.items()
                if (name := _as_saved(logged)) not in TOTALS
                and row.step > max(self._ahead.get(name, -1), self._saved.get(name, -1))
            }
            if values:
                self._ahead |= dict.fromkeys(values, row.step)
                update.rows.append(Row(row.step, row.time, values))

    def _settings(self, folder: Path) -> None:
        if "model" in self.settings:
            return
        for place in (self.folder, folder):
            config = place / "config.json"
            adapter = place / "adapter_config.json"
            for path in (adapter, config):
                try:
                    value = mapping(untrusted.parse(untrusted.read_bytes(path)))
                except (OSError, ValueError):
                    continue
                named = value.get("base_model_name_or_path") or value.get("_name_or_path")
                self.settings.setdefault("model", str(named or ""))
                if path == adapter:
                    self.settings.setdefault("lora_rank", value.get("r"))

    def _completions(self, update: Update) -> None:
        """TRL's `log_completions` tables: step, prompt, completion, a column for each reward, advantage."""
        for path in sorted((self.folder / "completions").glob("completions_*.parquet")):
            if path.name in self._tables:
                continue
            try:
                rows = [row for (_, row), _ in zip(iter_rows(path), range(_SHOWN_ROWS), strict=False)]
            except CockpitError:
                continue  # half-written, or no reader for it here
            self._tables.add(path.name)
            for row in rows:
                step = whole(row.get("step")) or 0
                update.samples.setdefault(step, []).append(_sample(row, step))


def _newest_events(folder: Path) -> Path | None:
    """The folder of the newest event file, in the place where a Trainer writes them."""
    found = [*folder.glob(tensorboard.PATTERN), *folder.glob(f"runs/*/{tensorboard.PATTERN}")]
    return max(found, key=lambda path: path.name, default=Path()).parent if found else None


def _as_saved(name: str) -> str:
    """A metric's name in the state, of its tag in an event file."""
    for prefix in ("eval", "test"):
        if name.startswith(f"{prefix}/"):
            return f"{prefix}_{name[len(prefix) + 1 :]}"
    return name


def newest_state(folder: Path) -> Path | None:
    """The newest `trainer_state.json`: of the checkpoint with the highest step, or the folder's own at the end."""
    own = folder / STATE
    found: list[tuple[int, Path]] = []
    try:
        for place in folder.iterdir():
            match = _CHECKPOINT.fullmatch(place.name)
            if match and (place / STATE).is_file():
                found.append((int(match[1]), place / STATE))
    except OSError:
        return None
    newest = max(found, default=None)
    if own.is_file() and (newest is None or own.stat().st_mtime >= newest[1].stat().st_mtime):
        return own
    return newest[1] if newest else None


def _sample(row: dict[str, Any], step: int) -> dict[str, Any]:
    known = {"step", "prompt", "completion", "advantage"}
    rewards = {
        name: found
        for name, value in row.items()
        if name not in known and (found := number(value)) is not None
    }
    total = sum(rewards.values())
    return {
        "item": str(row.get("prompt"))[:80],
        "split": "train",
        "step": step,
        "prompt": _text(row.get("prompt")),
        "completion": _text(row.get("completion")),
        "rewards": rewards,
        "advantage": number(row.get("advantage")),
        "group": str(row.get("prompt"))[:200],
        "score": total,
        "parsed": "",
        "passed": total > 0,
        "why": "",
        "answer": None,
    }


def _text(value: object) -> str:
    """A prompt or completion that may be a list of chat messages."""
    if isinstance(value, list):
        parts = [
            cast("dict[str, Any]", part) for part in cast("list[object]", value) if isinstance(part, dict)
        ]
        return "\n".join(str(part.get("content", "")) for part in parts)
    return "" if value is None else str(value)
