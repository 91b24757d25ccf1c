"""The smoke run as processes: prepared, watched, judged, recorded, and what it closes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.contract.reader import read_rows
from cockpit.contract.recipe import Recipe
from cockpit.services.experiments import lifecycle
from cockpit.services.smoke import prepare, run
from cockpit.services.workspace import smoke_verdict
from cockpit.services.workspace.workspace import Workspace
from tests.support.standin_workspace import Behave


def test_green_is_recorded_and_shown(ws: Workspace, draft: str, behave: Behave) -> None:
    told: list[str] = []
    found = run.run(ws, draft, tell=told.append)
    assert found.verdict.green, found.verdict
    assert found.opens
    assert found.step_time == 0.5
    assert ws.experiment(draft).status == "smoked"
    assert "smoke · exp_0001: green" in ws.layout.methodlog.read_text()
    assert told[0].startswith("comparing training prompts")
    again = smoke_verdict.last(ws, draft)
    assert again is not None
    assert again.opens
    assert again.verdict == found.verdict


def test_it_takes_the_longest_rows_and_trains_on_none_of_the_items(ws: Workspace, draft: str) -> None:
    run.run(ws, draft)
    attempt = smoke_verdict.latest(ws.layout.experiment(draft))
    assert attempt is not None
    trained = [row["prompt"] for row in read_rows(attempt.root / "data" / "train.jsonl")]
    items = [row["prompt"] for row in read_rows(attempt.root / "data" / "items.jsonl")]
    every = [
        row["prompt"]
        for row in read_rows(Path(Recipe.load(ws.layout.experiment(draft).draft).data.train or ""))
    ]
    assert len(trained) == 10
    assert min(map(len, trained)) >= sorted(map(len, every))[-10] - 1
    assert set(trained) <= set(every)
    assert not set(trained) & set(items)
    recipe = json.loads(attempt.recipe.read_text())
    whole = json.loads(ws.layout.experiment(draft).draft.read_text())
    same = {k: v for k, v in recipe["trainer"].items() if k not in ("max_steps", "logging_steps")}
    assert same == whole["trainer"], "the recipe's real settings"


def test_of_rows_that_are_cut_those_with_a_short_prompt_come_first(ws: Workspace) -> None:
    data = ws.root / "long.jsonl"
    shapes = [
        ("short", 10, 10),
        ("whole", 100, 400),
        ("prompt only", 5000, 900),
        ("cut", 50, 900),
        ("less", 600, 900),
    ]
    rows = [
        {"prompt": f"{name} {n} " + "p" * prompt, "completion": "c" * said}
        for name, prompt, said in shapes
        for n in range(5)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    id_ = lifecycle.new(
        ws, "sft", train=data, overrides=["max_length=200", "per_device_train_batch_size=2"]
    ).id
    chosen = prepare.longest_rows(Recipe.load(ws.layout.experiment(id_).draft))
    assert [row["prompt"].partition(" ")[0] for row in chosen] == ["cut"] * 5 + ["less"] * 5


@pytest.mark.parametrize(
    ("how", "stage"),
    [
        ({"load": "the model can't be loaded: no such file"}, "load"),
        (
            {"render": {"contexts": [{"train": "system", "eval": "", "count": 10}], "rows": [{}] * 10}},
            "template",
        ),
        ({"losses": [2.0, float("nan"), 1.0]}, "nan"),
        ({"checkpoint": False}, "checkpoint"),
        ({"scores": [0.0]}, "zero score"),
    ],
)
def test_red_closes_the_launch_until_a_reason_is_typed(
    ws: Workspace, draft: str, behave: Behave, how: dict[str, object], stage: str
) -> None:
    behave(**how)
    found = run.run(ws, draft)
    assert (found.verdict.green, found.verdict.stage) == (False, stage), found.verdict
    assert ws.experiment(draft).status == "draft"
    behave()
    _score_baseline(ws)
    with pytest.raises(CockpitError, match=f"red at {stage}"):
        lifecycle.launch(ws, draft)
    lifecycle.launch(ws, draft, reason="I know what this is")
    assert "I know what this is" in ws.layout.methodlog.read_text()
    lifecycle.wait(ws, draft, lambda _: None, every_s=0.05)


def _score_baseline(ws: Workspace) -> None:
    """The baseline's gate comes first; a score of its own opens it."""
    attempt = ws.layout.experiment("exp_0000").attempt(1)
    for part in (attempt.mini_eval, attempt.held_out):
        part.mkdir(parents=True, exist_ok=True)
        (part / "score.json").write_text(json.dumps({"score": 0.5, "n": 10}))
    attempt.events.write_text(
        json.dumps({"v": 1, "seq": 1, "time": 1.0, "kind": "end", "outcome": "finished"}) + "\n"
    )
    return True


def test_before_rl_the_verifier_is_audited_and_one_that_can_be_outwitted_closes_the_launch(
    ws: Workspace, behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ws.root)
    name = f"lax_{ws.root.parent.name.replace('-', '_')}"
    (ws.root / f"{name}.py").write_text("def contains(said, item): return item['answer'] in said\n")
    behave(rollouts=[False] * 12 + [True] * 4)
    sound = run.run(ws, lifecycle.new(ws, "grpo").id)
    assert sound.verdict.green, sound.verdict
    assert any("cases made from" in line for line in sound.verdict.evidence)
    id_ = lifecycle.new(ws, "grpo", overrides=[f"verifier={name}:contains"]).id
    verdict = run.run(ws, id_).verdict
    assert (verdict.stage, verdict.cause) == ("verifier", "accepts_wrong")
    assert "wrong answers" in verdict.headline
    (ws.root / f"{name}_mine.py").write_text(
        "def short(completions, **_): return [0.0 for _ in completions]\n"
    )
    unused = lifecycle.new(
        ws, "grpo", overrides=[f"verifier={name}:contains", f"rewards={name}_mine:short"]
    ).id
    assert run.run(ws, unused).verdict.cause != "accepts_wrong", "it rewards nothing"
    _score_baseline(ws)
    with pytest.raises(CockpitError, match="red at verifier"):
        lifecycle.launch(ws, id_)
    lifecycle.launch(ws, id_, reason="the answers can't hold each other")
    lifecycle.wait(ws, id_, lambda _: None, every_s=0.05)


def test_rl_without_a_reward_signal_is_red(ws: Workspace, behave: Behave) -> None:
    behave(rollouts=[False] * 16, scores=[0.0])
    id_ = lifecycle.new(ws, "grpo").id
    assert run.run(ws, id_).verdict.stage == "no signal"
    behave(rollouts=[False] * 12 + [True] * 4, scores=[0.0])
    assert run.run(ws, id_).verdict.green


def test_a_changed_recipe_needs_a_new_one(ws: Workspace, draft: str) -> None:
    run.run(ws, draft)
    path = ws.layout.experiment(draft).draft
    path.write_text(
        path.read_text().replace('"per_device_train_batch_size": 8', '"per_device_train_batch_size": 4')
    )
    stale = smoke_verdict.last(ws, draft)
    assert stale is not None
    assert not stale.opens


def test_the_command(ws: Workspace, draft: str, behave: Behave, capsys: pytest.CaptureFixture[str]) -> None:
    behave(scores=[0.0])
    assert main(["-C", str(ws.root), "smoke", "1", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["green"], told["stage"]) == (False, "zero score")
    assert [s["passed"] for s in told["stages"]][-1] is False
    assert main(["-C", str(ws.root), "smoke", "1", "--last"]) == 1
    assert "RED at zero score" in capsys.readouterr().out
    assert main(["-C", str(ws.root), "ls"]) == 0
    assert "smoke run red at zero score" in capsys.readouterr().out
    assert main(["-C", str(ws.root), "show", "1"]) == 0
    assert "red at zero score: None of" in (shown := capsys.readouterr().out)
    assert "next: Check the format" in shown
    behave()
    assert main(["-C", str(ws.root), "smoke", "1"]) == 0
    assert "GREEN" in capsys.readouterr().out
    assert main(["-C", str(ws.root), "smoke", "0"]) == 2


def test_the_budget_of_old_runs_is_bounded(ws: Workspace, draft: str) -> None:
    for number in (1, 2, 3):
        (smoke_verdict.folder(ws.layout.experiment(draft)) / f"{number:03d}").mkdir(parents=True)
    run.run(ws, draft)
    kept = sorted(p.name for p in smoke_verdict.folder(ws.layout.experiment(draft)).iterdir())
    assert kept == ["002", "003", "004"]
