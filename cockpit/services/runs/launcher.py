"""Launch, stop, resume, wait: what the screens and the command line do to a run.

Every function may block for a moment (call it from a thread in a UI) and speaks in CockpitErrors. The runs
themselves belong to their supervisors: nothing here has to stay alive for them.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic, control
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError, why
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.lock import PROBE_S, Lock, take
from cockpit.core.runs.evidence import Pid, ProcessFacts
from cockpit.core.runs.status import Liveness
from cockpit.services.runs import observe
from cockpit.services.runs.lock import SUPERVISOR_LOCK, launch_lock
from cockpit.services.runs.record import read_facts
from cockpit.services.runs.supervision import GRACE_FILE
from cockpit.services.system import spawn
from cockpit.services.system.processes import belonging, liveness, send

START_S = 60.0  # until the supervisor says that the trainer was started: a cold disk may take its time
WITHDRAW_S = 5.0  # for a supervisor to write down what it starts, or to give up
CONFIRM_S = 0.5  # a trainer that is broken from the start mostly ends sooner

ProcessRecord = ProcessFacts


def launch(
    attempt_dir: Path | AttemptLayout,
    *,
    resume: bool = False,
    module: str | None = None,
    arguments: Sequence[str] = (),
    confirm_s: float | None = None,
) -> ProcessRecord:
    """Start the attempt's trainer under a supervisor of its own, and see that it really started.

    `module` (with `arguments`) runs another of our modules in this attempt, such as `trainers.evaluate`. Takes
    well under two seconds, `confirm_s` (CONFIRM_S) of which are for a trainer that ends at once. Raises
    CockpitError: nothing to run, runs already, ran already, could not be started, or ended at once with an error.
    """
    attempt = _layout(attempt_dir)
    _check_recipe(attempt)
    with launch_lock(attempt):
        facts = read_facts(attempt.process)
        _refuse_second(attempt, facts, resume=resume, other=module is not None)
        control.clear(attempt)  # a stop that nobody answered would end the new run at its first step
        (attempt.control / GRACE_FILE).unlink(missing_ok=True)
        token = uuid.uuid4().hex[:16]
        options = [
            "--launch",
            token,
            *(["--resume"] if resume else []),
            *(["--module", module] if module else []),
        ]
        confirm_s = CONFIRM_S if confirm_s is None else confirm_s
        answers = _supervise(attempt, options, arguments, confirm_s=confirm_s)
    return _judge_start(attempt, answers)


def withdraw(attempt: AttemptLayout) -> bool:
    """Delete the attempt of a launch that failed; False where it ran, or a supervisor is about to start it.

    While the supervisor's lock is held here, one that was forked and comes late starts nothing, nor does it when the
    recipe is gone.
    """
    lock, until = _supervisor_lock(attempt), time.monotonic() + WITHDRAW_S
    while lock.state == "busy" and not attempt.process.exists() and time.monotonic() < until:
        lock = _supervisor_lock(attempt)
    with lock:
        unsure = (
            lock.state == "none" and attempt.supervisor_log.exists()
        )  # forked, and no lock tells whether it lives
        if not lock.free or unsure or attempt.process.exists():
            return False
        shutil.rmtree(attempt.root, ignore_errors=True)
        with suppress(OSError):
            attempt.root.parent.rmdir()  # where it would have been the first
    return True


def _supervisor_lock(attempt: AttemptLayout) -> Lock:
    try:
        return take(attempt.root / SUPERVISOR_LOCK, wait_s=PROBE_S)
    except OSError:
        return Lock("none", -1)


def resume(attempt_dir: Path | AttemptLayout, *, confirm_s: float | None = None) -> ProcessRecord:
    """Go on from the newest checkpoint. Raises CockpitError as `launch` does."""
    return launch(attempt_dir, resume=True, confirm_s=confirm_s)


def stop(attempt_dir: Path | AttemptLayout, *, now: bool = False, grace_s: float | None = None) -> str:
    """Ask the run to stop; returns at once with a sentence that says what will happen.

    Control file, then SIGTERM, then SIGKILL, each after the recipe's grace (or `grace_s` seconds): the
    supervisor sees to that, whether or not this process lives. `now` leaves the trainer two seconds.
    Raises CockpitError where nothing runs or it can't be reached.
    """
    attempt = _layout(attempt_dir)
    facts = read_facts(attempt.process)
    seen = liveness(facts)
    if facts is None or not _may_live(facts, seen):
        raise CockpitError("nothing runs here, so there is nothing to stop", file=attempt.root)
    if seen.where == "elsewhere":
        if now:
            raise CockpitError(
                f"it runs on {facts.host}, out of reach from here", f"Stop it on {facts.host}."
            )
        _ask(attempt, grace_s)
        return f"Asked it, by its folder, to stop at the end of its step on {facts.host}."
    if not seen.supervisor:
        facts = _adopt(attempt, facts)
        if facts is None:
            return "It ended just now."
    _ask(attempt, grace_s)
    assert facts.supervisor is not None
    send(facts.supervisor, signal.SIGUSR1 if now else signal.SIGTERM)
    return "Stopping now." if now else "Stopping: it finishes its step and writes a checkpoint first."


def wait(attempt_dir: Path | AttemptLayout, timeout: float | None = None) -> ProcessRecord | None:
    """Wait until the run has ended and that is on record; None where `timeout` (seconds) was over first."""
    attempt = _layout(attempt_dir)
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        facts = read_facts(attempt.process)
        seen = liveness(facts)
        if facts is not None and (facts.ended is not None or not _may_live(facts, seen)):
            return facts
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return None
        _sleep_until_change(facts, seen, left)


def _layout(attempt: Path | AttemptLayout) -> AttemptLayout:
    return attempt if isinstance(attempt, AttemptLayout) else AttemptLayout(Path(attempt).resolve())


def _check_recipe(attempt: AttemptLayout) -> None:
    if not attempt.root.is_dir():
        raise CockpitError("the attempt's folder is gone", "Create the experiment anew.", file=attempt.root)
    from cockpit.contract.recipe import Recipe  # pydantic: not before somebody launches

    recipe = Recipe.load(attempt.recipe)
    if recipe.technique == "custom" and not recipe.resources.command:
        raise CockpitError(
            "a custom technique needs resources.command, the trainer to run", file=attempt.recipe
        )


def _refuse_second(attempt: AttemptLayout, facts: ProcessFacts | None, *, resume: bool, other: bool) -> None:
    if facts is None:
        if resume:
            raise CockpitError("it was never started, so there is nothing to resume", "Launch it.")
        return
    seen = liveness(facts)
    if _may_live(facts, seen):
        where = f"on {facts.host}" if seen.where == "elsewhere" else f"(pid {_pid(facts)})"
        if seen.where == "elsewhere" and not observe.observe(attempt).live:
            return  # no sign of it for long: status calls it lost
        raise CockpitError(f"it runs already {where}", "Stop it first, or look at it.", file=attempt.root)
    if facts.trainer is None and facts.launch and (left := belonging(facts.launch)):
        raise CockpitError(f"it runs already (pid {left[0].pid}), started by a supervisor that died since")
    began = facts.trainer is not None or facts.outcome not in (None, "spawn_failed")
    if began and not resume and not other:
        raise CockpitError(
            "this attempt has run already, and an attempt is one run",
            "Resume it, or make a new experiment with another hypothesis.",
            file=attempt.root,
        )
    if resume and "-m" in facts.argv and not any(attempt.checkpoints.glob("step_*")):
        raise CockpitError(
            "there is no checkpoint to resume from", "Make a new attempt.", file=attempt.checkpoints
        )


def _may_live(facts: ProcessFacts, seen: Liveness) -> bool:
    """Whether a process of the attempt lives or, out of sight, may live."""
    if facts.ended is not None:
        return bool(seen.trainer)
    if seen.where == "elsewhere":
        return True
    return bool(seen.trainer or seen.supervisor)


def _pid(facts: ProcessFacts) -> int | str:
    process = facts.trainer or facts.supervisor
    return process.pid if process else "?"


def _ask(attempt: AttemptLayout, grace_s: float | None) -> None:
    try:
        if grace_s is not None:
            atomic.write_text(attempt.control / GRACE_FILE, str(grace_s))
        control.request(attempt, "stop")
    except OSError as error:
        # The signal that follows does the same, unless the folder is all that we can reach.
        if liveness(read_facts(attempt.process)).where == "elsewhere":
            raise CockpitError(f"the request can't be written: {why(error)}", file=attempt.control) from error


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the supervisor said through its pipe, and what it was until then."""

    lines: tuple[dict[str, Any], ...]
    silent: bool
    """No word at all within START_S."""


def _supervise(
    attempt: AttemptLayout, options: Sequence[str], arguments: Sequence[str], *, confirm_s: float
) -> _Answers:
    """Start a supervisor, detached, and listen to it until the trainer is up and `confirm_s` later."""
    hear, tell = os.pipe2(os.O_CLOEXEC)
    argv = [sys.executable, "-P", "-m", "cockpit.services.runs.supervisor", *options, "--ready-fd", str(tell)]
    try:
        attempt.supervisor_log.parent.mkdir(parents=True, exist_ok=True)
        with attempt.supervisor_log.open("ab") as log:
            first = subprocess.Popen(
                [*argv, "--", str(attempt.root), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=spawn.child_environment(),
                pass_fds=(tell,),
                start_new_session=True,
            )
    except OSError as error:
        os.close(hear)
        raise CockpitError(
            f"the supervisor could not be started: {why(error)}", file=error.filename
        ) from error
    finally:
        os.close(tell)
    try:
        return _listen(hear, confirm_s)
    finally:
        os.close(hear)
        first.wait()  # it forks and leaves at once


def _listen(hear: int, confirm_s: float) -> _Answers:
    heard = b""
    deadline = time.monotonic() + START_S
    confirming = False
    while True:
        ready, _, _ = select.select([hear], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            break
        block = os.read(hear, 4096)
        if not block:
            break
        heard += block
        if not confirming and b"\n" in heard:
            confirming = True
            deadline = time.monotonic() + confirm_s
        if heard.count(b"\n") > 1:
            break
    lines = tuple(cast("dict[str, Any]", untrusted.parse(line)) for line in heard.split(b"\n")[:-1])
    return _Answers(lines, silent=not lines)


def _judge_start(attempt: AttemptLayout, answers: _Answers) -> ProcessRecord:
    said: dict[str, Any] = {}
    for line in answers.lines:
        said |= line
    if answers.silent:
        why = observe.last_error(observe.text_at_end(attempt.supervisor_log, 8192))
        raise CockpitError(
            f"the supervisor did not start{': ' + why if why else ''}",
            "Its log may say more.",
            file=attempt.supervisor_log,
        )
    if "error" in said:
        raise CockpitError(f"the trainer could not be started: {said['error']}", "Correct the recipe.")
    facts = read_facts(attempt.process)
    if facts is None:
        raise CockpitError("the record of the process can't be read", file=attempt.process)
    if said.get("exit_code") or said.get("signal"):
        why = observe.observe(attempt).sentence
        raise CockpitError(f"the trainer ended at once. {why}", "Its log has more.", file=attempt.log)
    return facts


def _adopt(attempt: AttemptLayout, facts: ProcessFacts) -> ProcessFacts | None:
    """Give an orphaned trainer a new supervisor; None where the trainer ended meanwhile."""
    _supervise(attempt, ["--adopt"], (), confirm_s=0.0)
    new = read_facts(attempt.process)
    if not liveness(new).trainer:
        return None
    if new is None or new.supervisor == facts.supervisor:
        raise CockpitError(
            "its supervisor died, and a new one could not be started", file=attempt.supervisor_log
        )
    return new


def _sleep_until_change(facts: ProcessFacts | None, seen: Liveness, left: float) -> None:
    """Asleep until the process that writes the record ends, where it can be watched; else a moment."""
    watched: Pid | None = None
    if facts is not None:
        watched = facts.trainer if seen.trainer else None
    try:
        handle = os.pidfd_open(watched.pid) if watched is not None else None
    except (OSError, AttributeError):
        handle = None
    if handle is None:
        time.sleep(min(left, 0.05))
        return
    try:
        select.select([handle], [], [], min(left, 5.0))
    finally:
        os.close(handle)
