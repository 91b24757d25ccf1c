"""The diagnostics in a workspace: found, written down once, and kept as gates where they are gates."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, GateClosed
from cockpit.contract.layout import AttemptLayout
from cockpit.services.experiments import catch_up, lifecycle
from cockpit.services.rules import workspace_findings
from cockpit.services.workspace.workspace import Workspace
from tests.support.ui.stage import Stage

QUESTION = "A florist sells 24 bundles of lavender and 17 pots of rosemary before noon; how many things does she sell?"


class Bench(Stage):
    """A stage on which experiments only have scores."""

    def scored(self, number: int, technique: str, passed: int, *, parent: int | None = 0, seed: int = 1,
               parsed: int = 200, n: int = 200, **record: Any) -> AttemptLayout:  # fmt: skip
        id_ = f"exp_{number:04d}"
        above = None if parent is None else f"exp_{parent:04d}"
        out, clock, layout = self.experiment(id_, technique, parent=above, ago=10_000.0 - 100 * number)
        self.score(layout, passed, n, parsed, seed=seed)
        out.end("finished", "", step=10)
        self.process(layout, started=clock.now, ended=clock.now + 5, exit_code=0)
        if record:
            self.record(id_, **record)
        return layout

    def record(self, id_: str, **fields: Any) -> None:
        path = self.layout.experiment(id_).record
        atomic.write_json(path, {**json.loads(path.read_text()), **fields})

    @property
    def ws(self) -> Workspace:
        return Workspace(self.root)

    def found(self) -> dict[str, str]:
        return {f.rule: f.severity for f in workspace_findings.workspace_findings(self.ws)}

    def log(self) -> str:
        return self.layout.methodlog.read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    stage = Bench(tmp_path / "ws")
    for name, first in (("train", 100), ("mini", 200), ("held_out", 300)):
        rows = [{"prompt": f"{a}+1=?", "answer": str(a + 1)} for a in range(first, first + 5)]
        (stage.root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    baseline = stage.scored(0, "baseline", 20, parent=None)
    atomic.write_json(baseline.mini_eval / "score.json", {"score": 0.1, "n": 10, "passed": 1, "parsed": 10})
    return stage


def stuck(bench: Bench) -> None:
    for number, technique in enumerate(("sft", "grpo", "dpo"), 1):
        bench.scored(number, technique, 80 + number, seed=number + 1)


def test_a_healthy_tree_is_quiet(bench: Bench) -> None:
    bench.scored(1, "sft", 90, seed=1)
    bench.scored(2, "grpo", 150, parent=1, seed=1)
    assert bench.found() == {}
    assert main(["-C", str(bench.root), "findings"]) == 0


def test_stuck_at_zero_knows_from_the_workspace_whether_anything_parsed(bench: Bench) -> None:
    bench.scored(1, "sft", 0, parsed=3)
    bench.scored(2, "sft", 0, parsed=1)
    (found,) = [f for f in workspace_findings.workspace_findings(bench.ws) if f.rule == "stuck-at-zero"]
    assert "Only 4 of 400 answers parsed" in found.next_step


def test_a_fourth_technique_waits_for_the_spot_check_or_a_reason(bench: Bench) -> None:
    stuck(bench)
    bench.draft("exp_0004", "sft", parent="exp_0000")
    with pytest.raises(CockpitError, match="no spot check was made") as held:
        lifecycle.launch(bench.ws, "exp_0004")
    assert "Don't try a fourth technique" in held.value.fix
    bench.record("exp_0003", spot_check={"verdict": "matched"})
    assert workspace_findings.held_back(bench.ws) is None


def test_a_reason_opens_it_and_is_written_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck(bench)
    bench.draft("exp_0004", "sft", parent="exp_0000")
    started: list[Path] = []
    monkeypatch.setattr(
        "cockpit.services.runs.launcher.launch", lambda attempt, **_: started.append(attempt.root)
    )
    lifecycle.launch(bench.ws, "exp_0004", reason="the rows were checked by hand")
    assert started
    assert "override · exp_0004: launched although" in bench.log()
    assert "the rows were checked by hand" in bench.log()


def test_all_closed_gates_are_named_at_once_and_one_reason_opens_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck(bench)
    bench.draft("exp_0004", "sft", parent="exp_0000")
    (bench.layout.experiment("exp_0000").attempt(1).mini_eval / "score.json").unlink()
    with pytest.raises(GateClosed) as held:
        lifecycle.launch(bench.ws, "exp_0004")
    assert [gate.name for gate in lifecycle.closed_gates(bench.ws, "exp_0004")] == [
        "baseline",
        "spot-check",
        "already-run",
    ]
    assert len(held.value.closed) == 3
    assert held.value.as_dict()["opened_by"] == "reason"
    monkeypatch.setattr("cockpit.services.runs.launcher.launch", lambda attempt, **_: None)
    lifecycle.launch(bench.ws, "exp_0004", reason="a try")
    assert bench.log().count("override · exp_0004") == 3


def test_findings_are_written_once_and_for_people(bench: Bench) -> None:
    stuck(bench)
    catch_up.catch_up(bench.ws)
    before = bench.log()
    assert before.count("land at the same score") == 1
    assert "(exp_0001, exp_0002, exp_0003)" in before
    catch_up.catch_up(bench.ws)
    assert bench.log() == before
    bench.scored(4, "kto", 82, seed=7)
    catch_up.catch_up(bench.ws)
    assert bench.log().count("land at the same score") == 1, "it goes on, it does not begin"


def test_a_commit_names_ties_and_noise(bench: Bench) -> None:
    bench.scored(1, "sft", 24, seed=1)
    bench.scored(2, "sft", 120, seed=1)
    bench.scored(3, "sft", 30, seed=5)
    lifecycle.decide(bench.ws, "1", "committed", "cheaper to serve")
    lifecycle.decide(bench.ws, "2", "committed", "better")
    lifecycle.decide(bench.ws, "3", "discarded", "nothing to see")
    assert "committed (a tie, +0.020): cheaper to serve" in bench.log()
    assert "discarded (within the noise, +0.050): nothing to see" in bench.log()
    assert "committed (a gain, +0.500): better" in bench.log()


def leak(bench: Bench, number: int, rows: list[dict[str, str]]) -> None:
    """Give an experiment's attempt a training file that holds `rows`, as somebody's own loop might have read it."""
    train, held = bench.root / "own.jsonl", bench.root / "held_out.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    held.write_text(json.dumps({"prompt": QUESTION, "answer": "41"}) + "\n")
    attempt = bench.layout.experiment(f"exp_{number:04d}").attempt(1)
    recipe = json.loads(attempt.recipe.read_text())
    recipe["data"]["train"] = str(train)
    atomic.write_json(attempt.recipe, recipe)


def test_what_was_trained_on_the_held_out_set_is_never_committed(bench: Bench) -> None:
    bench.scored(1, "sft", 120)
    leak(bench, 1, [{"prompt": f"Do this. {QUESTION}", "answer": "41"}])
    assert bench.found()["eval-in-train"] == "block"
    with pytest.raises(CockpitError, match="can't be committed: 1 of 1 held-out items"):
        lifecycle.decide(bench.ws, "1", "committed", "but it is so good")
    assert bench.ws.experiment("1").status == "evaluated"
    lifecycle.decide(bench.ws, "1", "discarded", "it leaked")


def test_renamed_items_warn_and_do_not_block(bench: Bench) -> None:
    bench.scored(1, "sft", 120)
    leak(bench, 1, [{"prompt": QUESTION.replace("24", "31").replace("17", "9"), "answer": "40"}])
    assert bench.found()["eval-in-synthetic"] == "warn"
    lifecycle.decide(bench.ws, "1", "committed", "seen and judged harmless")


def test_a_draft_with_an_item_inside_a_longer_row_is_refused(bench: Bench) -> None:
    rows = [{"prompt": f"Solve with care: {QUESTION} Think first.", "completion": "41"}] * 3
    (bench.root / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (bench.root / "held_out.jsonl").write_text(json.dumps({"prompt": QUESTION, "answer": "41"}) + "\n")
    (bench.root / "model").mkdir()
    with pytest.raises(CockpitError, match="inside a longer text"):
        lifecycle.new(bench.ws, "sft", train=bench.root / "own.jsonl")
    assert "exp_0001" not in bench.ws.experiment_ids()


def test_a_pair_of_files_is_compared_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.services.dataset import overlap
    from cockpit.services.rules import leaks

    same = str(bench.root / "held_out.jsonl")
    data = {"train": same, "train_hash": "a", "held_out": same, "held_out_hash": "b"}
    first = leaks.of_data(bench.ws, data, "exp_0001", keep=True)
    monkeypatch.setattr(overlap, "compare", lambda *_, **__: pytest.fail("compared again"))
    assert leaks.of_data(bench.ws, data, "exp_0001") == first
    assert first[0].rule == "eval-in-train"
    assert leaks.of_data(bench.ws, {**data, "train_hash": "other"}, "exp_0001", look=False) == []


def test_slices_of_the_held_out_file_are_held_against_the_parents(bench: Bench) -> None:
    rows = [{"id": f"item-{k:03d}", "prompt": f"q{k}", "answer": "1", "subject": "sums" if k % 2 else "words"}
            for k in range(200)]  # fmt: skip
    (bench.root / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for number, right in ((1, lambda k: k % 2 == 1), (2, lambda k: k % 2 == 0 or k % 20 == 1)):
        layout = bench.scored(number, "sft", 100, parent=number - 1)
        items = [json.loads(line) for line in (layout.held_out / "items.jsonl").read_text().splitlines()]
        for k, item in enumerate(items):
            item |= {"score": float(right(k)), "passed": right(k)}
        (layout.held_out / "items.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    (found,) = [
        f for f in workspace_findings.workspace_findings(bench.ws, "2") if f.rule == "mid-eval-regression"
    ]
    assert found.headline.startswith("subject=sums lost against exp_0001")


def test_findings_of_one_experiment_alone(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    stuck(bench)
    bench.scored(4, "sft", 150, parent=0, seed=1)
    assert main(["-C", str(bench.root), "findings", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"findings": []}


def test_ls_says_what_to_beat_and_where_to_go_on(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.scored(1, "sft", 90, seed=1)
    bench.scored(2, "grpo", 92, parent=1, seed=1)
    for number in (1, 2):
        lifecycle.decide(bench.ws, str(number), "committed", "so")
    capsys.readouterr()
    assert main(["-C", str(bench.root), "ls"]) == 0
    assert "Best: exp_0001 (level with it: exp_0002), by exp_0000 -> exp_0001." in capsys.readouterr().out
    assert main(["-C", str(bench.root), "ls", "--json"]) == 0
    standing = json.loads(capsys.readouterr().out)["standing"]
    assert standing == {"best": "exp_0001", "path": ["exp_0000", "exp_0001"], "level": ["exp_0002"],
                        "frontier": ["exp_0001", "exp_0002"]}  # fmt: skip


def test_compare_says_only_what_differs(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.scored(1, "sft", 90, seed=1)
    bench.scored(2, "sft", 120, seed=1)
    attempt = bench.layout.experiment("exp_0002").attempt(1)
    recipe = json.loads(attempt.recipe.read_text())
    recipe["trainer"]["learning_rate"] = 1e-3
    atomic.write_json(attempt.recipe, recipe)
    capsys.readouterr()
    assert main(["-C", str(bench.root), "compare", "1", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["settings"] == [
        {"name": "trainer.learning_rate", "values": {"exp_0001": "0.0003", "exp_0002": "0.001"}}
    ]
    (pair,) = answer["pairs"]
    assert (pair["kind"], len(pair["won"]), len(pair["lost"])) == ("gained", 30, 0)
    assert {"item", "prompt", "gold", "exp_0001", "exp_0002"} == set(pair["won"][0])
    assert "never to write training data from" in answer["caution"]
    for form in ("--markdown", "--csv", "--items=1"):
        assert main(["-C", str(bench.root), "compare", "1", "2", form]) == 0
        assert "trainer.learning_rate" in capsys.readouterr().out
    assert main(["-C", str(bench.root), "compare", "1"]) == 2
    assert "1 experiment can't be compared" in capsys.readouterr().err


def test_a_data_file_written_after_the_answers_is_named(bench: Bench) -> None:
    from cockpit.services.rules.provenance import _made_after  # pyright: ignore[reportPrivateUsage]

    old, new = bench.root / "old.jsonl", bench.root / "new.jsonl"
    for path in (old, new):
        path.write_text("{}")
    os.utime(old, (1, 1))
    assert _made_after(new, old, "exp_0001") == [
        "new.jsonl was written after exp_0001's answers to the held-out items were"
    ]
    assert _made_after(old, new, "exp_0001") == []


def test_a_commit_that_speaks_against_itself_asks_first(bench: Bench) -> None:
    bench.scored(1, "sft", 2)
    with pytest.raises(GateClosed, match="it lost against its parent") as closed:
        lifecycle.decide(bench.ws, "1", "committed", "it feels better")
    assert bench.ws.experiment("1").decision is None
    assert closed.value.instead == "Discard it."
    lifecycle.decide(bench.ws, "1", "committed", "it feels better", although="the harness was broken")
    assert "although it lost against its parent" in bench.log()
    assert "the harness was broken" in bench.log()


def test_a_gain_is_committed_without_being_asked(bench: Bench) -> None:
    bench.scored(1, "sft", 160)
    assert lifecycle.decide(bench.ws, "1", "committed", "a gain").status == "committed"


def test_the_baseline_of_others_is_not_discarded(bench: Bench) -> None:
    bench.scored(1, "sft", 160)
    with pytest.raises(CockpitError, match="is the baseline of 1 experiment"):
        lifecycle.decide(bench.ws, "0", "discarded", "tidying up")
