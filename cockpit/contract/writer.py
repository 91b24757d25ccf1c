"""What a trainer uses to report: events, metrics, samples, checkpoints. It never stops training.

    from cockpit.contract import AttemptWriter
    out = AttemptWriter(attempt_dir)
    out.stage("training")
    out.metrics(step, {"loss": loss, "lr": lr})
    out.end("finished", step=100)

A full disk, a deleted folder or a value that is no number costs a warning on stderr (once per cause), not
the run; lines that found no room are written when there is some. One process may write at a time: rank 0
of the trainer.
"""

from __future__ import annotations

import errno
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, SupportsFloat, cast

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import is_no_room
from cockpit.contract.events import (
    STANDING,
    VERSION,
    CheckpointReason,
    Level,
    Outcome,
    Split,
    Stage,
    Subject,
    mini_evals,
)
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import decode_line, last_event, read_rows

_PATIENCE = 4 << 20  # bytes of a file's lines that wait for room on the disk
_TAIL = 65536  # bytes looked at for the last sequence number: far more than a line of ours


def _to_stderr(text: str) -> None:
    print(f"[cockpit] {text}", file=sys.stderr, flush=True)


class AttemptWriter:
    """Appends to one attempt's files; `seq` goes on where an earlier process (before a resume) ended.

    `clock` gives epoch seconds, `warn` takes the sentence that tells of telemetry lost; `lost` counts what
    could not be written, not even later.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        warn: Callable[[str], None] = _to_stderr,
    ) -> None:
        self.layout = AttemptLayout(Path(root))
        self.lost = 0
        self._clock = clock
        self._warn = warn
        self._warned: set[str] = set()
        self._seq = _last_seq(self.layout.events)
        self._was_there = self.layout.root.is_dir()
        self._open: dict[Path, Any] = {}
        self._waiting: dict[Path, bytes] = {}
        self._half: dict[Path, int] = {}  # the file's size where it ends in half a line, whose rest waits

    def stage(self, name: Stage, detail: str = "") -> None:
        """Say which part of the job begins now."""
        self.event("stage", name=name, detail=detail)

    def notice(self, level: Level, text: str, about: Subject | None = None) -> None:
        """Tell the person something in a sentence; `about` is for programs, which don't read it."""
        self.event("notice", level=level, text=text, **({"about": about} if about else {}))

    def metrics(self, step: int, values: Mapping[str, object]) -> None:
        """Log numbers at `step` (optimizer steps). NaN and infinities become null, named under `nonfinite`."""
        row: dict[str, object] = {"step": int(step), "time": round(self._clock(), 3)}
        nonfinite: dict[str, str] = {}
        for key, value in values.items():
            number = _number(value)
            if number is None or key in ("step", "time", "nonfinite"):
                continue
            if isinstance(number, float) and not math.isfinite(number):
                nonfinite[key] = str(number)
                number = None
            row[key] = number
        if nonfinite:
            row["nonfinite"] = nonfinite
        self._add(self.layout.metrics, row)

    def rewind(self, step: int) -> int:
        """Drop the rows of metrics.jsonl after `step`, from which a resume goes on; gives how many there were.

        The file is replaced, so that whoever follows it reads it again from its start. Where there are events after
        `step`, one of the kind `rewound` says that they no longer count.
        """
        self._tell_rewound(step)
        try:
            kept, dropped = _up_to(self.layout.metrics, step)
            if dropped:
                handle = self._open.pop(self.layout.metrics, None)
                if handle is not None:
                    handle.close()
                atomic.write_bytes(self.layout.metrics, kept)
        except OSError as error:
            self.lost += 1
            self._failed(self.layout.metrics.name, error)
            return 0
        return dropped

    def _tell_rewound(self, step: int) -> None:
        events = [
            row for row in read_rows(self.layout.events) if row.get("kind") in (*STANDING, "checkpoint")
        ]
        before, standing = mini_evals(events), mini_evals([*events, {"kind": "rewound", "step": step}])
        newest = itertools.takewhile(lambda row: row["kind"] != "rewound", reversed(events))
        if standing == before and not any(_is_after(row.get("step"), step) for row in newest):
            return
        stood: Mapping[str, Any] = standing[-1] if standing else {}
        kept = ("score", "baseline", "best_score", "best_step", "since_best")
        self.event("rewound", step=step, **{name: stood.get(name) for name in kept})

    def mid_eval(self, step: int, score: float, **fields: object) -> None:
        """Report a mini-eval: `score` in 0..1, and what more is known of `events.KINDS["mid_eval"]`.

        Where the caller doesn't say which one is the best, the highest score so far is, before a resume too.
        """
        if "best" not in fields:
            fields = {**fields, **self._standing(step, score)}
        self.event("mid_eval", step=step, score=score, **fields)

    def _standing(self, step: int, score: float) -> dict[str, object]:
        before: Mapping[str, Any] = last_event(self.layout.events, *STANDING) or {}
        top = before.get("best_score")
        if not isinstance(top, int | float) or score > top:
            return {"best": True, "best_score": score, "best_step": step, "since_best": 0}
        since = before.get("since_best")
        return {
            "best": False,
            "best_score": top,
            "best_step": before.get("best_step"),
            "since_best": (since if isinstance(since, int) else 0) + 1,
        }

    def checkpoint(self, step: int, *, best: bool = False, reason: CheckpointReason = "periodic") -> None:
        """Report that `checkpoints/step_NNNNNN` is there, whole; `best` also points `checkpoints/best` at it."""
        if best:
            self.publish_best(step)
        path = self.layout.checkpoint(step).relative_to(self.layout.root)
        self.event("checkpoint", step=step, path=str(path), best=best, reason=reason)

    def publish_best(self, step: int | None) -> None:
        """Switch `checkpoints/best` to the checkpoint at `step`, atomically; None: there is no best one (any more)."""
        try:
            if step is None:
                self.layout.best.unlink(missing_ok=True)
                return
            self._refuse_to_bring_back()
            atomic.switch_symlink(self.layout.best, self.layout.checkpoint(step).name)
        except OSError as error:
            self._failed("the link to the best checkpoint", error)

    def samples(self, step: int, split: Split, rows: Iterable[Mapping[str, object]]) -> str | None:
        """Write samples whole and report them; gives their path below the attempt, None if not written."""
        path = self.layout.sample_file(split, step)
        written = self.rows(path, rows)
        if written is None:
            return None
        relative = str(path.relative_to(self.layout.root))
        self.event("sample", step=step, split=split, path=relative, n=written)
        return relative

    def rows(self, path: Path, rows: Iterable[Mapping[str, object]]) -> int | None:
        """Write `rows` as JSON lines to `path`, whole or not at all; gives their number, None if not written."""
        lines = [_encode(row) for row in rows]
        try:
            self._refuse_to_bring_back()
            atomic.write_bytes(path, b"".join(lines))
        except OSError as error:
            self.lost += 1
            self._failed(str(path.relative_to(self.layout.root)), error)
            return None
        return len(lines)

    def held_out(self, **fields: object) -> None:
        """Report the full held-out pass, with the fields named in `events.KINDS["held_out"]`."""
        self.event("held_out", **fields)

    def finding(
        self, rule: str, severity: str, headline: str, evidence: Iterable[str] = (), next_step: str = ""
    ) -> None:
        """Report what a check of the trainer's own found."""
        self.event(
            "finding",
            rule=rule,
            severity=severity,
            headline=headline,
            evidence=list(evidence),
            next_step=next_step,
        )

    def end(self, outcome: Outcome, reason: str = "", **fields: object) -> None:
        """Report how it ended, as the last event. For `out_of_memory`, `reason` says what to change so that it fits."""
        self.event("end", outcome=outcome, reason=reason, **fields)

    def event(self, kind: str, **fields: object) -> None:
        """Append one event of any kind."""
        self._seq += 1
        envelope = {"v": VERSION, "seq": self._seq, "time": round(self._clock(), 3), "kind": kind}
        self._add(self.layout.events, envelope | fields)

    def close(self) -> None:
        """Close the files; writing again opens them again. What still finds no room is lost."""
        for path in list(self._waiting):
            self._append(path, b"")
            self.lost += self._waiting.pop(path, b"").count(b"\n")
        self._half.clear()
        for handle in self._open.values():
            handle.close()
        self._open.clear()

    def _add(self, path: Path, row: Mapping[str, object]) -> None:
        try:
            line = _encode(row)
        except (ValueError, TypeError) as error:
            self.lost += 1
            self._failed(path.name, error)
        else:
            self._append(path, line)

    def _append(self, path: Path, line: bytes) -> None:
        # Unbuffered append: one write() a line, so that a line is never torn by another process's and a
        # crash loses nothing that was reported.
        data = self._waiting.pop(path, b"") + line
        try:
            handle = self._open.get(path)
            if handle is None:
                self._refuse_to_bring_back()
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = open(path, "ab", buffering=0)  # noqa: SIM115 - kept open for the run
                self._open[path] = handle
                data = self._joined(path, data)
            size = handle.write(data)
            written, data = data[:size], data[size:]
            if written:
                self._half.pop(path, None)
            if data:
                if written and not written.endswith(b"\n"):
                    self._half[path] = path.stat().st_size
                raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            if not is_no_room(error):  # where there is no room, half a line that was written is gone on with
                stale = self._open.pop(path, None)
                if stale is not None:
                    stale.close()
            if len(data) > max(_PATIENCE, len(line)):
                data = data[: len(data) - len(line)]
                self.lost += 1
            self._waiting[path] = data
            self._failed(path.name, error)

    def _joined(self, path: Path, data: bytes) -> bytes:
        """What to write to a file that was opened anew, so that no line is glued to another one's half."""
        torn, ours = _ends_in_half_a_line(path), self._half.pop(path, None)
        if ours is not None and torn and path.stat().st_size == ours:
            self._half[path] = ours
            return data
        if ours is not None:  # the half that the data go on with is there no more
            data = data.partition(b"\n")[2]
            self.lost += 1
        return (
            b"\n" + data if torn and data else data
        )  # what a crash tore stays one malformed line of its own

    def _refuse_to_bring_back(self) -> None:
        """Raise FileNotFoundError where somebody deleted the attempt: a file of it would make half of it again."""
        if self._was_there and not self.layout.root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the attempt's folder was deleted")

    def _failed(self, what: str, error: Exception) -> None:
        cause = f"{what}: {error.__class__.__name__}: {getattr(error, 'strerror', None) or error}"
        if cause not in self._warned:
            self._warned.add(cause)
            self._warn(
                f"could not write {cause}; training goes on, and what waits is written when there is room"
            )


def _encode(row: Mapping[str, object]) -> bytes:
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        text = json.dumps(atomic.finite(row), ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _plain(value: object) -> object:
    """numpy and torch scalars and paths, as JSON knows them."""
    number = _number(value)
    if number is not None:
        return atomic.finite(number)
    if isinstance(value, set | frozenset | tuple):
        return list(cast("Iterable[object]", value))
    return str(value)


def _number(value: object) -> int | float | None:
    if isinstance(value, bool | int | float):
        return value
    if value is None or isinstance(value, str | bytes):
        return None
    try:
        return float(cast("SupportsFloat", value))
    except (TypeError, ValueError):
        return None


def _up_to(path: Path, step: int) -> tuple[bytes, int]:
    """The lines of a metrics file without the rows after `step`, and how many those are."""
    if not path.is_file():
        return b"", 0
    kept, dropped = bytearray(), 0
    with untrusted.opened(path) as handle:
        for line in handle:
            if _is_after((decode_line(line) or {}).get("step"), step):
                dropped += 1
            else:
                kept += line
    return bytes(kept), dropped


def _is_after(value: object, step: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > step


def _ends_in_half_a_line(path: Path) -> bool:
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        if size == 0:
            return False
        handle.seek(size - 1)
        return handle.read(1) != b"\n"


def _last_seq(path: Path) -> int:
    try:
        with untrusted.opened(path) as handle:
            size = handle.seek(0, 2)
            handle.seek(max(0, size - _TAIL))
            lines = handle.read(_TAIL).split(b"\n")
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            seq = untrusted.parse(line)["seq"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(seq, int):
            return seq
    return 0
