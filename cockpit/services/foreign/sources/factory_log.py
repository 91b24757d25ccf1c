"""LLaMA-Factory's `trainer_log.jsonl`: a line for each logged step, written while it trains.

The columns are those of its `LogCallback`: `current_steps`, `total_steps`, `loss`, `eval_loss`, `lr`, `epoch`,
`accuracy` (TRL's rewards/accuracies), `reward`; the rest (`percentage`, times as text) tells of progress only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.contract.bounded import untrusted
from cockpit.contract.values import mapping, number, whole
from cockpit.services.foreign.record import Row, Update, metric
from cockpit.services.foreign.sources.tail import ByteTail

LOG = "trainer_log.jsonl"
_PROGRESS = ("current_steps", "total_steps", "percentage", "throughput", "total_tokens")
_CALLED = {"accuracy": "rewards/accuracies"}


class FactoryRun:
    """One log. Where two processes wrote the same file, a step takes the line that came last."""

    kind = "llamafactory"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.place = path, name, str(path)
        self.settings: dict[str, Any] = {}
        self._tail = ByteTail(path)

    def poll(self) -> Update:
        update = Update()
        data = self._tail.read()
        update.restarted = self._tail.restarted
        *lines, rest = data.split(b"\n")
        whole_rest = _decoded(rest) is not None  # the last line of all may lack its end
        self._tail.keep(b"" if whole_rest else rest)
        for line in [*lines, *([rest] if whole_rest else [])]:
            if (row := _decoded(line)) is not None:
                self._line(row, update)
        return update

    def _line(self, row: dict[str, Any], update: Update) -> None:
        step, total = whole(row.get("current_steps")), whole(row.get("total_steps"))
        if step is None:
            return
        if total:
            self.settings["max_steps"] = total
            if step >= total:
                update.state = "finished"
        values = {
            _CALLED.get(name, metric(name)): found
            for name, value in row.items()
            if name not in _PROGRESS and (found := number(value)) is not None
        }
        if values:
            update.rows.append(Row(step, None, values))


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        return mapping(untrusted.parse(line)) if line.strip() else None
    except ValueError:
        return None
