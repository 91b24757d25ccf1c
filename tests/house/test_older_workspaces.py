"""A workspace that the version before made opens as it did: the same answers, nothing written by looking.

`support/workspace_0_1.tar.gz` is a demo as version 0.1 left it (without weights and caches), with what that version's
commands answered. Paths in it begin with /home/ann/demo, where it was made.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main

MADE = "/home/ann/demo"
PACK = Path(__file__).parents[1] / "support" / "workspace_0_1.tar.gz"
COMMANDS = ("ls", "show exp_0001", "show exp_0002", "findings", "methodlog", "compare exp_0001 exp_0002")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The old workspace, moved here: the paths in its files are those of this place."""
    with tarfile.open(PACK) as pack:
        pack.extractall(tmp_path, filter="data")
    for path in (tmp_path / "ws").rglob("*"):
        if path.is_file():
            path.write_text(path.read_text().replace(MADE, str(tmp_path / "ws")))
    return tmp_path / "ws"


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def lacking(old: Any, new: Any, where: str = "") -> list[str]:
    """What `new` lacks or says otherwise; fields and findings that came later are no difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [line for key, value in old.items() for line in lacking(value, new.get(key), f"{where}.{key}")]
    if where.endswith(".findings") and isinstance(old, list) and isinstance(new, list):
        return [
            f"{where}: {finding!r} is gone" for finding in old if all(lacking(finding, one) for one in new)
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for index, (a, b) in pairs for line in lacking(a, b, f"{where}[{index}]")]
    return [] if old == new else [f"{where}: {old!r} became {new!r}"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_answers_as_it_did(older: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(older)
    assert main(["--dir", str(older), *command.split(), "--json"]) == 0
    text = capsys.readouterr().out.replace(str(older), MADE)
    expected = json.loads((older.parent / "expected" / f"{command.replace(' ', '_')}.json").read_text())
    assert lacking(expected, json.loads(text)) == []
    assert contents(older) == before, "a question writes nothing"


def test_a_difference_would_be_seen() -> None:
    assert lacking({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}], "c": 4}) == [".a[1].b: 2 became 3"]
    assert lacking({"a": 1}, {}) == [".a: 1 became None"]
    assert lacking({"findings": [{"rule": "a"}]}, {"findings": [{"rule": "b"}]}) == [
        ".findings: {'rule': 'a'} is gone"
    ]
    assert (
        lacking({"findings": [{"rule": "a"}]}, {"findings": [{"rule": "b"}, {"rule": "a", "step": 3}]}) == []
    )


def test_no_verdict_is_written_a_second_time(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = older / "methodlog.md"
    before = log.read_text().splitlines()
    assert main(["--dir", str(older), "note", "read by a newer version"]) == 0
    added = [line for line in log.read_text().splitlines() if line not in before]
    assert [line for line in added if " · note · " not in line] == []
    assert log.read_text().splitlines()[: len(before)] == before
    capsys.readouterr()
