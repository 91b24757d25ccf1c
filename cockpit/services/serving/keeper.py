"""Keeps one vLLM server: starts it, sees that it answers, restarts it when it dies, ends it when nobody needs it.

    python -m cockpit.services.serving.keeper FOLDER      (`servers.start` does this)

It is small, in a session of its own, and outlives whoever started it. vLLM is several processes, and those of its
engine go on holding memory when the one that answers is killed: the keeper ends all that carry its mark. Should the
keeper itself be killed, the kernel tells the server (PR_SET_PDEATHSIG), and the next look sweeps what is left.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic, serving
from cockpit.contract.serving import ServerFacts, ServerLayout
from cockpit.core.recipe import serving as rules
from cockpit.services.runs import observe
from cockpit.services.serving import http
from cockpit.services.system.processes import LINUX, MARK, belonging, descendants, end_all

TICK_S = 0.5
HEALTH_EVERY_S = 5.0
HEALTH_MISSES = 6  # a server that compiles or swaps may be silent for a while
RESTARTS = 3  # within RESTARTS_S; after that it is somebody's to look at
RESTARTS_S = 600.0
GRACE_S = 10.0
START_S = 900.0  # a large model from a network disk


class Keeper:
    """One server's life. `run` returns when it is over."""

    def __init__(self, layout: ServerLayout, plan: dict[str, Any]) -> None:
        self.layout = layout
        self.plan = plan
        self.token = secrets.token_hex(8)
        self.stopping = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.restarted: list[float] = []
        self.facts = ServerFacts(
            "starting",
            str(plan["model"]),
            plan.get("digest"),
            host=str(plan["host"]),
            token=self.token,
            started=time.time(),
            max_model_len=int(plan["max_model_len"]),
            max_lora_rank=int(plan["max_lora_rank"]),
            max_loras=int(plan["max_loras"]),
            dtype=str(plan["dtype"]),
            idle_s=float(plan["idle_s"]),
            memory=str(plan.get("memory") or ""),
            python=str(plan["python"]),
        )

    def run(self) -> int:
        """Serve until stopped, idle or beyond help; exit code 1 for the last."""
        self._clean()
        atomic.write_bytes(self.layout.key, secrets.token_hex(32).encode(), mode=0o600)
        serving.touch(self.layout)
        try:
            while not self.stopping:
                why = self._one_life()
                if self.stopping:
                    break
                # Said before the rest of it is ended, which may take a while: nobody is to take it for ready.
                again = self._may_restart()
                if again:
                    self._say("starting", f"restarting: {why}", ready=None, restarts=self.facts.restarts + 1)
                else:
                    self._say("stopping", why)
                self._end()
                if not again:
                    self._say("failed", why)
                    return 1
            self._say("stopping", self.stopping)
            self._end()
            self._say("stopped", self.stopping)
            return 0
        finally:
            self._end()
            self._clean()
            self.layout.key.unlink(missing_ok=True)

    def _one_life(self) -> str:
        """Start it and watch it until it is gone or has to go; gives why."""
        self._start()
        began = time.monotonic()
        checked, misses = 0.0, 0
        while not self._asked_to_stop():
            process = self.process
            assert process is not None
            if process.poll() is not None:
                return f"it ended ({_how(process.returncode)}): {self._last_words()}"
            now = time.monotonic()
            if self.facts.state == "starting":
                if http.healthy(self.facts.url):
                    if wrong := http.probe(self.facts.url, serving.read_key(self.layout)):
                        return f"it started, but can't answer: {wrong}. {self._last_words()}"
                    serving.touch(self.layout)
                    self._say("ready", "", ready=time.time())
                elif now - began > START_S:
                    return f"it did not answer within {START_S:.0f} s: {self._last_words()}"
            elif now - checked > HEALTH_EVERY_S:
                checked = now
                misses = 0 if http.healthy(self.facts.url) else misses + 1
                if misses >= HEALTH_MISSES:
                    return "it lives, but does not answer any more"
            time.sleep(TICK_S)
        return self.stopping

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind((self.facts.host, 0))
            port = int(probe.getsockname()[1])
        settings = {**self.plan, "port": port}
        env = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VLLM_API_KEY")
        }
        env |= rules.environment(settings)
        env |= {MARK: self.token, "VLLM_API_KEY": serving.read_key(self.layout), "PYTHONSAFEPATH": "1"}
        if self.plan.get("offline"):
            env["HF_HUB_OFFLINE"] = "1"
        command = [*cast("list[str]", self.plan["command"]), *rules.arguments(settings)]
        with self.layout.log.open("ab") as log:
            log.write(f"\n== {time.strftime('%Y-%m-%d %H:%M:%S')} starting\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.layout.root,
                env=env,
                start_new_session=True,
                preexec_fn=_die_with_me if LINUX else None,
            )
        pid = self.process.pid
        self._say(
            "starting",
            self.facts.says,
            port=port,
            pid=pid,
            born=serving.born(pid),
            namespace=serving.pid_namespace(),
            ready=None,
        )

    def _asked_to_stop(self) -> bool:
        if not self.stopping and self.layout.stop.exists():
            self.stopping = "asked to"
        if not self.stopping and self.facts.state == "ready":
            try:
                used = self.layout.used.stat().st_mtime
            except OSError:
                used = self.facts.ready or self.facts.started
            leases = len(serving.leased(self.layout))
            if rules.is_idle(time.time(), used, self.facts.idle_s, leases):
                self.stopping = f"nobody asked for {self.facts.idle_s / 60:.0f} minutes"
        return bool(self.stopping)

    def _may_restart(self) -> bool:
        """Only what once answered is worth another try, and not for ever."""
        now = time.monotonic()
        self.restarted = [at for at in self.restarted if now - at < RESTARTS_S]
        if self.facts.ready is None or len(self.restarted) >= RESTARTS:
            return False
        self.restarted.append(now)
        return True

    def _end(self) -> None:
        """End every process that is of this server: the one that answers, its engine, and the engine's workers."""
        process = self.process
        if process is None:
            return
        own = len(descendants(process.pid)) + 1
        if process.poll() is None:
            process.terminate()  # vLLM ends its engine itself, in about two seconds
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                say(f"no end within {GRACE_S:.0f} s of SIGTERM: killing it")
        end_all(lambda: belonging(self.token, [process.pid]), grace_s=0.0)
        process.wait()
        _reap()
        self.process = None
        say(f"ended {own} processes")

    def _clean(self) -> None:
        """No request to stop, and no copies of adapters, that an earlier server left."""
        self.layout.stop.unlink(missing_ok=True)
        shutil.rmtree(self.layout.adapters, ignore_errors=True)

    def _say(self, state: serving.ServerState, why: str, **more: Any) -> None:
        self.facts = replace(self.facts, state=state, says=why, **more)
        say(f"{state} {why}".rstrip())
        try:
            serving.write(self.layout, self.facts)
        except OSError as error:
            say(f"the record could not be written: {error}")

    def _last_words(self) -> str:
        """The line of the server's log that says why, without the name of the process before it."""
        text = observe.text_at_end(self.layout.log, 1 << 16)
        lines = [line.partition(") ")[2] if line.startswith("(") else line for line in text.splitlines()]
        errors = [line.strip() for line in lines if "Error" in line and "Traceback" not in line]
        return (errors[-1] if errors else observe.last_error("\n".join(lines)))[:400]


def main(argv: Sequence[str] | None = None) -> int:
    """Keep the server whose plan lies in the folder named; 0 when it was stopped, 1 when it failed."""
    layout = ServerLayout(Path((argv or sys.argv[1:])[0]))
    with serving.holding(layout.lock) as mine:
        if not mine:
            say("another keeper is there")
            return 0
        plan = atomic.read_object(layout.plan)
        if plan is None:
            say(f"{layout.plan} is missing or broken")
            return 1
        keeper = Keeper(layout, plan)

        def asked(number: int, frame: object) -> None:
            keeper.stopping = keeper.stopping or f"asked by {signal.Signals(number).name}"

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, asked)
        if LINUX:
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come to us
        return keeper.run()


def say(text: str) -> None:
    """One line in keeper.log."""
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)


def _die_with_me() -> None:
    """PR_SET_PDEATHSIG: the server is told when its keeper is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


def _reap() -> None:
    """Take the exit codes of orphans that were handed to us."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


if __name__ == "__main__":
    raise SystemExit(main())
