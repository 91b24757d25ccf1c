"""Mirror foreign runs as attempt folders of our own, in a temporary folder, and keep them up to date.

The screens and the readings know one thing only, the attempt folder; so a run from elsewhere is written as one. What
is watched is never written to.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.layout import WorkspaceLayout
from cockpit.contract.values import number
from cockpit.contract.writer import AttemptWriter
from cockpit.services.foreign.record import ForeignRun, Row, Update, technique_of

EVERY_S = 1.0
_CONFIG = """\
# Runs that are only watched: {place}
name = {name}

[model]
name_or_path = {model}

[data]
mini_eval = "-"
held_out = "-"

[verifier]
spec = "exact"
"""


class _One:
    """One run's mirror."""

    def __init__(
        self, run: ForeignRun, layout: WorkspaceLayout, number_: int, clock: Callable[[], float]
    ) -> None:
        self.run = run
        self.id = f"exp_{number_:04d}"
        self.experiment = layout.experiment(self.id)
        self.attempt = self.experiment.attempt(1)
        self.clock = clock
        self.when = clock()
        self.names: set[str] = set()
        self.ended = False
        self._told = ""
        self._open()

    def _open(self) -> None:
        self.attempt.root.mkdir(parents=True, exist_ok=True)
        self.out = AttemptWriter(self.attempt.root, clock=lambda: self.when, warn=lambda _: None)

    def take(self, update: Update) -> None:
        """Write down what is new."""
        if update.restarted:
            self.out.close()
            shutil.rmtree(self.attempt.root, ignore_errors=True)
            self._open()
            self.names, self.ended, self._told = set(), False, ""
        for row in update.rows:
            self._row(row)
        for step, samples in sorted(update.samples.items()):
            self.when = self.clock()
            self.out.samples(step, "train", samples)
        self._records()
        if update.state in ("finished", "failed", "stopped") and not self.ended:
            self.ended = True
            self.out.end(update.state, update.why or f"as {self.run.kind} says")

    def _row(self, row: Row) -> None:
        fresh = not self.names
        self.when = row.time if row.time is not None and math.isfinite(row.time) else self.clock()
        if fresh:
            self.out.stage("training", self.run.place)
        self.names |= row.values.keys()
        self.out.metrics(row.step, row.values)

    def _records(self) -> None:
        """experiment.json and recipe.json: the technique is known only once it has logged something."""
        technique = technique_of(sorted(self.names))
        settings = self.run.settings
        key = f"{technique} {self.run.name} {len(settings)}"
        if key == self._told:
            return
        self._told = key
        model = str(settings.get("model") or settings.get("model_name_or_path") or "")
        trainer = {
            k: v for k, v in settings.items() if isinstance(v, str | int | float | bool) and k != "model"
        }
        beta = number(settings.get("beta"))
        record: dict[str, Any] = {
            "v": 1, "id": self.id, "parent": None, "technique": technique, "lora": "lora_rank" in settings,
            "hypothesis": self.run.name, "model": model, "verifier": "", "created": self.clock(), "decision": None,
            "smoke": None,
        }  # fmt: skip
        recipe: dict[str, Any] = {
            "v": 1, "experiment_id": self.id, "technique": technique, "hypothesis": self.run.name,
            "model": {"name_or_path": model}, "trainer": trainer | ({"beta": beta} if beta is not None else {}),
            "watched": {"kind": self.run.kind, "place": self.run.place},
        }  # fmt: skip
        for path, value in ((self.experiment.record, record), (self.attempt.recipe, recipe)):
            atomic.write_json(path, value)


class Mirror:
    """Keeps `root` (made here, thrown away by `close`) up to date with `runs`."""

    def __init__(
        self, runs: Sequence[ForeignRun], place: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cockpit-watch-"))
        self.place = place
        self._layout = WorkspaceLayout(self.root)
        self._stop = threading.Event()
        model = next((str(run.settings["model"]) for run in runs if run.settings.get("model")), "-")
        config = _CONFIG.format(place=_line(place), name=_quoted(f"watched: {place}"), model=_quoted(model))
        self._layout.config.write_text(config, "utf-8")
        self._runs = [_One(run, self._layout, number_, clock) for number_, run in enumerate(runs, 1)]
        self._thread = threading.Thread(target=self._follow, name="cockpit-mirror", daemon=True)

    def poll(self) -> None:
        """Take over what is new, once."""
        for one in self._runs:
            try:
                update = one.run.poll()
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others are shown
                update = Update(
                    state="failed", why=f"it can't be read: {type(error).__name__}: {error}"[:300]
                )
            one.take(update)

    def start(self) -> None:
        """Go on polling in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and throw the folder away."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        shutil.rmtree(self.root, ignore_errors=True)

    def _follow(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.poll()


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    import json

    return json.dumps(_line(text), ensure_ascii=True)
