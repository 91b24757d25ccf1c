"""The seam under bad weather: half lines, truncation, rotation, garbage, NaN, a full disk, a resume."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.contract import AttemptWriter, LineTail, control
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import MAX_LINE, decode_line, last_event, read_rows


class FakeClock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def writer(tmp_path: Path) -> AttemptWriter:
    return AttemptWriter(tmp_path, clock=FakeClock())


def rows(path: Path) -> list[dict[str, object]]:
    return list(read_rows(path))


def test_each_event_is_a_whole_line_with_its_envelope(writer: AttemptWriter) -> None:
    writer.stage("loading", "a model")
    writer.end("finished", step=3)
    first, second = rows(writer.layout.events)
    assert first == {
        "v": 1, "seq": 1, "time": 1001.0, "kind": "stage", "name": "loading", "detail": "a model",
    }  # fmt: skip
    assert (second["seq"], second["kind"], second["outcome"]) == (2, "end", "finished")


def test_seq_goes_on_after_a_resume(writer: AttemptWriter) -> None:
    writer.notice("info", "one")
    writer.close()
    again = AttemptWriter(writer.layout.root)
    again.notice("info", "two")
    assert [row["seq"] for row in rows(writer.layout.events)] == [1, 2]


def test_what_a_crash_tore_stays_a_line_of_its_own(writer: AttemptWriter) -> None:
    writer.notice("info", "one")
    with writer.layout.events.open("ab") as handle:
        handle.write(b'{"v":1,"seq":2,"kind":"noti')
    AttemptWriter(writer.layout.root).notice("info", "three")
    assert [row["text"] for row in rows(writer.layout.events)] == ["one", "three"]


def test_a_resume_drops_the_rows_after_its_checkpoint(writer: AttemptWriter) -> None:
    for step in (1, 2, 3, 4):
        writer.metrics(step, {"loss": 1 / step})
        if step % 2 == 0:
            writer.metrics(step, {"eval/score": 0.5})
    with writer.layout.metrics.open("ab") as handle:
        handle.write(b'{"step": 5, "lo')
    tail = LineTail(writer.layout.metrics)
    assert len(tail.read()) == 6
    assert writer.rewind(2) == 3
    writer.metrics(3, {"loss": 0.1})
    assert [(row["step"], "loss" in row) for row in rows(writer.layout.metrics)] == [
        (1, True), (2, True), (2, False), (3, True),
    ]  # fmt: skip
    assert len(tail.read()) == 5, "a follower begins anew; what was torn is a line of its own"
    assert tail.restarted == 1


def test_a_resume_from_the_last_row_touches_nothing(writer: AttemptWriter) -> None:
    assert writer.rewind(0) == 0
    writer.metrics(1, {"loss": 1.0})
    before = writer.layout.metrics.stat()
    assert writer.rewind(1) == 0
    assert writer.layout.metrics.stat() == before


def test_numbers_that_are_none_are_null_and_named(writer: AttemptWriter) -> None:
    writer.metrics(7, {"loss": math.nan, "grad_norm": math.inf, "lr": 1e-3, "note": "no number", "kl": None})
    line = writer.layout.metrics.read_text()
    assert "NaN" not in line
    assert "Infinity" not in line
    row = json.loads(line)
    assert row["loss"] is None
    assert row["nonfinite"] == {"loss": "nan", "grad_norm": "inf"}
    assert row["lr"] == 1e-3
    assert "note" not in row


def test_nan_in_an_event_is_null(writer: AttemptWriter) -> None:
    writer.mid_eval(3, math.nan, passed=0)
    assert rows(writer.layout.events)[0]["score"] is None


def test_a_full_disk_costs_a_warning_not_the_run(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    os.symlink("/dev/full", tmp_path / "metrics.jsonl")
    warnings: list[str] = []
    writer = AttemptWriter(tmp_path, warn=warnings.append)
    for step in range(5):
        writer.metrics(step, {"loss": 1.0})
    assert writer.lost == 0, "they wait for room"
    writer.close()
    assert writer.lost == 5
    assert len(warnings) == 1, "one warning a cause"
    assert "No space left" in warnings[0]


class Disk:
    """A file of a disk with so much room; `write` takes what fits, as the system's does."""

    def __init__(self, path: Path, room: int) -> None:
        self.path, self.room, self.fault = path, room, errno.ENOSPC

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(self.fault, os.strerror(self.fault))
        fits, self.room = data[: self.room], max(0, self.room - len(data))
        with self.path.open("ab") as handle:
            return handle.write(fits)

    def close(self) -> None: ...


@pytest.mark.parametrize("room", [0, 10, 40, 41, 100])
def test_what_found_no_room_is_there_when_room_returns(tmp_path: Path, room: int) -> None:
    """Wherever the disk was full, in the middle of a line too: every line is there once, in its order."""
    warnings: list[str] = []
    writer = AttemptWriter(tmp_path, warn=warnings.append, clock=lambda: 1.0)
    disk = Disk(writer.layout.metrics, room)
    writer._open[writer.layout.metrics] = disk
    for step in range(5):
        writer.metrics(step, {"loss": 1.0})
    assert len(warnings) == 1
    disk.room = 10_000
    writer.metrics(5, {"loss": 1.0})
    writer.close()
    assert [row["step"] for row in rows(writer.layout.metrics)] == list(range(6))
    assert writer.lost == 0


@pytest.mark.parametrize(("replaced", "lost"), [(False, 0), (True, 1)])
def test_half_a_line_is_gone_on_with_when_its_file_is_opened_anew(
    tmp_path: Path, replaced: bool, lost: int
) -> None:
    """No room, then another error, which closes the file: the half line's rest still belongs to it, if it is there."""
    writer = AttemptWriter(tmp_path, warn=lambda _: None, clock=lambda: 1.0)
    path, disk = writer.layout.metrics, Disk(writer.layout.metrics, 20)
    writer._open[path] = disk
    writer.metrics(0, {"loss": 1.0})
    disk.fault = errno.ESTALE
    writer.metrics(1, {"loss": 1.0})
    if replaced:
        path.write_text("")
    writer.metrics(2, {"loss": 1.0})
    writer.close()
    assert [row["step"] for row in rows(path)] == [0, 1, 2][lost:]
    assert writer.lost == lost


@pytest.mark.parametrize("closed", [True, False])
def test_a_deleted_folder_is_not_made_again(tmp_path: Path, closed: bool) -> None:
    """Whoever deletes a workspace under a run finds nothing of it later; the run itself is ended by its supervisor."""
    import shutil

    warnings: list[str] = []
    (tmp_path / "ws" / "attempt").mkdir(parents=True)
    writer = AttemptWriter(tmp_path / "ws" / "attempt", warn=warnings.append)
    writer.notice("info", "one")
    if closed:
        writer.close()
    shutil.rmtree(tmp_path / "ws")
    writer.notice("info", "two")
    writer.metrics(1, {"loss": 1.0})
    assert writer.samples(1, "eval", [{"prompt": "p"}]) is None
    writer.checkpoint(1, best=True)
    writer.close()
    assert not (tmp_path / "ws").exists()
    assert any("was deleted" in warning for warning in warnings)


def test_samples_are_whole_and_announced(writer: AttemptWriter) -> None:
    path = writer.samples(100, "eval", [{"prompt": "p\x1b[31m", "completion": "\ud800"}])
    assert path == "samples/eval_step_000100.jsonl"
    assert rows(writer.layout.root / path)[0]["prompt"] == "p\x1b[31m"
    assert rows(writer.layout.events)[0]["n"] == 1


def test_best_is_switched_and_never_dangling(writer: AttemptWriter) -> None:
    for step in (10, 20):
        writer.layout.checkpoint(step).mkdir(parents=True)
        writer.checkpoint(step, best=True)
        assert writer.layout.best.resolve() == writer.layout.checkpoint(step)


def test_half_a_line_means_later(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    tail = LineTail(path)
    assert tail.read() == []
    with path.open("ab") as handle:
        handle.write(b'{"a":1}\n{"a"')
        handle.flush()
        assert tail.read() == [b'{"a":1}']
        assert tail.read() == []
        handle.write(b":2}\n")
    assert tail.read() == [b'{"a":2}']


def test_a_chunk_at_a_time_gives_every_line_once(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    lines = [b"%d" % i * (i % 50 + 1) for i in range(500)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    tail = LineTail(path, chunk=101)
    seen: list[bytes] = []
    while True:
        seen += tail.read()
        if not tail.more:
            break
    assert seen == lines


@pytest.mark.parametrize("how", ["truncated", "rotated"])
def test_a_file_that_began_anew_is_read_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"one\ntwo\nhal")
    tail = LineTail(path)
    assert tail.read() == [b"one", b"two"]
    if how == "rotated":
        path.rename(tmp_path / "f.old")
    path.write_bytes(b"new\n")
    assert tail.read() == [b"new"]
    assert tail.restarted == 1


def test_a_line_without_end_is_skipped_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"x" * (MAX_LINE + 300_000) + b"\nafter\n")
    tail = LineTail(path)
    seen: list[bytes] = []
    while True:
        seen += tail.read()
        assert len(tail._rest) <= MAX_LINE
        if not tail.more:
            break
    assert seen == [b"after"]
    assert tail.skipped == 1


@pytest.mark.parametrize("line", [b"", b"\x00\xff\xfe", b"[1]", b"12", b"{", b'{"a":1', b"[" * 100_000])
def test_malformed_lines_are_none(line: bytes) -> None:
    assert decode_line(line) is None


def test_nan_as_json_dumps_writes_it_is_read() -> None:
    row = decode_line(b'{"loss": NaN, "kl": -Infinity}')
    assert row is not None
    assert math.isnan(row["loss"])
    assert row["kl"] == -math.inf


def test_last_event_finds_the_newest_of_its_kind(writer: AttemptWriter) -> None:
    writer.mid_eval(1, 0.1)
    writer.mid_eval(2, 0.2)
    writer.notice("info", "mid_eval is only named here")
    event = last_event(writer.layout.events, "mid_eval")
    assert event is not None
    assert event["step"] == 2
    assert last_event(writer.layout.events, "end") is None


def test_requests_are_carried_out_once(tmp_path: Path) -> None:
    attempt = AttemptLayout(tmp_path)
    control.request(attempt, "checkpoint")
    control.request(attempt, "stop")
    control.request(attempt, "stop")
    waiting = control.pending(attempt)
    assert [r.name for r in waiting] == ["checkpoint", "stop"], "asking twice is one request"
    waiting[0].done()
    assert [r.name for r in control.pending(attempt)] == ["stop"]
    (attempt.control / "009-stop.json").write_text("{half")
    assert [r.name for r in control.pending(attempt)] == ["stop"], "a half-written request is later"


LOOP = """
import sys
from cockpit.contract import AttemptWriter
out = AttemptWriter(sys.argv[1])
out.stage("training")
for step in range(3):
    out.metrics(step, {"loss": 1 / (step + 1)})
out.end("finished", step=3)
heavy = {"pydantic", "textual", "numpy", "torch", "msgspec"} & set(sys.modules)
assert not heavy, heavy
"""


def test_a_loop_of_ones_own_needs_the_contract_alone(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LOOP, str(tmp_path)], check=True)
    attempt = AttemptLayout(tmp_path)
    assert len(rows(attempt.metrics)) == 3
    assert rows(attempt.events)[-1]["outcome"] == "finished"


def test_the_writer_knows_which_mid_eval_is_the_best(tmp_path: Path) -> None:
    for step, score in ((10, 0.2), (20, 0.5), (30, 0.5), (40, 0.1)):
        AttemptWriter(tmp_path).mid_eval(step, score)  # a new one each time, as after a resume
    rows = list(read_rows(tmp_path / "events.jsonl"))
    assert [row["best"] for row in rows] == [True, True, False, False]
    assert [row["since_best"] for row in rows] == [0, 0, 1, 2]
    assert (rows[-1]["best_score"], rows[-1]["best_step"]) == (0.5, 20)
    AttemptWriter(tmp_path).mid_eval(50, 0.05, best=True, best_step=50, best_score=0.05)
    assert list(read_rows(tmp_path / "events.jsonl"))[-1]["best_score"] == 0.05, "what the caller says stands"
