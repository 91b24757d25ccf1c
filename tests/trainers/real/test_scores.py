"""Held-out scores move the right way, outside the noise; and what a run leaves can be used without the cockpit."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError
from cockpit.contract.atomic import read_json
from cockpit.contract.reader import read_rows
from cockpit.core.scores import Score, compare
from cockpit.services.experiments import lifecycle
from cockpit.services.export import export
from cockpit.services.runs.attempts import read_sampled, read_score
from cockpit.services.system import environments
from tests.trainers.real.conftest import Run, Tiny, make_attempt, make_workspace

pytestmark = pytest.mark.timeout(1800)  # the first test waits for five runs with their held-out passes

MOVES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "sft-full": ("sft", False, {"max_steps": 60, "mid_eval__every_steps": 20}),
    "sft-lora": ("sft", True, {"max_steps": 60, "learning_rate": 5e-3, "peft__r": 16, "mid_eval__every_steps": 20}),
    "grpo-full": (
        "grpo", False,
        {"max_steps": 24, "per_device_train_batch_size": 128, "mid_eval__every_steps": 8, "preset": "dapo"},
    ),
    "grpo-lora": (
        "grpo", True,
        {"max_steps": 24, "per_device_train_batch_size": 128, "learning_rate": 2e-3, "mid_eval__every_steps": 8,
         "preset": "gspo,dora"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every move and the baseline, two at a time, each in a process of its own with its held-out pass."""
    root = tmp_path_factory.mktemp("moves")
    runs = {"baseline": make_attempt(tiny, root / "exp_0000", "baseline")}
    for number, (name, (technique, lora, options)) in enumerate(MOVES.items(), 1):
        options = {"mid_eval__every_epochs": 9.0, "mid_eval__patience": 9, **options}
        runs[name] = make_attempt(tiny, root / f"exp_{number:04d}", technique, lora=lora, **options)
    waiting = list(runs.values())
    for pair in (waiting[:3], waiting[3:]):
        for process in [run.start() for run in pair]:
            assert process.wait(timeout=600) == 0, [run.log for run in pair]
    return runs


def held_out(run: Run) -> Score:
    score = read_score(run.layout)
    assert score is not None, run.log
    return score


def test_the_base_is_imperfect_and_not_hopeless(trained: dict[str, Run]) -> None:
    run = trained["baseline"]
    score = held_out(run)
    assert score.n == 200
    assert score.lo > 0.2
    assert score.hi < 0.7
    mini = read_score(run.layout, "mini_eval")
    assert mini is not None
    assert 0 < mini.value < 1
    assert run.end["outcome"] == "finished"


def test_sampled_answers_lie_beside_the_score_and_differ(tiny: Tiny, tmp_path: Path) -> None:
    from cockpit.contract import AttemptWriter
    from trainers.attempt.signals import StopFlag
    from trainers.evaluate import Asked, evaluate
    from trainers.loop.frame import open_attempt

    run = make_attempt(tiny, tmp_path / "exp_0000", "baseline")
    attempt = open_attempt(run.layout.root, "evaluate", AttemptWriter(run.layout.root), StopFlag())
    evaluate(attempt, Asked(samples=3, temperature=1.0), announce=False)
    sampled = read_sampled(run.layout)
    assert sampled is not None
    assert (sampled.samples, len(sampled.right), sampled.temperature) == (3, 200, 1.0)
    assert sampled.at(1).value < sampled.at(3).value
    by_item: dict[str, set[str]] = {}
    for row in read_rows(run.layout.sampled / "items.jsonl"):
        by_item.setdefault(row["item"], set()).add(row["completion"])
    assert sum(len(said) > 1 for said in by_item.values()) > 20, "each sample has a seed of its own"
    attempt.recipe = run.recipe
    evaluate(attempt, Asked(sealed=run.recipe.data.mini_eval), announce=False)
    sealed = read_score(run.layout, "sealed")
    assert sealed is not None
    assert 0 < sealed.n < 200
    assert not run.layout.held_out.exists()
    assert not run.layout.result.exists()
    assert not run.events("held_out")


@pytest.mark.parametrize("name", MOVES)
def test_a_move_lifts_the_held_out_score_outside_the_noise(trained: dict[str, Run], name: str) -> None:
    base, run = held_out(trained["baseline"]), trained[name]
    score = held_out(run)
    assert score.lo > base.hi
    assert compare(score, base).kind == "gained"
    assert run.end["outcome"] == "finished"
    curve = [row["score"] for row in run.events("mid_eval")]
    assert max(curve) >= 0.5
    if run.recipe.technique == "sft":
        assert run.losses[-1] < run.losses[0] / 2
    else:
        rewards = [row["reward"] for row in run.metrics if "reward" in row]
        assert sum(rewards[-5:]) > sum(rewards[:5])
        assert all(row["rewards/verifier/mean"] == row["reward"] for row in run.metrics if "reward" in row)


@pytest.mark.parametrize("name", MOVES)
def test_what_a_run_leaves(trained: dict[str, Run], name: str) -> None:
    run = trained[name]
    kinds = {row["kind"] for row in read_rows(run.layout.events)}
    assert {"stage", "mid_eval", "checkpoint", "sample", "held_out", "end"} <= kinds
    seqs = [row["seq"] for row in read_rows(run.layout.events)]
    assert seqs == list(range(1, len(seqs) + 1)), "the held-out pass, another process, goes on counting"
    assert "have the same token ids in training and in scoring" in run.notices
    assert "template-drift" not in {finding["rule"] for finding in run.events("finding")}
    stages = [row["name"] for row in run.events("stage")]
    assert stages[:4] == ["importing", "loading", "tokenizing", "training"]
    assert stages[-1] == "done"
    rows = list(read_rows(run.layout.held_out / "items.jsonl"))
    assert len({row["item"] for row in rows}) == 200
    assert {"prompt", "completion", "answer", "parsed", "passed", "score", "truncated"} <= rows[0].keys()
    result = json.loads(run.layout.result.read_text())
    told = read_json(run.layout.held_out / "score.json") or {}
    assert result["score"] == told["score"] == sum(row["passed"] for row in rows) / 200
    assert len(result["tasks"]) == 200
    artifact = result["artifacts"][0]
    assert artifact["kind"] == ("lora_adapter" if MOVES[name][1] else "checkpoint")
    assert artifact["content_key"].startswith("sha256:")
    assert Path(artifact["uri"]) == run.layout.best.resolve()
    assert run.summary["method"] == MOVES[name][0]
    assert run.summary["steps"] == MOVES[name][2]["max_steps"]
    assert math.isfinite(run.summary["wall_time_s"])
    for row in run.metrics:
        assert {"step", "time"} <= row.keys()


@pytest.mark.parametrize("name", MOVES)
def test_a_checkpoint_needs_nothing_of_ours(trained: dict[str, Run], tiny: Tiny, name: str) -> None:
    """Plain transformers and peft load it and answer as the held-out pass recorded; no pickled weights."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run = trained[name]
    folder = run.layout.best.resolve()
    names = {path.name for path in folder.iterdir()}
    assert {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "trainer_state.json"} <= names
    assert not [n for n in names if n.startswith(("pytorch_model", "adapter_model.bin", "training_args"))]
    lora = MOVES[name][1]
    if lora:
        config = json.loads((folder / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == str(tiny.model)
        model: Any = AutoPeftModelForCausalLM.from_pretrained(folder)
    else:
        assert json.loads((folder / "config.json").read_text())["use_cache"] is True
        model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == (tiny.model / "chat_template.jinja").read_text()
    model.eval()
    for row in list(read_rows(run.layout.held_out / "items.jsonl"))[:8]:
        ids = tokenizer(row["prompt"], return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            out = model.generate(**ids, max_new_tokens=16, do_sample=False)
        said = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
        assert said == row["completion"]


def test_merged_weights_score_as_the_adapter_did(trained: dict[str, Run], tiny: Tiny, tmp_path: Path) -> None:
    """The base with the adapter in it, in the base's numbers, with all that ends an answer: loaded as any model."""
    from trainers import evaluate
    from trainers.exports import weights

    run = trained["sft-lora"]
    out, scratch = tmp_path / "merged", make_attempt(tiny, tmp_path / "exp_0009", "baseline").layout
    out.mkdir()
    asked = {"recipe": str(run.layout.recipe), "checkpoint": str(run.layout.best.resolve()), "out": str(out)}
    told = weights.run({**asked, "format": "merged"}, print)
    assert (told["base"], told["ends"], told["has_template"]) == (str(tiny.model), ["<|im_end|>"], True)
    assert told["template"]["prompt"] == "<|im_start|>assistant\n"
    assert evaluate.main([str(scratch.root), "--checkpoint", str(out)]) == 0
    items = [{row["item"]: row["completion"] for row in read_rows(layout.held_out / "items.jsonl")}
             for layout in (run.layout, scratch)]  # fmt: skip
    assert items[0] == items[1]


@pytest.mark.slow
def test_a_gguf_scores_like_its_checkpoint(trained: dict[str, Run], tiny: Tiny, tmp_path: Path) -> None:
    """By llama.cpp, which reads every prompt and the template as the run did."""
    ws = make_workspace(tiny, tmp_path / "ws")
    try:
        environments.add(ws.root, "gguf")
    except CockpitError as error:
        pytest.skip(f"needs a package index for llama.cpp: {error}")
    id_ = lifecycle.new(ws, "sft", lora=True).id
    shutil.copytree(trained["sft-lora"].layout.root, ws.layout.experiment(id_).attempt(1).root, symlinks=True)
    made = export.export(ws, export.Asked(id_, "ollama", "q8_0"), print)
    assert made.findings == ()
    assert made.score is not None
    assert compare(made.score, held_out(trained["sft-lora"])).kind in ("level", "too_few")
    facts = read_json(ws.layout.experiment(id_).attempt(1).exports / f"{run_step(trained)}-ollama.json") or {}
    assert (facts["read"]["otherwise"], facts["read"]["template"]) == (0, "same")
    assert 'PARAMETER stop "<|im_end|>"' in (made.folder / "Modelfile").read_text()


def run_step(trained: dict[str, Run]) -> str:
    return trained["sft-lora"].layout.best.resolve().name


def test_rollouts_are_kept_with_their_rewards(trained: dict[str, Run]) -> None:
    run = trained["grpo-full"]
    files = sorted(run.layout.samples.glob("train_step_*.jsonl"))
    assert [path.name for path in files] == [f"train_step_{s:06d}.jsonl" for s in (1, 10, 20)]
    rows = list(read_rows(files[0]))
    assert len(rows) == 64
    assert {row["rewards"]["verifier"] for row in rows} <= {0.0, 1.0}
    groups = [row["group"] for row in rows]
    assert groups[:8] == [groups[0]] * 8, "whole groups"


def test_another_checkpoint_can_be_scored_and_the_ending_stays(trained: dict[str, Run]) -> None:
    from trainers import evaluate

    run = trained["sft-full"]
    before = run.end
    assert evaluate.main([str(run.layout.root), "--checkpoint", "step_000020"]) == 0
    told = read_json(run.layout.held_out / "score.json") or {}
    assert told["checkpoint"] == "checkpoints/step_000020"
    assert run.end["reason"] == before["reason"]
    assert run.end["outcome"] == before["outcome"]
    assert evaluate.main([str(run.layout.root), "--checkpoint", "step_000033"]) == 1
    assert "there is no checkpoint step_000033 in this attempt" in run.end["reason"]
    assert "It has: best, step_000020, step_000040, step_000060" in run.end["reason"]
