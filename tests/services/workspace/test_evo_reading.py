"""evo's folder as the cockpit shows it: handmade graphs, the broken ones among them; nothing in it is ever changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import BAD_INPUT, main
from cockpit.contract.errors import CockpitError
from cockpit.services.workspace import open as open_workspace
from cockpit.services.workspace.evo_workspace import EvoWorkspace
from cockpit.services.workspace.workspace import ExperimentView

GONE = 2**22 + 1  # above any pid that Linux gives


def node(id_: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "parent": "root",
        "status": status,
        "score": None,
        "hypothesis": f"why {id_}",
        "created_at": "2026-11-26T00:00:00+00:00",
        "current_attempt": 1,
        **more,
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / ".evo/run_0000").mkdir(parents=True)
    (folder / ".evo/meta.json").write_text('{"active": "run_0000", "next_run": 1}')
    (folder / ".evo/run_0000/config.json").write_text('{"project_name": "adding", "metric": "max"}')
    return folder


def shown(root: Path, *nodes: dict[str, Any], pid: int = GONE) -> dict[str, ExperimentView]:
    run = root / ".evo/run_0000"
    graph = {"nodes": {"root": {"id": "root", "status": "root"}} | {n["id"]: n for n in nodes}}
    (run / "graph.json").write_text(json.dumps(graph))
    for each in nodes:
        attempt = run / "experiments" / each["id"] / "attempts/001"
        attempt.mkdir(parents=True, exist_ok=True)
        (attempt / "attempt_state.json").write_text(json.dumps({"pid": pid, "phase": "benchmark"}))
        (attempt / "benchmark.log").write_text("42 widgets\n")
    return {view.id: view for view in open_workspace.find(root).experiments()}


TASKS = {f"t{i}": float(i < 15) for i in range(20)}

CASES = [
    ("pending", {}, "draft", ""),
    ("committed", {"score": 0.75, "benchmark_result": {"score": 0.75, "tasks": TASKS}}, "committed", ""),
    ("committed", {"score": 153.5}, "committed", "evo recorded 153.5."),
    ("committed", {"score": float("nan")}, "committed", ""),
    ("evaluated", {"score": 0.1}, "evaluated", "evo recorded 0.1. not committed: it scored below its parent"),
    ("evaluated", {"gate_failures": ["lint"]}, "evaluated", "gate failed: lint"),
    ("failed", {"error": "benchmark_exit_1"}, "failed", "benchmark_exit_1"),
    ("discarded", {"discard_reason": "no gain"}, "discarded", ""),
    ("pruned", {"pruned_reason": "spent"}, "discarded", ""),
    ("some new word", {}, "some new word", ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "more", "word", "note"), CASES)
def test_a_node_in_the_cockpits_words(
    root: Path, status: str, more: dict[str, Any], word: str, note: str
) -> None:
    view = shown(root, node("exp_0000", status, **more))["exp_0000"]
    assert (view.status, view.note) == (word, note)
    assert view.hypothesis == "why exp_0000"
    assert view.technique == "benchmark"


def test_items_give_the_score_its_interval_and_the_delta_its_test(root: Path) -> None:
    better = dict.fromkeys(TASKS, 1.0)
    views = shown(
        root,
        node("exp_0000", "committed", score=0.75, benchmark_result={"score": 0.75, "tasks": TASKS}),
        node("exp_0001", "committed", parent="exp_0000", score=1.0, benchmark_result={"tasks": better}),
    )
    score, delta = views["exp_0000"].score, views["exp_0001"].delta
    assert score is not None
    assert (score.value, score.n) == (0.75, 20)
    assert score.lo < 0.75 < score.hi
    assert delta is not None
    assert (delta.wins, delta.losses, delta.kind) == (5, 0, "too_few")
    assert views["exp_0001"].depth == 1


def test_items_that_do_not_make_the_recorded_score_are_not_shown_as_it(root: Path) -> None:
    result = {"score": 0.2, "tasks": TASKS}
    assert (
        shown(root, node("exp_0000", "committed", score=0.2, benchmark_result=result))["exp_0000"].score
        is None
    )


def test_active_is_running_while_its_driver_lives(root: Path) -> None:
    assert shown(root, node("exp_0000", "active"), pid=os.getpid())["exp_0000"].status == "running"
    gone = shown(root, node("exp_0000", "active"))["exp_0000"]
    assert gone.status == "failed"
    assert "the `evo run` that drove it is gone" in gone.note


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nodes": 3}', '{"nodes": {"a": 7}}'])
def test_a_graph_that_is_none_has_no_experiments(root: Path, text: str) -> None:
    (root / ".evo/run_0000/graph.json").write_text(text)
    assert open_workspace.find(root).experiments() == []


def test_the_log_is_evos(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown(root, node("exp_0000", "committed"))
    assert main(["logs", "0", "--dir", str(root)]) == 0
    assert capsys.readouterr().out == "42 widgets\n"


@pytest.mark.parametrize(
    "words",
    [
        "new sft -m why", "launch exp_0000 --reason x", "resume exp_0000", "score exp_0000", "stop exp_0000",
        "commit exp_0000 --reason x", "discard exp_0000 --reason x", "note hello",
    ],
)  # fmt: skip
def test_every_move_is_refused_and_leaves_nothing(
    root: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    shown(root, node("exp_0000", "evaluated", score=0.5))
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert main([*words.split(), "--dir", str(root)]) == BAD_INPUT
    assert "the cockpit only looks at it" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_workspace_of_the_cockpits_own_beside_it_wins(root: Path) -> None:
    assert isinstance(open_workspace.find(root), EvoWorkspace)
    (root / "cockpit.toml").write_text("")
    assert isinstance(open_workspace.find(root), EvoWorkspace)  # the target of evo's benchmark
    (root / ".cockpit/experiments").mkdir(parents=True)
    assert not isinstance(open_workspace.find(root), EvoWorkspace)


def test_evos_own_home_is_no_workspace(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVO_HOME", str(root / ".evo"))
    with pytest.raises(CockpitError, match="no workspace"):
        open_workspace.find(root)


def test_watch_gives_a_snapshot_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown(root, node("exp_0000", "committed", score=0.75, benchmark_result={"score": 0.75, "tasks": TASKS}))
    before = sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))
    assert main(["watch", str(root), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["kind"], run["name"], run["status"], run["score"]) == ("evo", "exp_0000", "committed", 0.75)
    assert run["hypothesis"] == "why exp_0000"
    assert main(["watch", str(root), "--once"]) == 0
    assert "exp_0000" in capsys.readouterr().out
    assert sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*")) == before
