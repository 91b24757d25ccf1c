"""Reports one attempt to its tracker: follows the attempt's files, and closes the tracker's run whatever happens.

    python -m trainers.report.tracker ATTEMPT_DIR --watch PID  # a trainer starts this beside itself
    python -m trainers.report.tracker ATTEMPT_DIR --close  # send what is missing, and end a run that was left open

It reads what the trainer writes and is never waited for. tracker.json says how far it got; its log is logs/tracker.log.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from cockpit.contract import AttemptLayout, CockpitError, LineTail, Recipe, atomic, lock
from cockpit.contract.reader import decode_line
from trainers.attempt.cache import workspace_of
from trainers.report import sinks
from trainers.report.sinks import Row, Run, Sink

EVERY_S = 1.0
LAST_S = 40.0
"""After the trainer's end, a tracker elsewhere that still has not taken the rest is given up."""
LOCAL_S = 120.0
"""The same for a store on this machine: it is there, and making it (MLflow's tables) is slow on a busy one."""
HURRY_S = 4.0
"""After a SIGTERM; whoever sends it kills a moment later."""
MOST_WAITING = 200_000
_NOT_METRICS = ("step", "time", "nonfinite")
_ENDS = {"finished": "finished", "early_stopped": "finished", "stopped": "stopped"}


@dataclass
class State:
    """tracker.json. `state`: opening, running, closed. Offsets are bytes of the two files that were sent."""

    tracker: str
    where: str
    run_id: str | None = None
    state: str = "opening"
    error: str = ""
    metrics_offset: int = 0
    events_offset: int = 0

    @classmethod
    def load(cls, path: Path, tracker: str, where: str) -> State:
        kept = atomic.read_json(path)
        if not isinstance(kept, dict) or kept.get("tracker") != tracker or kept.get("where") != where:
            return cls(tracker, where)
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if name in kept})


@dataclass
class Reporter:
    """Follows and sends; `outcome` is known once an `end` was read."""

    layout: AttemptLayout
    run: Run
    sink: Sink
    state: State
    since: float = 0.0
    """Epoch seconds: an `end` that is older belongs to an earlier process of the attempt."""
    outcome: str | None = None
    waiting: list[Row] = field(default_factory=list[Row])
    _last: int = 0
    _opened: bool = False
    _again: float = 0.0
    _pause: float = 1.0

    def __post_init__(self) -> None:
        self.metrics, self.events = LineTail(self.layout.metrics), LineTail(self.layout.events)
        # A resume drops the rows after its checkpoint: what was told of them can't be taken back, what follows is new.
        self.metrics.offset = min(self.state.metrics_offset, _size(self.layout.metrics))
        self.events.offset = self.state.events_offset

    @property
    def last_s(self) -> float:
        """Seconds after the trainer's end for which this tracker is waited for."""
        return LOCAL_S if self.sink.local else LAST_S

    def read(self) -> None:
        """Take up what is new. Rows wait here until the tracker took them, the oldest dropped beyond a bound."""
        for tail, take in ((self.metrics, self._metric), (self.events, self._event)):
            more = True
            while more:
                for line in tail.read():
                    row = decode_line(line)
                    if row is not None:
                        take(row)
                more = tail.more
        del self.waiting[:-MOST_WAITING]

    def _metric(self, row: Mapping[str, Any]) -> None:
        values = {key: float(v) for key, v in row.items() if key not in _NOT_METRICS and _is_number(v)}
        if values and isinstance(row.get("step"), int):
            self.waiting.append(Row(row["step"], values, _time_of(row)))

    def _event(self, row: Mapping[str, Any]) -> None:
        if row.get("kind") == "end" and float(row.get("time") or 0.0) >= self.since:
            self.outcome = _ENDS.get(str(row.get("outcome")), "failed")
            best = row.get("best_score")
            if best is not None and _is_number(best):
                self._at_end({"eval/best_score": float(best)}, row)
        elif row.get("kind") == "held_out" and _is_number(row.get("score")):
            n = max(1, int(row.get("n") or 1))
            parsed = int(row.get("parsed") or 0) / n
            scores = {"eval/held_out_score": float(row["score"]), "eval/held_out_parsed_share": parsed}
            self._at_end(scores, row)

    def _at_end(self, values: Mapping[str, float], event: Mapping[str, Any]) -> None:
        self._last = max(self._last, *(row.step for row in self.waiting), 0)
        self.waiting.append(Row(self._last, values, _time_of(event)))

    def send(self) -> bool:
        """Hand on what waits; False where the tracker could not take it (it is tried again, ever more rarely)."""
        if time.monotonic() < self._again:
            return False
        try:
            if not self._opened:
                if self.state.run_id is None and self.sink.new_id is not None:
                    self.state.run_id = self.sink.new_id
                    self._save()
                self.state.run_id = self.sink.open(self.run, self.state.run_id)
                self.state.state, self._opened = "running", True
                self._save()
            if self.waiting:
                self.sink.log(self.waiting)
                self._last = max(self._last, *(row.step for row in self.waiting))
                self.waiting.clear()
                self.state.metrics_offset, self.state.events_offset = self.metrics.given, self.events.given
                self._save()
        except Exception as error:  # noqa: BLE001 - each tracker has errors of its own, and none may end this
            self._failed(error)
            return False
        self._pause, self.state.error = 1.0, ""
        return True

    def close(self) -> bool:
        """Send the rest and end the tracker's run, as the attempt's own `end` says; without one it failed."""
        self._again = 0.0
        self.read()  # first: whoever was told to hurry before it read anything still closes it as it ended
        if not self.send():
            return False
        try:
            self.sink.close(self.outcome or "failed", [path for path in self._files() if path.is_file()])
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)
            return False
        self.state.state, self.state.error = "closed", ""
        self.state.metrics_offset, self.state.events_offset = self.metrics.given, self.events.given
        self._save()
        return True

    def _files(self) -> list[Path]:
        log = Path(os.environ.get("EVO_WORKTREE") or self.run.workspace) / "methodlog.md"
        return [self.layout.recipe, self.layout.summary, self.layout.result, log]

    def _failed(self, error: Exception) -> None:
        said = sinks.masked(error, sinks.secrets_of(os.environ))
        if said != self.state.error:
            sinks.eprint(f"{self.state.tracker} at {self.state.where}: {said}")
        self.state.error = said
        self._again = time.monotonic() + self._pause
        self._pause = min(60.0, 2 * self._pause)
        self._save()

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            if self.layout.root.is_dir():
                atomic.write_json(self.layout.tracker, {"v": 1, **vars(self.state)})


class Watched:
    """The trainer, told from a later process with the same number."""

    def __init__(self, pid: int) -> None:
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.Error:
            self._process = None

    def alive(self) -> bool:
        try:
            return (
                self._process is not None
                and self._process.is_running()
                and self._process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainers.report.tracker")
    parser.add_argument("attempt_dir", type=Path)
    parser.add_argument("--watch", type=int, default=0, metavar="PID", help="the trainer")
    parser.add_argument("--close", action="store_true", help="send what is missing, end the run, and leave")
    args = parser.parse_args(argv)
    layout = AttemptLayout(args.attempt_dir.resolve())
    try:
        recipe = Recipe.load(layout.recipe)
    except CockpitError as error:
        sinks.eprint(str(error))
        return 1
    if recipe.report_to == "none":
        return 0
    os.nice(5)  # training comes first
    with _alone(layout) as alone:
        return (close if args.close else follow)(layout, recipe, args.watch) if alone else 0


def follow(layout: AttemptLayout, recipe: Recipe, pid: int) -> int:
    """Report until the trainer has ended; then close, within a bounded time."""
    trainer, hurry = Watched(pid), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: hurry.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reporter = _reporter(layout, recipe, since=_started(layout))
    if reporter.state.state == "closed" and not trainer.alive():
        reporter.read()
        if not reporter.waiting and reporter.outcome is None:
            return 0  # a second reporter of the same process, which came to its turn when all was sent
    threading.Thread(target=_give_up, args=(trainer, hurry, reporter.last_s), daemon=True).start()
    while not hurry.is_set():
        alive = trainer.alive()  # asked before reading: what a dead one wrote is then read whole
        reporter.read()
        reporter.send()
        if reporter.outcome or not alive:
            break
        hurry.wait(EVERY_S)
    while not reporter.close():
        if hurry.wait(EVERY_S):
            reporter.close()
            break
    return 0 if reporter.state.state == "closed" else 1


def _started(layout: AttemptLayout) -> float:
    """When this process of the attempt began (epoch seconds): it may be over before a slow client is imported."""
    record = atomic.read_json(layout.process)
    started = record.get("started") if isinstance(record, dict) else None
    return float(started) if isinstance(started, int | float) else time.time() - EVERY_S


def close(layout: AttemptLayout, recipe: Recipe, pid: int) -> int:
    """End a run that was left open, if it can be reached from here."""
    reporter = _reporter(layout, recipe, since=0.0)
    kept = atomic.read_json(layout.tracker)
    if isinstance(kept, dict) and (
        kept.get("state") == "closed" or kept.get("where", reporter.state.where) != reporter.state.where
    ):
        return 0
    threading.Timer(reporter.last_s, os._exit, (1,)).start()
    reporter.read()
    done = reporter.close()
    sys.stdout.flush()
    os._exit(0 if done else 1)


def _reporter(layout: AttemptLayout, recipe: Recipe, *, since: float) -> Reporter:
    workspace = workspace_of(layout.root)
    sink = sinks.make(recipe.report_to, workspace)
    with contextlib.suppress(Exception):  # where it can't be imported, opening says so
        importlib.import_module(sink.client)  # now: the seconds that it takes are not the tracker's
    tags = {
        "technique": recipe.technique,
        "parent": recipe.parent or "none",
        "dataset": (recipe.data.train_hash or "none")[:16],
        "weights": "lora" if recipe.peft else "full",
        "attempt": str(recipe.attempt),
    }
    run = Run(
        project=workspace.name or "cockpit",
        name=recipe.experiment_id,
        params=dict(_flat(recipe.model_dump(mode="json"))),
        tags=tags,
        folder=layout.root,
        workspace=workspace,
    )
    state = State.load(layout.tracker, recipe.report_to, sink.where)
    return Reporter(layout, run, sink, state, since)


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"trainer": {"beta": 0.05}}` as `trainer.beta`; the environment of the recipe stays out."""
    for key, part in value.items():
        name = f"{prefix}{key}"
        if name == "resources.env":
            continue
        if isinstance(part, dict) and part:
            yield from _flat(part, f"{name}.")
        else:
            yield name, part if isinstance(part, str) else json.dumps(part)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _time_of(row: Mapping[str, Any]) -> float:
    """When a line was written; where it does not say, when it was read."""
    said = row.get("time")
    return float(said) if isinstance(said, int | float) and 0 < said < 1e11 else time.time()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@contextlib.contextmanager
def _alone(layout: AttemptLayout) -> Iterator[bool]:
    """One reporter an attempt; a resumed run's waits for its predecessor to finish."""
    with lock.take(layout.root / ".tracker.lock", wait_s=LOCAL_S + HURRY_S, every_s=0.2) as held:
        yield held.free


def _give_up(trainer: Watched, hurry: threading.Event, last_s: float) -> None:
    """End this process where a tracker hangs: `last_s` after the trainer's end, HURRY_S after a SIGTERM."""
    while trainer.alive() and not hurry.wait(EVERY_S):
        pass
    hurry.wait(last_s)
    if hurry.is_set():
        time.sleep(HURRY_S)
    os._exit(1)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a tracker's own threads are not waited for
