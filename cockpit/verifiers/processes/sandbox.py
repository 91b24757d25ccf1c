"""A judge that lasts in a process of its own, for a library that may hang, signal or crash."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any, cast

from cockpit.contract.errors import CockpitError

START_S = 60.0  # a cold disk and a large library
ANSWER_S = 5.0
MAX_REPLY = 1 << 20


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
