"""Mirror foreign runs as attempt folders of our own, in a temporary folder, and keep them up to date.

The screens and the readings know one thing only, the attempt folder; so a run from elsewhere is written as one. What
is watched is never written to. A run that has an attempt folder already is linked, and read where it lies.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout, WorkspaceLayout
from cockpit.contract.values import mapping, number
from cockpit.contract.writer import AttemptWriter
from cockpit.core.runs.evidence import Pid
from cockpit.services.foreign.record import ForeignRun, Row, Update
from cockpit.services.foreign.sources.attempt import AttemptRun
from cockpit.services.foreign.techniques import technique_of
from cockpit.services.system import processes

EVERY_S = 1.0
LOOK_EVERY = 10  # polls until it is looked whether another run has begun
_MOST = 500
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
        self._begun = False
        self._process: Pid | None = None
        self._open()

    def _open(self) -> None:
        self.attempt.root.mkdir(parents=True, exist_ok=True)
        self.out = AttemptWriter(self.attempt.root, clock=lambda: self.when, warn=lambda _: None)

    def take(self, update: Update) -> None:
        """Write down what is new."""
        heard = self._heard()
        if update.restarted:
            self.out.close()
            shutil.rmtree(self.attempt.root, ignore_errors=True)
            self._open()
            self.names, self.ended, self._told, self._begun = set(), False, "", False
        if update.rewound_to is not None:
            self.out.rewind(update.rewound_to)
            self.out.notice("info", f"It was resumed: rows after step {update.rewound_to} were logged anew.")
        if not self._begun:
            self._begun = True
            self.when = heard
            self.out.stage("loading", self.run.place)
        for row in update.rows:
            self._row(row, heard)
        for step, samples in sorted(update.samples.items()):
            self.when = heard
            self.out.samples(step, "train", samples)
        self._records()
        self._watch_process()
        if update.state in ("finished", "failed", "stopped") and not self.ended:
            self.ended = True
            self.out.end(update.state, update.why or f"as {self.run.kind} says")

    def _heard(self) -> float:
        """When its newest file was written: a row that has no time is no older, and was perhaps read long after."""
        return min(_written(Path(self.run.place)) or math.inf, self.clock())

    def warn(self, text: str) -> None:
        """Tell what is the matter with the place that the run is watched at."""
        self.out.notice("warning", text)

    def _row(self, row: Row, heard: float) -> None:
        fresh = not self.names
        self.when = row.time if row.time is not None and math.isfinite(row.time) else heard
        if fresh:
            self.out.stage("training", self.run.place)
        self.names |= row.values.keys()
        self.out.metrics(row.step, row.values)

    def _watch_process(self) -> None:
        """Note the process that writes, once it was seen alive: when it goes without a word, that is told at once."""
        pid = getattr(self.run, "pid", None)
        if pid is None or (self._process is not None and self._process.pid == pid):
            return
        began = processes.start_time(pid)
        if began is None:
            return
        self._process = Pid(pid, began)
        here = processes.machine()
        record = {
            "v": 1, "host": here.host, "boot_id": here.boot_id, "pid_namespace": here.pid_namespace,
            "trainer": {"pid": pid, "start_time": began}, "started": None,
        }  # fmt: skip
        atomic.write_json(self.attempt.process, record)

    def _records(self) -> None:
        """experiment.json and recipe.json: the technique may be known only once something was logged."""
        technique = technique_of(sorted(self.names), self.run.settings)
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
        recipe: dict[str, Any] = {
            "v": 1, "experiment_id": self.id, "technique": technique, "hypothesis": self.run.name,
            "model": {"name_or_path": model}, "trainer": trainer | ({"beta": beta} if beta is not None else {}),
            "watched": {"kind": self.run.kind, "place": self.run.place},
        }  # fmt: skip
        record = _record(self.id, technique, self.run.name, model, lora="lora_rank" in settings)
        for path, value in (
            (self.experiment.record, record | {"created": self.clock()}),
            (self.attempt.recipe, recipe),
        ):
            atomic.write_json(path, value)


class _Linked:
    """A run that has an attempt folder: the link to it, and the experiment's record."""

    def __init__(
        self, run: AttemptRun, layout: WorkspaceLayout, number_: int, clock: Callable[[], float]
    ) -> None:
        self.run = run
        self.id = f"exp_{number_:04d}"
        self._experiment = layout.experiment(self.id)
        self._clock = clock
        self._told = ""
        link = self._experiment.attempt(1).root
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(run.folder.resolve(), target_is_directory=True)

    def warn(self, text: str) -> None:
        """Nothing: its events are its own, and its newest line's age is shown."""

    def take(self, update: Update) -> None:
        """Tell the technique and the model as its recipe does."""
        recipe = mapping(atomic.read_json(AttemptLayout(self.run.folder).recipe))
        technique = str(recipe.get("technique") or "unknown")
        if technique == self._told:
            return
        self._told = technique
        model = str(mapping(recipe.get("model")).get("name_or_path") or "")
        lora = "peft" in recipe
        record = _record(self.id, technique, str(recipe.get("hypothesis") or self.run.name), model, lora=lora)
        atomic.write_json(self._experiment.record, record | {"created": self._clock()})


def _record(id_: str, technique: str, hypothesis: str, model: str, *, lora: bool) -> dict[str, Any]:
    return {
        "v": 1, "id": id_, "parent": None, "technique": technique, "lora": lora, "hypothesis": hypothesis,
        "model": model, "verifier": "", "decision": None, "smoke": None,
    }  # fmt: skip


class Mirror:
    """Keeps `root` (made here, thrown away by `close`) up to date with `runs`.

    `look` finds the runs again: one that began later is taken in. `trouble` says what keeps the place from being
    followed, "" where nothing does; each run's events tell it.
    """

    def __init__(
        self,
        runs: Sequence[ForeignRun],
        place: str,
        *,
        look: Callable[[], Sequence[ForeignRun]] | None = None,
        trouble: Callable[[], str] = str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cockpit-watch-"))
        self.place = place
        self._layout = WorkspaceLayout(self.root)
        self._stop = threading.Event()
        self._look, self._clock, self._trouble, self._told = look, clock, trouble, ""
        model = next((str(run.settings["model"]) for run in runs if run.settings.get("model")), "-")
        config = _CONFIG.format(place=_line(place), name=_quoted(f"watched: {place}"), model=_quoted(model))
        self._layout.config.write_text(config, "utf-8")
        self._runs: list[_One | _Linked] = []
        self._unreadable: dict[str, str] = {}
        self._known: set[tuple[str, str]] = set()
        self._add(runs)
        self._thread = threading.Thread(target=self._follow, name="cockpit-mirror", daemon=True)

    def _add(self, runs: Sequence[ForeignRun]) -> None:
        for run in runs:
            identity = (run.place, run.name)
            if identity in self._known or len(self._runs) >= _MOST:
                continue
            self._known.add(identity)
            number_ = len(self._runs) + 1
            one = (
                _Linked(run, self._layout, number_, self._clock)
                if isinstance(run, AttemptRun)
                else _One(run, self._layout, number_, self._clock)
            )
            self._runs.append(one)

    def look_again(self) -> None:
        """Take in the runs that have begun since; what can't be looked at now is looked at later."""
        if self._look is None:
            return
        try:
            found = self._look()
        except Exception:  # noqa: BLE001 - the runs that are known are shown whatever is the matter with the place
            return
        # What was found in a folder first as one thing (event files) and now as another (with a checkpoint) is one run.
        taken = [Path(place) for place, _ in self._known]
        self._add([run for run in found if (run.place, run.name) in self._known or not _within(run, taken)])

    def poll(self) -> None:
        """Take over what is new, once."""
        trouble = self._trouble()
        if trouble != self._told:
            self._told = trouble
            for one in self._runs:
                one.warn(trouble or "It is followed again.")
        for one in self._runs:
            try:
                one.take(one.run.poll())
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others are shown
                self._unread(one, f"It can't be read just now: {type(error).__name__}: {error}"[:300])

    def _unread(self, one: _One | _Linked, why: str) -> None:
        """Say once what is wrong with a run; it is tried again at every poll."""
        if self._unreadable.get(one.id) != why:
            self._unreadable[one.id] = why
            with suppress(OSError):
                one.warn(why)

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
        polls = 0
        while not self._stop.wait(EVERY_S):
            polls += 1
            if polls % LOOK_EVERY == 0:
                self.look_again()
            self.poll()


def _written(place: Path) -> float | None:
    """When the newest file of a source was written (epoch seconds); None where the place is none of the disk."""
    try:
        if place.is_dir():
            return max((path.stat().st_mtime for path in place.iterdir()), default=None)
        return place.stat().st_mtime
    except OSError:
        return None


def _within(run: ForeignRun, taken: Sequence[Path]) -> bool:
    """Whether a Trainer's folder holds, or lies in, the place of a run that is shown already."""
    here = Path(run.place)
    return run.kind == "trainer" and any(here in place.parents for place in taken)


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    import json

    return json.dumps(_line(text), ensure_ascii=True)
