"""Starts one trainer, watches it to its end, and writes down how it went.

    python -m cockpit.services.runs.supervisor ATTEMPT_DIR     (the launcher does this)

It is small and knows no torch, in a session of its own, and the trainer is in another one: a closed terminal, a
killed cockpit, or a killed supervisor leaves the trainer running. SIGTERM asks the trainer to stop with a
checkpoint; SIGUSR1 stops it now. `--adopt` watches a trainer whose supervisor died.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.bounded import children
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.lock import Lock, take
from cockpit.contract.serving import FOLDER_VARIABLE
from cockpit.contract.values import mapping, number
from cockpit.core.runs.evidence import Pid
from cockpit.services.runs import aftermath, trackers
from cockpit.services.runs.lock import SUPERVISOR_LOCK
from cockpit.services.runs.record import ProcessFile, read_facts
from cockpit.services.runs.supervision import Watch
from cockpit.services.system import spawn
from cockpit.services.system.oom import OomWatch
from cockpit.services.system.processes import LINUX, MARK, alive, start_time

_KEEP_TRYING_S = 60.0  # for a record that does not fit on the disk
SERVER = "cockpit.services.serving.beside"
START_SERVER_S = 10.0  # until it has left: it forks before it does anything


def main(argv: Sequence[str] | None = None) -> int:
    """Supervise one attempt; exit code 0 unless the trainer could not be started or adopted."""
    parser = argparse.ArgumentParser(prog="python -m cockpit.services.runs.supervisor", description=__doc__)
    parser.add_argument("attempt_dir", type=Path)
    parser.add_argument("--launch", default="", help="a name for this launch (default: made up)")
    parser.add_argument("--module", help="instead of the module that the technique names")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--adopt", action="store_true", help="watch a trainer that already runs")
    parser.add_argument("--foreground", action="store_true", help="stay attached to the caller")
    parser.add_argument("--ready-fd", type=int, default=-1, help="where to tell the launcher that it runs")
    parser.add_argument("arguments", nargs="*", help="more arguments for the trainer (after --)")
    options = parser.parse_args(argv)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a caller's blocked signals would reach the trainer
    layout = AttemptLayout(options.attempt_dir.resolve())
    if not options.foreground:
        _detach(layout)
    ready = Ready(options.ready_fd)
    lock = _only_one(layout)
    if not lock.free:
        return ready.fail("another supervisor watches this attempt already")
    options.launch = options.launch or f"{os.getpid()}-{time.time_ns():x}"
    return adopt(layout, ready, lock) if options.adopt else run(layout, options, ready, lock)


class Ready:
    """Tells the launcher, as JSON lines on a pipe, what came of the start; a launcher that is gone is no matter."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        if handle >= 0:
            os.set_inheritable(handle, False)

    def tell(self, **facts: object) -> None:
        """One line."""
        try:
            if self._handle >= 0:
                os.write(self._handle, json.dumps(facts).encode() + b"\n")
        except OSError:
            self._handle = -1

    def fail(self, sentence: str) -> int:
        """Say why nothing runs; gives the exit code."""
        say(sentence)
        self.tell(error=sentence)
        return 1


def run(layout: AttemptLayout, options: argparse.Namespace, ready: Ready, lock: Lock) -> int:
    """Start the trainer and stay with it."""
    recipe = atomic.read_object(layout.recipe)
    if recipe is None:
        return ready.fail(f"{layout.recipe} is missing or no recipe")
    me = Pid(os.getpid(), start_time(os.getpid()) or 0.0)
    record = ProcessFile.begin(layout.process, launch=options.launch, now=time.time(), supervisor=me)
    record.update(resumed=options.resume, time_budget_s=_budget(recipe, "seconds"))
    if (error := record.write()) is not None:
        return ready.fail(
            f"{layout.process} can't be written ({error.strerror}), so the trainer was not started"
        )
    oom = OomWatch()
    _name_server(layout, recipe)
    _become_subreaper()
    watch = Watch(
        layout,
        record,
        grace_s=_budget(recipe, "grace_s"),
        beside=aftermath.Beside(layout, say),
        reporter=_reporter(layout, options.launch),
    )
    # A job's node is taken away while it waits; elsewhere a stop that comes late changes nothing.
    leave = watch.told_to_leave if options.foreground else None
    try:
        process = _start(layout, recipe, options, record)
    except (OSError, ValueError) as error:
        sentence = _why_not_started(error, record)
        record.update(outcome="spawn_failed", detail=sentence, ended=round(time.time(), 3))
        record.write()
        code = ready.fail(sentence)
        lock.release()
        aftermath.write_down(layout, say, leave=leave)
        return code
    trainer = Pid(process.pid, start_time(process.pid) or 0.0)
    record.update(trainer={"pid": trainer.pid, "start_time": trainer.start_time})
    record.write()
    ready.tell(trainer=trainer.pid)
    status = watch.until_end(trainer, child=True)
    process.returncode = status if status is not None else 0  # reaped by the watch: Popen need not look
    _write_end(record, watch, status, oom, trainer)
    ready.tell(exit_code=record.values["exit_code"], signal=record.values["signal"])
    watch.sweep(trainer)
    _insist(record)
    lock.release()  # the record is whole: whoever resumes or scores the run need not wait for what comes now
    if not (
        options.foreground and watch.reason == "signal"
    ):  # Slurm takes the node away, and may requeue the job
        aftermath.write_down(layout, say, leave=leave)
    trackers.close_left(layout)  # last: a tracker that is out of reach takes minutes
    return 0


def _name_server(layout: AttemptLayout, recipe: Mapping[str, Any]) -> None:
    """Where the recipe's evaluations are to be answered by a warm server: start it beside the run, and name it."""
    os.environ.pop(FOLDER_VARIABLE, None)
    if mapping(recipe.get("mid_eval")).get("engine") != "vllm":
        return
    from cockpit.contract import serving  # only those who want a server pay for pydantic
    from cockpit.contract.recipe import Recipe

    try:
        whole = Recipe.parse(recipe)
    except CockpitError as error:
        say(f"no server: {error}")
        return
    if serving.why_not(whole):
        return
    model = serving.model_of(whole)
    os.environ[FOLDER_VARIABLE] = str(serving.layout_for(model, serving.model_digest(model)).root)
    # It forks and leaves at once: a server is not among what a run leaves behind.
    aftermath.run(layout, SERVER, [str(layout.root)], within_s=START_SERVER_S, say=say)


def adopt(layout: AttemptLayout, ready: Ready, lock: Lock) -> int:
    """Watch the living trainer of a supervisor that died: its budget, its stop, its orphans; not its exit code."""
    facts = read_facts(layout.process)
    record = ProcessFile(layout.process, atomic.read_object(layout.process) or {})
    if facts is None or facts.trainer is None or not alive(facts.trainer):
        return ready.fail("nothing to adopt: no trainer lives here")
    grace = _budget(atomic.read_object(layout.recipe) or {}, "grace_s")
    watch = Watch(
        layout,
        record,
        grace_s=grace,
        beside=aftermath.Beside(layout, say),
        reporter=_reporter(layout, facts.launch),
    )
    record.update(supervisor={"pid": os.getpid(), "start_time": start_time(os.getpid())}, adopted=True)
    record.write()
    ready.tell(trainer=facts.trainer.pid)
    watch.until_end(facts.trainer, child=False)
    record.update(outcome="time_budget" if watch.reason == "time_budget" else "exited")
    record.update(detail="Its first supervisor died, so its exit code is not known.")
    watch.write_stop()
    record.update(ended=round(time.time(), 3))
    watch.sweep(facts.trainer)
    _insist(record)
    lock.release()
    aftermath.write_down(layout, say)
    trackers.close_left(layout)
    return 0


def _reporter(layout: AttemptLayout, launch: str | None) -> trackers.Kept:
    return trackers.Kept(layout, {**os.environ, MARK: launch or ""}, say)


def say(text: str) -> None:
    """One line in logs/supervisor.log, which may be on a full disk."""
    try:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)
    except OSError:
        return


def _start(
    layout: AttemptLayout, recipe: Mapping[str, Any], options: argparse.Namespace, record: ProcessFile
) -> subprocess.Popen[bytes]:
    command = spawn.command(
        layout.root, recipe, os.environ, token=options.launch, module=options.module, resume=options.resume
    )
    own = recipe.get("resources", {}).get("command") and not options.module
    more = [] if own else ["--resume"] * bool(options.resume) + list(options.arguments)
    record.update(argv=[*command.shown, *more], cwd=str(command.cwd), python=command.python)
    record.update(git_sha=_git_sha(command.cwd))
    layout.log.parent.mkdir(parents=True, exist_ok=True)
    with layout.log.open("ab") as log:
        process = subprocess.Popen(
            [*command.argv, *more],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=command.cwd,
            env=dict(command.env),
            start_new_session=True,
            preexec_fn=command.before_exec,
        )
    if own and recipe.get("report_to", "none") != "none":
        trackers.start(layout, process.pid, {**os.environ, MARK: options.launch})
    return process


def _write_end(record: ProcessFile, watch: Watch, status: int | None, oom: OomWatch, trainer: Pid) -> None:
    """Exit code or signal, and what was behind it."""
    number = -status if status is not None and status < 0 else None
    record.update(ended=round(time.time(), 3), outcome="exited" if number is None else "signaled")
    if number is not None:
        record.update(signal=_signal_name(number))
    else:
        record.update(exit_code=status)
    # 137: a shell or launcher script passes on that the kernel killed what it ran.
    killed = number == signal.SIGKILL or status == 128 + signal.SIGKILL
    verdict = oom.verdict(trainer.pid)
    oom.close()
    if watch.reason is None and killed and verdict is not None:
        record.update(outcome="oom_killed", detail=verdict.message)
    elif watch.reason is None and killed:
        record.update(detail="Somebody killed it; there is no sign that memory ran out.")
    elif verdict is not None and status:
        record.update(detail=f"The kernel killed a process for memory while it ran. {verdict.message}")
    if watch.reason == "time_budget":
        record.update(outcome="time_budget")
    watch.write_stop()
    record.write()
    say(f"ended: {record.values['outcome']} {record.values['exit_code']} {record.values['signal'] or ''}")


def _insist(record: ProcessFile) -> None:
    """Write the last word, waiting a while for room on the disk."""
    begun = time.monotonic()
    while (error := record.write()) is not None:
        if time.monotonic() - begun > _KEEP_TRYING_S or not record.path.parent.is_dir():
            say(f"the record could not be written: {error}")
            return
        time.sleep(1.0)


def _detach(layout: AttemptLayout) -> None:
    """Leave the caller: another parent, another session, no terminal, and no folder held."""
    if os.fork():
        os._exit(0)
    if os.getsid(0) != os.getpid():
        os.setsid()
    try:
        layout.supervisor_log.parent.mkdir(exist_ok=True)  # the attempt itself may have been withdrawn
        log = os.open(layout.supervisor_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        log = os.open(os.devnull, os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    os.chdir("/")


def _only_one(layout: AttemptLayout) -> Lock:
    """Hold the attempt for this process's life; `busy` where another one does. A kill lets go by itself.

    Without locks on this file system the launcher's own lock has to do.
    """
    try:
        return take(layout.root / SUPERVISOR_LOCK)
    except OSError:
        return Lock(
            "none", -1
        )  # no room for a lock: the record can't be written either, and that will be said


def _become_subreaper() -> None:
    """Have the trainer's orphans handed to us rather than to init, so that they are found and reaped."""
    if LINUX:
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _why_not_started(error: OSError | ValueError, record: ProcessFile) -> str:
    if isinstance(error, ValueError):
        return str(error)
    named = str(error.filename or record.values["python"] or "the trainer")
    if isinstance(error, FileNotFoundError):
        what = "the folder to run in" if named == record.values["cwd"] else "the interpreter or command"
        return f"{what} {named} does not exist (resources.python or resources.command of the recipe)"
    if isinstance(error, PermissionError) or error.errno == errno.ENOEXEC:
        return f"{named} may not be run: no permission, or not a program"
    return f"{named} could not be started: {error.strerror or error}"


def _budget(recipe: Mapping[str, Any], name: str) -> float | None:
    return number(mapping(recipe.get("budget")).get(name))


def _git_sha(cwd: Path) -> str | None:
    try:
        done = children.ask(["git", "rev-parse", "HEAD"], cwd=cwd, seconds=2)
    except OSError:
        return None
    return (done.well and done.text.strip()) or None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


if __name__ == "__main__":
    raise SystemExit(main())
