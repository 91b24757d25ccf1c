"""The cache alone: whole or not at all, built once, by content; without torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support.attempts import until
from trainers.attempt import cache

PARTS = {"rows": "abc", "tokenizer": "def", "max_length": 64}


class Counter:
    """A build that says how often it was done."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, where: Path, parts: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        return cache.cached(
            where, "filtered", parts or PARTS, build=self.build, save=cache.save_rows, load=cache.load_rows,
            say=lambda _: None,
        )  # fmt: skip

    def build(self) -> list[dict[str, Any]]:
        self.built += 1
        return [{"text": "a"}, {"text": "\u2028ü"}]


def test_built_once_and_loaded_after(tmp_path: Path) -> None:
    make = Counter()
    assert make(tmp_path) == make(tmp_path) == [{"text": "a"}, {"text": "\u2028ü"}]
    assert make.built == 1


@pytest.mark.parametrize("change", [{"rows": "abd"}, {"tokenizer": "x"}, {"max_length": 65}, {"more": None}])
def test_every_input_is_in_the_key(tmp_path: Path, change: dict[str, Any]) -> None:
    make = Counter()
    make(tmp_path)
    make(tmp_path, PARTS | change)
    assert make.built == 2


def test_the_order_of_inputs_is_not(tmp_path: Path) -> None:
    assert cache.key(PARTS) == cache.key(dict(reversed(PARTS.items())))


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.cached(tmp_path, "filtered", PARTS, build=fail, save=lambda *_: None, load=lambda _: None)
    assert cache.peek(tmp_path, "filtered", PARTS) is None
    assert [p for p in (tmp_path / "filtered").iterdir() if p.suffix != ".lock"] == []


def test_a_save_that_breaks_off_leaves_nothing_but_gives_the_value(tmp_path: Path) -> None:
    said: list[str] = []

    def half(value: str, folder: Path) -> None:
        (folder / "part").write_text("x")
        raise OSError(28, "No space left on device")

    made = cache.cached(
        tmp_path, "filtered", PARTS, build=lambda: "it", save=half, load=lambda _: "", say=said.append
    )
    assert made == "it"
    assert "No space left" in said[0]
    assert [p for p in (tmp_path / "filtered").iterdir() if p.suffix != ".lock"] == []


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    make = Counter()
    make(tmp_path)
    (tmp_path / "filtered" / cache.key(PARTS) / "rows.jsonl").write_text("{")
    assert make(tmp_path)[0] == {"text": "a"}
    assert make.built == 2


def test_a_cache_that_cannot_be_written_costs_no_run(tmp_path: Path) -> None:
    (tmp_path / "filtered").write_text("in the way")
    assert Counter()(tmp_path)[0] == {"text": "a"}


BUILDER = """
import pathlib, sys, time
from trainers.attempt import cache
where = pathlib.Path(sys.argv[1])
def build():
    with open(where / "built", "a") as out:
        out.write("x")
    (where / "begun").touch()
    time.sleep(float(sys.argv[2]))
    return [{"n": 1}]
cache.cached(where, "filtered", {"a": 1}, build=build, save=cache.save_rows, load=cache.load_rows)
"""


def builder(where: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(BUILDER), str(where), str(seconds)])


def test_two_that_want_it_at_once_build_it_once(tmp_path: Path) -> None:
    runs = [builder(tmp_path, 0.5) for _ in range(3)]
    assert [run.wait(180) for run in runs] == [0, 0, 0]
    assert (tmp_path / "built").read_text() == "x"


@pytest.mark.fault
def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    holder = builder(tmp_path, 600)
    until((tmp_path / "begun").exists)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert builder(tmp_path, 0).wait(180) == 0
    assert (tmp_path / "built").read_text() == "xx"
    assert cache.peek(tmp_path, "filtered", {"a": 1}) is not None


def test_the_place_follows_the_workspace(tmp_path: Path) -> None:
    attempt = tmp_path / "ws/.cockpit/experiments/exp_0001/attempts/001"
    attempt.mkdir(parents=True)
    assert cache.root(attempt) == tmp_path / "ws/.cockpit/cache"
    (tmp_path / "ws/.evo").mkdir()
    assert (
        cache.root(attempt) == tmp_path / "ws/.cockpit/cache"
    )  # a folder of that name alone is no workspace
    (tmp_path / "ws/.evo/meta.json").write_text("{}")
    assert cache.root(attempt) == tmp_path / "ws/.evo/cache"
    inside = tmp_path / "ws/.evo/run_0000/experiments/exp_0001/attempts/001/checkpoints/cockpit"
    assert cache.root(inside) == tmp_path / "ws/.evo/cache"


def test_what_was_made_says_of_what(tmp_path: Path) -> None:
    Counter()(tmp_path, {"rows": "r" * 500})
    (made,) = tmp_path.glob("filtered/*/made.json")
    told = json.loads(made.read_text())
    assert told["kind"] == "filtered"
    assert told["parts"]["rows"].endswith("(500 characters)")


def test_a_folders_key_is_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "a").write_text("1")
    first = cache.file_key(folder)
    (folder / "a").rename(folder / "b")
    assert cache.file_key(folder) != first
    (folder / "b").rename(folder / "a")
    assert cache.file_key(folder) == first
