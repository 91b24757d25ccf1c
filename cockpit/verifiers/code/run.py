"""This side of judging code by tests: starts the processes, gives each its request, reads the outcome within bounds."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import children
from cockpit.contract.errors import CockpitError
from cockpit.verifiers.code import wire
from cockpit.verifiers.walls import walls

WITHOUT_WALLS = "COCKPIT_WITHOUT_WALLS"
MEMORY_MB = 1024
_PATIENCE_S = 20.0  # on top of what the code has: an interpreter starts on a busy machine
_HARNESS = Path(__file__).with_name("harness.py")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the tests went: whether all pass, why not, and the walls that the code ran behind."""

    passed: bool
    why: str
    walls: tuple[str, ...] = ()


def run(
    code: str, tests: Mapping[str, Any], *, setup: str = "", seconds: float, memory_mb: int = MEMORY_MB,
    vouched: bool = False,
) -> Outcome:  # fmt: skip
    """Judge `code` by tests: `tests` (their code), `call` (run after it), `entry` and `defines` (names asked for), or
    `program` (inputs and outputs). `setup` is the item's own code, above both. `vouched`: the code is ours.

    Raises CockpitError where the code may not run here: root's files are everybody's, and there is no wall round them.
    """
    must = [walls.FILES] if not vouched and walls.needed() and not os.environ.get(WITHOUT_WALLS) else []
    first = {"code": code, "setup": setup, "seconds": seconds, "memory_mb": memory_mb, "must": must,
             "program": bool(tests.get("program"))}  # fmt: skip
    with (
        _borrowed() as harness,
        tempfile.TemporaryDirectory(prefix="cockpit-tests-", ignore_cleanup_errors=True) as folder,
    ):
        said = harness.ask({**first, "folder": folder}, dict(tests), seconds + _PATIENCE_S)
    return _outcome(said, seconds)


class _Harness:
    """A harness's process: judges one completion after the other."""

    def __init__(self) -> None:
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HARNESS), *_libraries()], env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.pipe = self.process.stdout.fileno(), self.process.stdin.fileno()
        self.owner = os.getpid()
        self.finalizer = weakref.finalize(self, children.end, self.process)

    def ask(self, first: dict[str, Any], second: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The outcome; None where none comes in time. Ends the process where it is of no use any more."""
        try:
            for message in (first, second):
                wire.send(self.pipe, message)
            if select.select([self.pipe[0]], [], [], seconds)[0]:
                said = wire.receive(self.pipe)
                if said is not None and said.get("sound") is True:
                    return said
                self.finalizer()
                return said
        except (OSError, wire.Unreadable):
            pass
        self.finalizer()
        return None


_idle: list[_Harness] = []


@contextlib.contextmanager
def _borrowed() -> Generator[_Harness]:
    """A harness that nobody else asks meanwhile: an idle one of this very process, or a new one."""
    harness = None
    while harness is None:
        try:
            harness = _idle.pop()
        except IndexError:
            harness = _Harness()
        if harness.owner != os.getpid() or harness.process.poll() is not None:
            harness = None
    yield harness
    if harness.finalizer.alive and harness.process.poll() is None:
        _idle.append(harness)


_found: list[tuple[str, ...]] = []


def standing() -> tuple[str, ...]:
    """Which walls this machine gives, found by raising them round a line of our own.

    Raises CockpitError where that comes to no end, which says nothing about the walls.
    """
    for seconds in () if _found else (10.0, 30.0):
        outcome = run("done = True", {"tests": "assert done"}, seconds=seconds, vouched=True)
        if outcome.passed:
            _found.append(outcome.walls)
            break
    if not _found:
        raise CockpitError(
            "which walls stand round the code of completions could not be found out in time",
            "Try again when the machine is less busy.",
        )
    return _found[0]


def lacking() -> str:
    """What this machine can't keep from the code of completions, in a sentence; empty where every wall stands.

    Raises CockpitError where the code may not run here at all.
    """
    there = standing()
    missing = [name for name in walls.MEANING if name not in there]
    if walls.FILES in missing and walls.needed() and not os.environ.get(WITHOUT_WALLS):
        raise _refusal(missing)
    if not missing:
        return ""
    unheld = "; ".join(walls.MEANING[name] for name in missing)
    return f"The code of completions runs here without some of its walls. Not held: {unheld}."


def _refusal(missing: Sequence[str]) -> CockpitError:
    return CockpitError(
        "the code of completions doesn't run here: you are root, and this machine can't keep it from your files "
        f"(missing walls: {', '.join(missing)})",
        f"Run as an ordinary user, or in a container that holds nothing else and with {WITHOUT_WALLS}=1.",
    )


def _outcome(said: dict[str, Any] | None, seconds: float) -> Outcome:
    if said is None:
        return Outcome(False, f"it could not be judged within {seconds:g} s")
    if said.get("refused"):
        raise _refusal([str(name) for name in said["refused"]])
    if said.get("left"):
        return Outcome(False, "it left processes that could not be ended", tuple(said.get("walls", ())))
    passed = said.get("passed") is True
    return Outcome(
        passed, "all tests pass" if passed else str(said["why"])[:200], tuple(said.get("walls", ()))
    )


@functools.cache
def _libraries() -> list[str]:
    """Where this interpreter's libraries lie: nobody's own modules."""
    below = tuple({os.path.realpath(place) for place in (sys.prefix, sys.base_prefix)})
    return [part for part in sys.path if part and os.path.isdir(part) and os.path.realpath(part).startswith(below)
            and os.path.basename(part) in ("site-packages", "dist-packages")]  # fmt: skip
