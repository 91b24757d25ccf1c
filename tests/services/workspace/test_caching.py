"""`cockpit cache`: looking, and removing only when told to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import BAD_INPUT
from cockpit.services.workspace import caching
from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli
from trainers.attempt import cache


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    root = tmp_path / "ws"
    root.mkdir()
    (root / "cockpit.toml").write_text("")
    return Cli(root, capsys)


def put(root: Path, kind: str, rows: int) -> Path:
    where = Workspace(root).layout.cache
    parts: dict[str, Any] = {"n": rows, "settings": {"max_length": 64}}
    build = [{"text": "x" * 100}] * rows
    cache.cached(
        where,
        kind,
        parts,
        build=lambda: build,
        save=cache.save_rows,
        load=cache.load_rows,
        say=lambda _: None,
    )
    return where / kind / cache.key(parts)


def test_it_lists_what_is_there_largest_first(cli: Cli) -> None:
    assert "empty" in cli("cache")[1]
    put(cli.root, "tokenized", 5)
    put(cli.root, "rollouts", 50)
    told = cli.json("cache", "ls")
    assert [entry["kind"] for entry in told["entries"]] == ["rollouts", "tokenized"]
    assert told["bytes"] == sum(entry["size"] for entry in told["entries"]) > 5000
    assert told["entries"][1]["parts"]["n"] == "5"
    assert "rollouts" in cli("cache", "ls")[1]


def test_a_dry_run_removes_nothing_and_apply_only_what_was_named(cli: Cli) -> None:
    kept, doomed = put(cli.root, "tokenized", 5), put(cli.root, "rollouts", 50)
    assert cli.json("cache", "rm", "rollouts")["freed"] == 0
    assert doomed.is_dir()
    assert cli.json("cache", "rm", "rollouts", "--apply")["freed"] > 5000
    assert not doomed.exists()
    assert kept.is_dir()
    assert cli.json("cache", "rm", kept.name[:8], "--apply")["freed"] > 0
    assert caching.entries(Workspace(cli.root)) == []
    assert [path.name for path in (cli.root / ".cockpit/cache").rglob("*") if path.is_file()] == []


def test_by_last_use(cli: Cli) -> None:
    old, new = put(cli.root, "tokenized", 5), put(cli.root, "tokenized", 6)
    os.utime(old / "made.json", (0, 0))
    cli.json("cache", "rm", "--unused", "30", "--apply")
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("words", [["rm"], ["rm", "nothing-like-it"], ["rm", "ab"]])
def test_what_fits_nothing_is_refused(cli: Cli, words: list[str]) -> None:
    put(cli.root, "tokenized", 5)
    assert cli("cache", *words, "--apply")[0] == BAD_INPUT


def test_what_a_dead_run_left_is_shown_and_goes_and_what_a_live_one_makes_stays(cli: Cli) -> None:
    base = cli.root / ".cockpit/cache/tokenized"
    stale, fresh = base / ".abcd.1.tmp", base / ".ef01.2.tmp"
    for folder in (stale, fresh):
        folder.mkdir(parents=True)
    os.utime(stale, (time.time() - 9999,) * 2)
    (entry,) = cli.json("cache", "ls")["entries"]
    assert (entry["key"], entry["whole"]) == ("abcd", False)
    cli.json("cache", "rm", "--all", "--apply")
    assert (stale.exists(), fresh.exists()) == (False, True)


def test_inside_evo_it_is_evos_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".evo").mkdir()
    (tmp_path / ".evo/meta.json").write_text("{}")
    told = Cli(tmp_path, capsys).json("cache", "ls")
    assert told["cache"] == str(tmp_path / ".evo/cache")
