"""A query only looks: no line in the log, no file, no process; also where nobody has caught up with what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.cli import main
from tests.services.workspace.test_evo_reading import CASES, node, shown
from tests.support.ui.stage import Stage
from tests.support.untouched import changed, snapshot

QUERIES = (
    ("ls",), ("status",), ("show", "2"), ("show", "2", "--items"), ("findings",), ("findings", "1"), ("methodlog",),
    ("logs", "2"), ("compare", "1", "2"), ("report",), ("queue",), ("smoke", "2", "--last"), ("status", "--tmux"),
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stage = Stage(tmp_path / "ws")
    stage.story()
    return stage.root


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_a_workspace_stays_as_it_is(root: Path, query: tuple[str, ...]) -> None:
    before = snapshot(root)
    for more in ((), ("--json",)):
        main(["--dir", str(root), *query, *more])
    assert changed(before, root) == []


def test_nor_does_anything_change_in_evos_repository(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    (folder / ".evo/run_0000").mkdir(parents=True)
    (folder / ".evo/meta.json").write_text('{"active": "run_0000", "next_run": 1}')
    (folder / ".evo/run_0000/config.json").write_text('{"project_name": "adding", "metric": "max"}')
    shown(folder, *(node(f"exp_{n:04d}", status, **more) for n, (status, more, _, _) in enumerate(CASES)))
    before = snapshot(folder)
    for query in QUERIES:
        main(["--dir", str(folder), *query])
    main(["--dir", str(folder), "note", "not here"])
    assert changed(before, folder) == []
