"""The processes of an export: each says on its output how far it is, and dies with whoever waits for it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import children, untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping
from cockpit.core.safe_text import clip
from cockpit.services.system import spawn

Say = Callable[[str], None]
MOST_LINE, MOST_KEPT = (
    1 << 20,
    64 << 10,
)  # bytes of a line that is read, and of all lines that are kept for an error
_PROGRESS = re.compile(r"(held-out set|mini-eval): (\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended. `code`: its exit code, or below 0 the signal that killed it; `lines`: the last it said."""

    code: int
    lines: Sequence[str]

    @property
    def why(self) -> str:
        """Why it failed: the signal that killed it, or its own last word."""
        if self.code >= 0:
            return _last(self.lines) + (f" (exit code {self.code})" if self.code else "")
        try:
            name = signal.Signals(-self.code).name
        except ValueError:
            name = f"signal {-self.code}"
        memory = ", most likely because memory ran out" if -self.code == signal.SIGKILL else ""
        return f"it was killed by {name}{memory}"


def step(name: str, request: Mapping[str, Any], *, python: str, say: Say) -> dict[str, Any]:
    """Run a step of `trainers.exports` and give what it made. Raises CockpitError with its own word."""
    with tempfile.TemporaryDirectory(prefix="cockpit-export-") as folder:
        file = Path(folder) / "request.json"
        file.write_text(json.dumps(request), "utf-8")
        # Weights are written on the CPU: a GPU may be another run's.
        ran = run(
            [python, "-m", "trainers.exports", name, str(file)], python, say, {"CUDA_VISIBLE_DEVICES": ""}
        )
    for line in reversed(ran.lines):
        value = _parsed(line)
        if "done" in value and ran.code == 0:
            return mapping(value["done"])
        if "error" in value:
            raise CockpitError(str(value["error"]), str(value.get("mend") or ""), file=value.get("file"))
    raise CockpitError(
        f"the export failed: {ran.why}", "Its own words are above; the checkpoint is untouched."
    )


def evaluate(
    attempt: Path, arguments: Sequence[str], *, python: str, say: Say, env: Mapping[str, str]
) -> Ran:
    """Score the attempt in `attempt`; gives how the scorer ended."""
    words = [python, "-u", "-m", "trainers.evaluate", str(attempt), *arguments, "--after-training"]
    return run(words, python, say, {**env, "COCKPIT_ATTEMPT_DIR": str(attempt)})


def run(words: Sequence[str], python: str, say: Say, env: Mapping[str, str]) -> Ran:
    """Run a program to its end and give how it ended; it is killed where the waiting for it is broken off."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("EVO_")}
    known |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONIOENCODING": "utf-8:surrogatepass"}
    known.setdefault("OMP_NUM_THREADS", str(spawn.own_threads()))
    try:
        process = subprocess.Popen(
            list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**known, **spawn.import_environment(python, known), **env}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise CockpitError(
            f"{words[0]} can't be started: {error.strerror}", "Correct resources.python."
        ) from error
    kept: list[str] = []
    tenth = -1
    try:
        assert process.stdout is not None
        for raw in iter(lambda: process.stdout.readline(MOST_LINE), b""):  # pyright: ignore[reportOptionalMemberAccess]
            line = raw.decode("utf-8", "replace").rstrip("\n")
            tenth = _tell(line, say, tenth)
            kept.append(line)
            while len(kept) > 1 and sum(map(len, kept)) > MOST_KEPT:
                kept.pop(0)
        code = process.wait()
    finally:
        children.end(process)
    return Ran(code, kept)


def _tell(line: str, say: Say, tenth: int) -> int:
    """Pass on what is progress, each tenth of a pass once; the rest is for errors alone. Gives the tenth."""
    stage = _parsed(line).get("stage")
    if isinstance(stage, str):
        say(stage)
    elif match := _PROGRESS.fullmatch(line):
        now = 10 * int(match[2]) // max(1, int(match[3]))
        if now != tenth:
            say(f"scoring: {match[2]} of {match[3]} items")
        return now
    return tenth


def _parsed(line: str) -> Mapping[str, Any]:
    if not line.startswith("{"):
        return {}
    with contextlib.suppress(ValueError, RecursionError):
        return mapping(untrusted.parse(line))
    return {}


def _last(lines: Sequence[str]) -> str:
    told = [line.strip() for line in lines if line.strip() and not line.startswith("{")]
    errors = [line for line in told if "Error" in line]
    return clip((errors or told or ["it said nothing"])[-1], 300)
