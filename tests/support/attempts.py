"""Attempts with stand-in trainers, and the certainty that none of them outlives its test."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.layout import AttemptLayout
from cockpit.core.runs.evidence import ProcessFacts
from cockpit.core.runs.status import AttemptStatus
from cockpit.services.runs.observe import observe
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import alive, belonging

PATIENCE_S = 180.0
"""How long a test waits for what must come: no measure of speed, since a machine may stand still for a minute."""

PRELUDE = """
import json, os, pathlib, signal, subprocess, sys, time
root = pathlib.Path(os.environ["COCKPIT_ATTEMPT_DIR"])
def event(kind, **fields):
    with open(root / "events.jsonl", "a") as out:
        out.write(json.dumps({"v": 1, "seq": 1, "time": time.time(), "kind": kind, **fields}) + "\\n")
def asked():
    return any(p.name.endswith("-stop.json") for p in (root / "control").glob("*"))
def forever(until=lambda: False):
    # a trainer whose supervisor test failed is not to stay for ever
    end = time.monotonic() + 900
    while time.monotonic() < end and not until():
        time.sleep(0.01)
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(what: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """Wait for a condition; its value, once it is true.

    What is waited for needs the processor more than the question does, so asking takes a tenth of the time at most.
    """
    end = time.monotonic() + within_s
    while True:
        begun = time.thread_time()
        if value := what():
            return value
        assert time.monotonic() < end, f"not within {within_s} s"
        time.sleep(min(max(0.02, 10 * (time.thread_time() - begun)), 1.0))


class StandIn:
    """One attempt whose trainer is a few lines of Python."""

    def __init__(self, root: Path) -> None:
        self.layout = AttemptLayout(root)
        root.mkdir(parents=True)

    def recipe(self, command: list[str] | None, *, technique: str = "custom", **sections: Any) -> None:
        resources = {"command": command, **sections.pop("resources", {})}
        recipe = {
            "experiment_id": "exp_0001",
            "technique": technique,
            "model": {"name_or_path": "none"},
            "data": {"train": "t.jsonl", "mini_eval": "m.jsonl", "held_out": "h.jsonl"},
            "verifier": "exact",
            "resources": resources,
            **sections,
        }
        self.layout.recipe.write_text(json.dumps(recipe))

    def trainer(self, body: str, **sections: Any) -> None:
        script = self.layout.root / "trainer.py"
        script.write_text(PRELUDE + textwrap.dedent(body))
        self.recipe([sys.executable, "-I", "-S", "-u", str(script)], **sections)

    @property
    def facts(self) -> ProcessFacts:
        facts = read_facts(self.layout.process)
        assert facts is not None
        return facts

    @property
    def status(self) -> AttemptStatus:
        return observe(self.layout)

    def says(self, text: str) -> bool:
        """Whether the trainer printed it."""
        return text in (self.layout.log.read_text() if self.layout.log.exists() else "")

    def over(self) -> bool:
        """Whether its end is on record and its supervisor gone."""
        facts = read_facts(self.layout.process)
        return facts is not None and facts.ended is not None and not alive(facts.supervisor)


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    made = StandIn(tmp_path / "ws/.cockpit/experiments/exp_0001/attempts/001")
    yield made
    clean_up(made.layout)


def clean_up(layout: AttemptLayout) -> None:
    facts = read_facts(layout.process)
    if facts is None:
        return
    for process in (facts.supervisor, facts.trainer):
        if process is not None and process.pid != os.getpid() and alive(process):
            os.kill(process.pid, signal.SIGKILL)
    for row in belonging(facts.launch):
        os.kill(row.pid, signal.SIGKILL)
