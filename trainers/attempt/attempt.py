"""One attempt as a trainer sees it: its recipe, its reports, its stop flag, and the other processes of the run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout, AttemptWriter, Recipe
from cockpit.contract.events import Stage
from trainers.attempt import imports
from trainers.attempt.processes import OneProcess
from trainers.attempt.signals import StopFlag, Stopped


class Nobody:
    """Stand in for the orchestrator of a run that has none; for runs in evo, `trainers.report.evo` has the real one."""

    wants_score = False
    """True if a score must be written however the run ends, even after a stop or a poor mid-eval."""

    def publish_summary(self, summary: Mapping[str, Any]) -> None:
        """Hand on train_summary.json."""

    def publish_result(self, result: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
        """Hand on result.json and the scored rows behind it."""

    def unscored(self) -> bool:
        """Return True if a result was expected and not written; the exit code must not be 0 then."""
        return False


@dataclass
class Attempt:
    """What a trainer is given. `facts` collects values for train_summary.json (tokens, trackers, …), `extra_metrics`
    numbers that go into every row of metrics.jsonl beside what TRL logs. `said`: every notice, with its level and what
    it is about. `closing`: what is to be done when training is over, however it ended. `start`: the checkpoint that a
    resume goes on from, known in the first process.
    """

    layout: AttemptLayout
    recipe: Recipe
    out: AttemptWriter
    stop: StopFlag
    resume: bool = False
    processes: OneProcess = field(default_factory=OneProcess)
    orchestrator: Nobody = field(default_factory=Nobody)
    began: float = field(default_factory=time.monotonic)
    facts: dict[str, Any] = field(default_factory=dict)
    extra_metrics: dict[str, float] = field(default_factory=dict)
    said: list[tuple[str, str, Any]] = field(default_factory=list)
    closing: ExitStack = field(default_factory=ExitStack)
    start: Path | None = None

    def stage(self, name: Stage, detail: str = "") -> None:
        """Report a stage, unless the run was asked to stop meanwhile. Raises Stopped."""
        if self.stop:
            raise Stopped
        self.enter(name, detail)

    def enter(self, name: Stage, detail: str = "") -> None:
        """Report a stage, whatever was asked meanwhile: for where all processes have agreed to go on."""
        (imports.hold if name == "importing" else imports.settle)()
        if self.processes.first:
            print(f"== {name} {detail}".rstrip(), flush=True)
        self.out.stage(name, detail)

    def told_to_stop(self) -> bool:
        """Return True if any process of the run was asked to stop. Waits for all of them, and answers them all alike.

        Act on the answer, never on `stop`: a signal that comes a moment later is heard here and not yet there, and
        processes that don't do the same wait for each other until they are killed.
        """
        agreed = self.processes.agree(bool(self.stop))[0]
        if agreed:
            self.stop.follow()
        return agreed

    def notice(self, text: str, level: Any = "info", about: Any = None) -> None:
        """Say something to the person, in the events and in the log; programs go by `about`, not by the sentence."""
        if self.processes.first:
            print(f"[{level}] {text}", flush=True)
        self.said.append((text, level, about))
        self.out.notice(level, text, about)
