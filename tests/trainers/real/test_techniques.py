"""Every technique learns on the tiny model, LoRA and full weights: the held-out score gains outside the noise.

A reward model has no answers to score: it is proven by its own objective, the order of held-out pairs. SFT and GRPO
have their own file (test_scores).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from cockpit.core.scores import Score, compare
from cockpit.services.runs.attempts import read_score
from tests.support.tiny_settings import settings, training_file
from tests.trainers.real.conftest import Run, Tiny, TrainRun, head, make_attempt

ONE_MID_EVAL: dict[str, Any] = {"mid_eval__every_steps": 1000, "mid_eval__every_epochs": 1000.0}
GAINS = [(technique, lora) for technique in ("dpo", "kto", "orpo", "rft", "rloo") for lora in (False, True)]


def move(
    tiny: Tiny, root: Path, technique: str, *, lora: bool, train: str | None = None, **overrides: Any
) -> Run:
    """An attempt with the technique's settings for the tiny model and one mini-eval at the end."""
    asked = {name.replace(".", "__"): value for name, value in settings(technique, lora=lora).items()}
    return make_attempt(
        tiny,
        root,
        technique,
        train or training_file(technique),
        lora=lora,
        **{**ONE_MID_EVAL, **asked, **overrides},
    )


def scored(run: Run, *arguments: str) -> Score:
    """The held-out pass in this process."""
    from trainers import evaluate

    assert evaluate.main([str(run.layout.root), *arguments]) == 0, run.events("end")
    score = read_score(run.layout)
    assert score is not None
    return score


def finished_run(run: Run) -> Run:
    """Train it here, to its end."""
    assert run.here() == 0, run.events("end")
    return run


@pytest.fixture(scope="module", autouse=True)
def handlers() -> Iterator[None]:
    """The scorer takes over the signals that end a test run: give them back."""
    import signal

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def base(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Score:
    """The base model on the held-out set."""
    return scored(make_attempt(tiny, tmp_path_factory.mktemp("base") / "exp_0000", "baseline"))


@pytest.mark.parametrize(
    ("technique", "lora"), GAINS, ids=[f"{t}-{'lora' if r else 'full'}" for t, r in GAINS]
)
def test_the_held_out_score_gains_outside_the_noise(
    technique: str, lora: bool, tiny: Tiny, base: Score, tmp_path: Path
) -> None:
    run = finished_run(move(tiny, tmp_path / "exp_0001", technique, lora=lora))
    if technique != "rft":
        assert "have the same token ids in training and in scoring" in run.notices
        assert "template-drift" not in {finding["rule"] for finding in run.events("finding")}
    delta = compare(scored(run, "--checkpoint", "best"), base)
    assert delta.kind == "gained", delta.sentence
    best = run.layout.best
    assert (best / "adapter_config.json").is_file() is lora
    assert list(best.glob("*.safetensors"))
    assert (best / "tokenizer_config.json").is_file()


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_a_reward_model_puts_held_out_pairs_in_order(
    lora: bool, tiny: Tiny, base: Score, tmp_path: Path
) -> None:
    run = finished_run(move(tiny, tmp_path / "exp_0001", "reward", lora=lora))
    score = scored(run, "--checkpoint", "best")
    assert score.lo > 0.6, score.text()
    assert compare(score, base).kind == "incomparable"
    rows = list(read_rows(run.layout.held_out / "items.jsonl"))
    trained = {
        json.loads(line)["prompt"] for line in Path(tiny.files["comparisons"]).read_text().splitlines()
    }
    assert all(row["rewards"]["chosen"] > row["rewards"]["rejected"] for row in rows if row["passed"])
    held = {row["prompt"] for row in rows}
    assert len(held) > 20
    assert trained > {prompt.split("user\n")[1].split("<|im_end|>")[0] for prompt in held}


def test_dpo_alone_lowers_both_answers_and_the_reading_says_so(tiny: Tiny, tmp_path: Path) -> None:
    from cockpit.services.rules.run_findings import for_attempt

    plain = {"loss_type": ["sigmoid"], "loss_weights": None, "max_steps": 40}
    run = finished_run(move(tiny, tmp_path / "exp_0001", "dpo", lora=False, **plain))
    assert "chosen-less-likely" in {finding.rule for finding in for_attempt(run.layout.root)}
    last = [row for row in run.metrics if "rewards/accuracies" in row][-1]
    assert last["rewards/accuracies"] > 0.9  # its own objective is met all the same


def test_rewards_add_up_by_their_weights_and_every_rollout_of_a_prompt_of_use_is_on_record(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_rewards.py").write_text(
        "def short(completions, **rest):\n    return [0.5 for _ in completions]\n"
    )
    parts = "verifier,0.2*format,2*my_rewards:short"
    asked: dict[str, Any] = {"max_steps": 2, "rewards": parts, "data__filter_samples": 4}
    run = finished_run(move(tiny, tmp_path / "exp_0001", "rloo", lora=False, **asked))
    told = re.search(
        r"(\d+) of (\d+) prompts pass in some and not all of 4 sampled answers; (\d+) are too hard and (\d+) too easy: "
        r"these are left out \((\d+) answers", run.notices.replace(",", "")
    )  # fmt: skip
    assert told is not None, run.notices
    kept, of, hard, easy, answers = map(int, told.groups())
    assert (kept, answers) == (of - hard - easy, 4 * of)
    assert 0 < kept < of
    row = next(row for row in run.metrics if "reward" in row)
    means = {name: row[f"rewards/{name}/mean"] for name in ("verifier", "format", "short")}
    assert row["reward"] == pytest.approx(means["verifier"] + 0.2 * means["format"] + 2 * 0.5, abs=1e-4)
    assert row["rewards/verifier/std"] > 0
    assert means["format"] >= means["verifier"] == pytest.approx(row["verifier"])
    assert row["samples/age"] == 0
    samples = list(read_rows(run.layout.sample_file("train", 1)))
    assert len(samples) == 64
    groups: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        groups.setdefault(sample["group"], []).append(sample)
        assert set(sample["rewards"]) == {"verifier", "format", "short"}
        assert sample["rewards"]["verifier"] == sample["score"]
        assert (sample["policy_id"], sample["age"]) == ("exp_0001@0", 0)
        assert sample["kept"] is (sample["advantage"] != 0)
    assert {len(rows) for rows in groups.values()} == {8}
    mixed = next(rows for rows in groups.values() if rows[0]["group_std"] > 0)
    best = max(mixed, key=lambda sample: sample["score"])
    assert best["advantage"] > 0 > min(sample["advantage"] for sample in mixed)


def test_a_reward_of_the_users_that_fails_says_which_and_why(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad_rewards.py").write_text("def few(**given):\n    return [1.0]\n")
    run = move(tiny, tmp_path / "exp_0001", "rloo", lora=False, max_steps=1, rewards="bad_rewards:few")
    assert run.here() == 1
    assert "'bad_rewards:few' gave 1 values for 128 completions" in run.end["reason"]
    missing = move(tiny, tmp_path / "exp_0002", "rloo", lora=False, max_steps=1, rewards="nowhere:few")
    assert missing.here() == 1
    assert "'nowhere:few' can't be loaded" in missing.end["reason"]


def test_a_reward_model_as_reward_works_and_is_flagged(tiny: Tiny, tmp_path: Path) -> None:
    pairs, few = head(tiny, tmp_path, "comparisons"), head(tiny, tmp_path, "train")
    judge = finished_run(move(tiny, tmp_path / "exp_0001", "reward", lora=True, train=pairs, max_steps=5))
    more: dict[str, Any] = {"rewards": f"model:{judge.layout.best.resolve()}", "train": few, "max_steps": 1}
    run = finished_run(move(tiny, tmp_path / "exp_0002", "grpo", lora=False, **more))
    assert [finding["rule"] for finding in run.events("finding")] == ["learnt-reward"]
    row = next(row for row in run.metrics if "reward" in row)
    assert row["rewards/reward_model/std"] > 0
    assert 0 < row["verifier"] < 1  # measured beside it, though nothing learns from it


def test_rft_trains_each_round_on_what_its_own_policy_got_right(
    attempt: TrainRun, tiny: Tiny, tmp_path: Path
) -> None:
    few = head(tiny, tmp_path, "train", 300)
    run = finished_run(move(tiny, tmp_path / "exp_0001", "rft", lora=False, train=few, max_steps=12))
    rounds = [list(read_rows(run.layout.root / "rollouts" / f"round_{n:02d}.jsonl")) for n in (1, 2)]
    assert [{row["policy_id"] for row in rows} for rows in rounds] == [{"exp_0001@0"}, {"exp_0001@6"}]
    for rows in rounds:
        kept = [(row["group"], row["completion"]) for row in rows if row["kept"]]
        assert kept
        assert len(kept) == len(set(kept))
        assert all(row["passed"] for row in rows if row["kept"])
    good = [sum(row["passed"] for row in rows) for rows in rounds]
    assert good[1] > good[0]
    ages = [row["samples/age"] for row in run.metrics if "samples/age" in row]
    assert ages == [0, 1, 2, 3, 4, 5] * 2


def test_rft_resumes_within_a_round_and_refuses_another_policys_samples(tiny: Tiny, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "max_steps": 8,
        "mid_eval__every_steps": 6,
        "train": head(tiny, tmp_path, "train"),
    }
    cut = finished_run(move(tiny, tmp_path / "exp_0001", "rft", lora=False, **options))
    shutil.rmtree(cut.layout.checkpoint(8))
    second = cut.layout.root / "rollouts" / "round_02.jsonl"
    second.write_text(second.read_text().replace("exp_0001@4", "exp_0009@4"))
    assert cut.here("--resume") == 0, cut.events("end")
    assert "sampled by exp_0009@4, not by exp_0001@4: sampled anew" in cut.notices
    assert second.read_text().count("exp_0009") == 0
    assert cut.summary["outcome"] == "finished"
    # Sampled by the policy that resumed, two steps into the round, and said so.
    assert {row["policy_id"] for row in read_rows(second)} == {"exp_0001@6"}
    assert [row["samples/age"] for row in cut.metrics if "samples/age" in row][-2:] == [0, 1]


def test_rft_says_what_to_do_when_nothing_survives(tiny: Tiny, tmp_path: Path) -> None:
    few = head(tiny, tmp_path, "train", 20)
    run = move(tiny, tmp_path / "exp_0001", "rft", lora=False, train=few, max_steps=4, min_reward=2.0)
    assert run.here() == 1
    assert "none of 80 samples reached min_reward=2" in run.end["reason"]


def test_rft_takes_scored_trajectories_as_its_first_round(tiny: Tiny, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in Path(tiny.files["trajectories"]).read_text().splitlines()]
    gold = {row["group_id"]: row["messages"][1]["content"] for row in rows if row["passed"]}
    path = tmp_path / "trajectories.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options: dict[str, Any] = {"train": str(path), "num_generations": 2}
    once = finished_run(move(tiny, tmp_path / "exp_0001", "rft", lora=False, max_steps=4, **options))
    assert "nothing could judge new samples: one round" in once.notices
    assert "620 of 2480 samples are good enough; 620 kept of 620 of 620 prompts" in once.notices
    assert once.metrics[0]["samples/stale_share"] == 0
    assert once.losses[-1] < once.losses[0]
    assert not (once.layout.root / "rollouts" / "round_02.jsonl").exists()

    for row in rows:
        row["answer"] = gold[row["group_id"]].removeprefix("<answer>").removesuffix("</answer>")
        row["policy_id"] = "exp_0042@10"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    both = finished_run(move(tiny, tmp_path / "exp_0002", "rft", lora=False, max_steps=4, **options))
    rounds = [list(read_rows(both.layout.root / "rollouts" / f"round_{n:02d}.jsonl")) for n in (1, 2)]
    assert [{row["policy_id"] for row in rows} for rows in rounds] == [{"exp_0042@10"}, {"exp_0002@2"}]
    assert "2480 of 2480 samples come from another policy (exp_0042@10)" in both.notices
    assert [row["samples/stale_share"] for row in both.metrics if "loss" in row] == [1.0, 1.0, 0.0, 0.0]
    refused = move(tiny, tmp_path / "exp_0003", "rft", lora=False, max_steps=4, max_age=0, **options)
    assert refused.here() == 1
    assert "2480 of policies more than max_age=0 steps away" in refused.end["reason"]


def test_scored_trajectories_train_dpo_and_stale_ones_are_flagged(tiny: Tiny, tmp_path: Path) -> None:
    from cockpit.services.rules.run_findings import for_attempt

    rows = [json.loads(line) for line in Path(tiny.files["trajectories"]).read_text().splitlines()]
    for row in rows[: len(rows) // 2]:
        row["policy_id"] = "exp_0042@10"
    path = tmp_path / "trajectories.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = finished_run(move(tiny, tmp_path / "exp_0001", "dpo", lora=False, train=str(path), max_steps=2))
    assert "1240 of 2480 samples come from another policy (exp_0042@10)" in run.notices
    assert "became 620 pairs" in run.notices
    assert run.metrics[0]["samples/stale_share"] == 0.5
    assert "stale-samples" in {finding.rule for finding in for_attempt(run.layout.root)}


def test_a_template_that_renders_a_prompt_alone_in_another_way_is_an_alarm(
    tiny: Tiny, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny.model, model)
    template = model / "chat_template.jinja"
    alone = template.read_text().replace(
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}",
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<answer>' }}",
    )
    assert alone != template.read_text()
    template.write_text(alone)
    run = finished_run(
        move(replace(tiny, model=model), tmp_path / "exp_0001", "sft", lora=False, train="preferences_format",
             max_steps=1)
    )  # fmt: skip
    assert "template-drift" not in {f["rule"] for f in run.events("finding")}  # the answer begins so anyhow
    drifted = finished_run(move(replace(tiny, model=model), tmp_path / "exp_0002", "sft", lora=False,
                                train="sft_wrong_format", max_steps=1))  # fmt: skip
    (finding,) = [f for f in drifted.events("finding") if f["rule"] == "template-drift"]
    assert finding["severity"] == "alarm"
    assert "<answer>" in finding["evidence"][1]


def test_settings_that_a_technique_does_not_take_are_named(tiny: Tiny, tmp_path: Path) -> None:
    """A recipe that was changed by hand: `new` refuses such a setting."""
    run = move(tiny, tmp_path / "exp_0001", "orpo", lora=False, max_steps=1)
    recipe = json.loads(run.layout.recipe.read_text())
    recipe["trainer"]["loss_weights"] = [1.0]
    run.layout.recipe.write_text(json.dumps(recipe))
    assert run.here() == 1
    assert "trainer.loss_weights is not a name that orpo takes" in run.end["reason"]
