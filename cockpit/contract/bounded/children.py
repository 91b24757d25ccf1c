"""Ask a program and read what it says, within bounds: one that says too much or takes too long is ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS, MOST = 60.0, 16 << 20
_BLOCK = 1 << 16
_GONE_S = 5.0
_LOOK_S = 0.5  # a child may end while a grandchild holds its pipes: looked for that often


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended and what it said. `late` and `loud`: it was ended for its time, or for saying too much."""

    code: int
    out: bytes
    err: bytes
    late: bool = False
    loud: bool = False

    @property
    def text(self) -> str:
        """What it said on stdout, as text."""
        return self.out.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """What it said on stderr, as text."""
        return self.err.decode("utf-8", "replace")

    @property
    def well(self) -> bool:
        """Whether it ended by itself, and with 0."""
        return self.code == 0 and not self.late and not self.loud


def ask(
    words: Sequence[str],
    *,
    given: bytes = b"",
    seconds: float = SECONDS,
    most: int = MOST,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    together: bool = False,
) -> Ended:
    """Run a program to its end, with `given` as its input; at most `most` bytes of each output are kept in memory.

    `together` puts what it complains of among what it says. Raises OSError where it can't be started.
    """
    process = subprocess.Popen(
        list(words), stdin=subprocess.PIPE if given else subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if together else subprocess.PIPE, cwd=cwd, env=env, start_new_session=True,
    )  # fmt: skip
    said: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    late = loud = False
    try:
        with selectors.DefaultSelector() as waiting:
            for name, pipe in (("out", process.stdout), ("err", process.stderr), ("in", process.stdin)):
                if pipe is not None:
                    os.set_blocking(pipe.fileno(), False)
                    events = selectors.EVENT_WRITE if name == "in" else selectors.EVENT_READ
                    waiting.register(pipe, events, name)
            late, loud = _exchange(
                process, waiting, memoryview(given), said, time.monotonic() + seconds, most
            )
        if not (late or loud):
            process.wait()
    finally:
        end(process)
    return Ended(process.returncode, bytes(said["out"]), bytes(said["err"]), late, loud)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child that leads a group of its own, with all that it started, and close its pipes."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GONE_S)


def _exchange(
    process: subprocess.Popen[bytes], waiting: selectors.BaseSelector, rest: memoryview,
    said: Mapping[str, bytearray], until: float, most: int,
) -> tuple[bool, bool]:  # fmt: skip
    """Write and read until both outputs are closed or the child has ended; whether it is late, whether loud."""
    while any(key.data != "in" for key in waiting.get_map().values()):
        left = until - time.monotonic()
        if left <= 0:
            return True, False
        ended = process.poll() is not None
        ready = waiting.select(0 if ended else min(left, _LOOK_S))
        if ended and not any(key.data != "in" for key, _ in ready):
            break
        for key, _ in ready:
            descriptor = key.fd
            try:
                if key.data == "in":
                    rest = rest[os.write(descriptor, rest[:_BLOCK]) :]
                    block = bytes(rest[:1])
                else:
                    block = os.read(descriptor, _BLOCK)
                    said[key.data].extend(block)
            except BlockingIOError:
                continue
            except OSError:
                block = b""
            if not block:
                waiting.unregister(key.fileobj)
                if key.data == "in" and process.stdin is not None:
                    with contextlib.suppress(OSError):
                        process.stdin.close()
            elif key.data != "in" and len(said[key.data]) > most:
                return False, True
    while process.poll() is None:  # it closed its outputs and goes on
        left = until - time.monotonic()
        if left <= 0:
            return True, False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(left, _LOOK_S))
    return False, False
