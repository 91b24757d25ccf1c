"""Processes forked from one that has imported the training stack, which costs ten seconds each otherwise.

They are what `python -m MODULE …` would be, but for their interpreter: pid, environment, log, signals, exit code and
an exec of theirs are their own. Each pytest worker has one such parent, multiprocessing's fork server.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.trainers.real.warm_stack"])


class Warm:
    """One started process, with what is needed of `subprocess.Popen`."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        largest_file: int | None = None,
    ) -> None:
        log.parent.mkdir(exist_ok=True)
        given = dict(os.environ if env is None else env)
        self._process = _FORKS.Process(
            target=_become, args=(module, list(arguments), log, given, largest_file)
        )
        with contextlib.chdir(ROOT):  # where the first start finds what it imports
            self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises TimeoutError."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"it was not over within {timeout} s")
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
        self._process.join()


def _become(
    module: str, arguments: list[str], log: Path, env: dict[str, str], largest_file: int | None
) -> None:
    nothing, said = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for held, number in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(held, number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
