"""Judges that run in processes of their own: a lasting one for a library that may hang, a fresh one for foreign code.

Foreign code (a completion that is to pass unit tests) gets a fresh interpreter in an empty folder, an empty
environment, limits on processor time, memory, files and processes, a wall clock, and no network where the OS lets a
process give it up (Linux namespaces). That keeps accidents and clumsy cheats in; it is no prison for an attacker.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cockpit.contract.errors import CockpitError

START_S = 60.0  # a cold disk and a large library
ANSWER_S = 5.0
MAX_REPLY = 1 << 20
_HARNESS = Path(__file__).with_name("harness.py")


class Worker:
    """A lasting judge: started when first asked, started anew when it hangs or dies. Safe among threads."""

    def __init__(self, *arguments: str, path: str = "", seconds: float = ANSWER_S) -> None:
        self.arguments = arguments
        self.seconds = seconds
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._lock = threading.Lock()

    def ask(self, completion: str, item: Mapping[str, Any]) -> dict[str, Any]:
        """The judge's answer: `score`, `parsed`, `answer`, `why`; or `error`. Raises CockpitError if it won't start."""
        with self._lock:
            process = self._started()
            request = json.dumps({"completion": completion, "item": dict(item)}, default=str) + "\n"
            try:
                assert process.stdin is not None
                process.stdin.write(request.encode("utf-8", "replace"))
                process.stdin.flush()
                line = self._line(process, self.seconds)
            except OSError:
                line = b""
            if line is None:
                self._end()
                return {"score": 0.0, "parsed": False, "why": f"judging took longer than {self.seconds:g} s"}
            if not line:
                self._end()
                return {"score": 0.0, "parsed": False, "why": "the judge's process died on it"}
            return cast("dict[str, Any]", json.loads(line))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        environment = {**os.environ, "COCKPIT_VERIFIER_PATH": self._path, "CUDA_VISIBLE_DEVICES": ""}
        process = subprocess.Popen(
            [sys.executable, "-m", "cockpit.verifiers.processes.worker", *self.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        self._process, self._rest = process, b""
        weakref.finalize(self, _end, process)
        line = self._line(process, START_S)
        hello = cast("dict[str, Any]", json.loads(line)) if line else {"error": "it did not start"}
        if "error" in hello:
            self._end()
            raise CockpitError(
                f"the verifier {':'.join(self.arguments)} can't be used: {str(hello['error'])[:300]}",
                "Mend it, or choose another verifier.",
            )
        return process

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
        """The next whole line; empty where the process ended, None where it takes too long."""
        assert process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                return None
            block = os.read(process.stdout.fileno(), 65536)
            if not block or len(self._rest) > MAX_REPLY:
                return b""
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _end(self) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def run_code(
    program: str, *, seconds: float, memory_mb: int = 1024, tests_from: int = 1 << 30
) -> tuple[bool, str]:
    """Run a program in a fresh sandbox; whether it came to its end, and why not.

    It must reach its last line: ending early with exit code 0 counts as failing. From line `tests_from` on it holds
    tests: what they compare must not equal everything.
    """
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="cockpit-tests-", ignore_cleanup_errors=True) as folder:
        environment = {"PATH": os.defpath, "HOME": folder, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
                       "OMP_NUM_THREADS": "1", "TMPDIR": folder}  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-I", str(_HARNESS)], cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        request = json.dumps(
            {
                "token": token,
                "program": program,
                "seconds": seconds,
                "memory_mb": memory_mb,
                "tests_from": tests_from,
            }
        )
        try:
            said, _ = process.communicate(request.encode("utf-8", "backslashreplace"), timeout=seconds)
        except subprocess.TimeoutExpired:
            return False, f"it took longer than {seconds:g} s"
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)  # whatever it started
            process.kill()
            process.wait()
    return _outcome(said[-4000:], token, process.returncode)


def _outcome(said: bytes, token: str, code: int) -> tuple[bool, str]:
    lines = said.decode("utf-8", "replace").splitlines()
    last = next((line for line in reversed(lines) if line.startswith(token)), "")
    verdict = last.removeprefix(token).strip()
    if verdict == "passed":
        return True, "all tests pass"
    if verdict:
        return False, verdict[:200]
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return False, f"it was ended by {name}"
    return False, f"it ended before its tests did (exit code {code})"
