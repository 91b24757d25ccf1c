"""Keeps the processes of each judgement: `python -I -S harness.py`, two messages on stdin, the outcome on stdout.

Run by path in a bare interpreter, which lasts and forks: a fresh interpreter a completion costs three times as much.
The first message (the code) is read here; the second (the tests) by the tests' process alone, so that no process of the
completion's ever held it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import struct
import sys
import time
import types
from typing import Any

_above = os.path.realpath(__file__)
for _name in ("cockpit.verifiers.code", "cockpit.verifiers", "cockpit"):
    _above = os.path.dirname(_above)
    _package = types.ModuleType(_name)  # without running the packages' own files: a bare interpreter is quick
    _package.__path__ = [_above]
    sys.modules.setdefault(_name, _package)

from cockpit.verifiers.code import guest, judge, wire  # noqa: E402
from cockpit.verifiers.walls import spaces, walls  # noqa: E402

_RAISING_S = 15.0
_PROCESSES = 64
_WATCH_S = 0.05


def main() -> int:
    """Judge one request after the other, each in processes that end with it; this one only forks, and stays clean."""
    sys.path += sys.argv[1:]
    gc.freeze()
    while (request := _request()) is not None:
        keeper = os.fork()
        if keeper == 0:
            sound = False
            try:
                sound = _judge(request)
            finally:
                os._exit(0 if sound else 1)
        if os.waitpid(keeper, 0)[1]:
            return 1  # what was left unread would be taken for the next request
    return 0


def _judge(request: dict[str, Any]) -> bool:
    """Judge one completion and write the outcome; whether the tests' process itself said it."""
    spaces.die_with_parent()
    folder = str(request["folder"])
    os.environ.update(HOME=folder, TMPDIR=folder)
    before = spaces.user_world()
    space = spaces.own_folder(folder)
    os.chdir(folder)
    request["processes"] = _PROCESSES + spaces.processes(before)
    asking, answering = os.pipe(), os.pipe()
    ours, theirs = (answering[0], asking[1]), (asking[0], answering[1])
    report, told = os.pipe()
    tests = os.fork()
    if tests == 0:
        _run_tests(ours, told, request, folder)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for end in (*ours, told):
        os.close(end)
    spaces.adopt_orphans()
    inside = spaces.own_processes()
    ready, walled = os.pipe()
    code = os.fork()
    if code == 0:
        os.close(report)
        _keep_code(theirs, walled, request, folder, inside=inside, space=space)
    for end in (*theirs, walled):
        os.close(end)
    standing = _standing(ready)
    refused = standing is not None and standing["refused"]
    outcome = {} if refused or standing is None else _outcome(report, float(request["seconds"]))
    sound = "gone" in outcome
    outcome.update(standing or {"why": "it could not be judged: no walls could be raised"}, sound=sound)
    if outcome.pop("gone", False):
        outcome["why"] = _ending(code)
    for child in (tests, code):
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    outcome["left"] = not spaces.end_children()
    wire.send((0, 1), outcome)
    return sound


def _request() -> dict[str, Any] | None:
    """The next request; None where nobody asks any more."""
    head = _exactly(4)
    return json.loads(_exactly(struct.unpack("=I", head)[0])) if len(head) == 4 else None


def _exactly(size: int) -> bytes:
    parts: list[bytes] = []
    while size and (block := os.read(0, size)):
        parts.append(block)
        size -= len(block)
    return b"".join(parts)


def _run_tests(pipe: wire.Pipe, told: int, request: dict[str, Any], folder: str) -> None:
    """Be the tests' process."""
    try:
        spaces.die_with_parent()
        tests = _request() or {}
        _only(*pipe, told)
        walls.raise_all(folder, inside=False)
        walls.limit(request["seconds"], request["memory_mb"], request["processes"])
        judge.main(pipe, told, {**request, **tests})
    finally:
        os._exit(0)


def _keep_code(
    pipe: wire.Pipe, walled: int, request: dict[str, Any], folder: str, *, inside: bool, space: bool
) -> None:  # fmt: skip
    """Be the first process of the completion's world: when it ends, all in there end."""
    spaces.die_with_parent()
    code = os.fork()
    if code == 0:
        try:
            os.setsid()
            _only(*pipe, walled)
            raised = [*walls.raise_all(folder, inside=inside), *([walls.SPACE] if space else [])]
            missing = [name for name in request["must"] if name not in raised]
            wire.send((walled, walled), {"walls": raised, "refused": missing})
            os.close(walled)  # before any foreign code is there to say something else
            if missing:
                os._exit(0)
            walls.limit(request["seconds"], request["memory_mb"], request["processes"])
            guest.main(pipe, request)
        finally:
            os._exit(0)
    for end in (*pipe, walled):
        os.close(end)
    while True:
        ended, status = os.wait()
        if ended == code:
            ended_by = os.waitstatus_to_exitcode(status)
            os._exit(ended_by if ended_by >= 0 else 128 - ended_by)


def _only(*kept: int) -> None:
    """Close every file but these; the standard ones lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    last = 3
    for number in sorted(kept):
        os.closerange(last, number)
        last = number + 1
    os.closerange(last, 1 << 16)


def _standing(ready: int) -> dict[str, Any] | None:
    """Which walls stand round the code, and which of those that must are missing; None where none could be raised."""
    there = select.select([ready], [], [], _RAISING_S)[0]
    return wire.receive((ready, ready)) if there else None


def _outcome(report: int, seconds: float) -> dict[str, Any]:
    """What the tests' process says, within the time. Root's processes have no limit but this watch."""
    watched = walls.needed()
    until = time.monotonic() + seconds
    said = b""
    while True:
        left = until - time.monotonic()
        if watched and spaces.started(_PROCESSES) > _PROCESSES:
            return {"passed": False, "why": f"it starts more than {_PROCESSES} processes and threads"}
        there = (
            select.select([report], [], [], min(left, _WATCH_S) if watched else left)[0] if left > 0 else []
        )
        if not there and time.monotonic() < until:
            continue
        if not there:
            return {"passed": False, "why": f"it took longer than {seconds:g} s"}
        block = os.read(report, 65536)
        said += block
        if not block:
            break
    try:
        told = json.loads(said)
        return {"passed": told["passed"] is True, "why": str(told["why"]), "gone": told["gone"] is True}
    except (ValueError, LookupError, TypeError):
        return {"passed": False, "why": "the tests' process ended before its tests did"}


def _ending(code: int) -> str:
    """How the completion's process ended before the tests were done."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        ended, status = os.waitpid(code, os.WNOHANG)
        if ended:
            number = os.waitstatus_to_exitcode(status)
            if number > 128 and number - 128 in set(signal.Signals):
                return f"it was ended by {signal.Signals(number - 128).name}"
            return f"it ended before its tests did (exit code {number})"
        time.sleep(0.002)
    return "it ended before its tests did"


if __name__ == "__main__":
    sys.exit(main())
