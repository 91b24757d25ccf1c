"""Tails: half lines, truncation, rotation, endless lines, progress bars."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cockpit.services.live import tails
from cockpit.services.live.tails import BlockTail, LogTail


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as handle:
        handle.write(data)


def everything(tail: BlockTail) -> bytes:
    got = tail.read()
    while tail.more:
        got += tail.read()
    return got


def test_half_a_line_means_later(tmp_path: Path) -> None:
    path = tmp_path / "f"
    tail = BlockTail(path)
    assert tail.read() == b""
    add(path, b'{"a": 1}\n{"b"')
    assert tail.read() == b'{"a": 1}\n'
    assert tail.read() == b""
    add(path, b": 2}\n")
    assert tail.read() == b'{"b": 2}\n'
    assert not tail.restarted


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunks_of_any_size_give_the_same_lines(tmp_path: Path, chunk: int) -> None:
    path = tmp_path / "f"
    lines = b"".join(b"x" * n + b"\n" for n in range(30))
    path.write_bytes(lines)
    assert everything(BlockTail(path, chunk=chunk)) == lines


def test_a_truncated_file_is_read_again_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\ntwo\nhalf")
    tail = BlockTail(path)
    tail.read()
    path.write_bytes(b"new\n")
    assert tail.read() == b"new\n"
    assert tail.restarted
    assert tail.read() == b""
    assert not tail.restarted


def test_a_file_rewritten_longer_is_noticed_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\n")
    tail = BlockTail(path)
    tail.read()
    with path.open("r+b") as handle:  # the same inode, and no shorter at any look
        handle.write(b"two\nthree\n")
    assert tail.read() == b"two\nthree\n"
    assert tail.restarted


def test_a_rotated_file_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"same start\none\n")
    tail = BlockTail(path)
    tail.read()
    os.rename(path, tmp_path / "f.1")
    assert tail.read() == b""
    path.write_bytes(b"same start\none\ntwo\n")
    assert tail.read() == b"same start\none\ntwo\n"
    assert tail.restarted


def test_a_file_that_goes_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\n")
    tail = BlockTail(path)
    tail.read()
    path.unlink()
    assert tail.read() == b""
    assert not tail.more
    path.write_bytes(b"two\n")
    assert tail.read() == b"two\n"


def test_a_line_too_long_is_skipped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "MAX_LINE", 50)
    path = tmp_path / "f"
    path.write_bytes(b"one\n" + b"x" * 500 + b"\ntwo\n")
    tail = BlockTail(path, chunk=20)
    assert everything(tail) == b"one\ntwo\n"
    assert tail.skipped == 1


def test_unreadable_is_empty(tmp_path: Path) -> None:
    assert BlockTail(tmp_path).read() == b""  # a folder
    assert BlockTail(tmp_path / "no" / "such").read() == b""


# -- logs


def test_a_long_log_is_opened_near_its_end_at_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %06d\n" % n for n in range(5000)))
    tail = LogTail(path, back=100)
    lines = tail.read()
    assert lines[-1] == "line 004999"
    assert 7 <= len(lines) <= 8
    assert all(len(line) == 11 for line in lines)


def test_a_progress_bar_is_one_line_and_its_newest_state(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = LogTail(path)
    add(path, b"start\n  0%|   |\r 10%|#  |")
    assert tail.read() == ["start"]
    assert tail.partial == " 10%|#  |"
    add(path, b"\r 20%|## |\r")
    assert tail.read() == []
    assert tail.partial == " 20%|## |"
    add(path, b"\r100%|###|\nwindows\r\n")
    assert tail.read() == ["100%|###|", "windows"]
    assert tail.partial == ""


def test_a_bar_that_never_ends_its_line_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = LogTail(path)
    for n in range(200):
        add(path, b"\r%3d%% of it" % n * 20)
        tail.read()
    assert tail.partial == "199% of it"
    assert len(tail._tail.rest) < 100


def test_broken_text_and_endless_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe\x1b[31mred\n" + b"y" * 100_000 + b"\n")
    tail = LogTail(path)
    first, long = tail.read()
    assert first == "\ufffd\ufffd\x1b[31mred"
    assert len(long) == tails.LOG_LINE
