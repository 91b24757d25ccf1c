"""Every technique on two processes: they train as one, rank 0 writes, and nobody waits for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from tests.support.attempts import free_port
from tests.support.tiny_settings import settings, training_file
from tests.trainers.real.conftest import Run, Tiny, head, make_attempt
from tests.trainers.real.warm import Warm

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]
LAUNCH = ("--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
          "--dynamo_backend", "no", "--main_process_port", "0")  # fmt: skip


def pair(tiny: Tiny, root: Path, number: int, technique: str, *, lora: bool = True, **overrides: Any) -> Run:
    """An attempt of few steps in the workspace `root`, for two processes of half the batch each."""
    asked = {name.replace(".", "__"): value for name, value in settings(technique, lora=lora).items()}
    asked["per_device_train_batch_size"] //= 2
    quick = {"max_steps": 4, "mid_eval__every_steps": 2, "mid_eval__every_epochs": 99.0,
             "mid_eval__baseline": 1.0, "launcher": "accelerate", "resources__processes": 2}  # fmt: skip
    place = root / ".cockpit" / "experiments" / f"exp_{number:04d}"
    train = overrides.pop("train", None) or head(tiny, root / "data", training_file(technique))
    return make_attempt(tiny, place, technique, train, lora=lora, **(asked | quick | overrides))


def train_run(run: Run, *options: str, module: str | None = None, arguments: tuple[str, ...] = ()) -> str:
    """Train it to its end in the processes that `accelerate launch` would start, told what it would tell them.

    Gives what they printed. That it starts them is test_together's to show.
    """
    env, port = told_by_accelerate(*(options or LAUNCH)), free_port()
    said = run.layout.root.with_name(f"said-{len(list(run.layout.root.parent.glob('said-*')))}")
    ranks = [
        Warm(
            module or f"trainers.{run.recipe.technique}", [*arguments, str(run.layout.root)], said,
            env=env | {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                       "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    try:
        assert [rank.wait(600) for rank in ranks] == [0, 0], said.read_text()[-4000:]
    finally:
        for rank in ranks:
            rank.kill()  # those that wait for each other would wait for ever
    return said.read_text()


def told_by_accelerate(*options: str) -> dict[str, str]:
    """The environment that accelerate's launcher makes of its options, among them a file of its own."""
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_multi_gpu_env

    args = launch.launch_command_parser().parse_args([*options, "nothing.py"])
    args, _, _ = launch._validate_launch_command(args)
    return prepare_multi_gpu_env(args)


@pytest.mark.parametrize("technique", ["dpo", "kto", "orpo", "reward", "rloo"])
def test_two_processes_train_as_one(technique: str, tiny: Tiny, tmp_path: Path) -> None:
    run = pair(tiny, tmp_path, 1, technique)
    train_run(run)
    assert run.summary["outcome"] == "finished"
    steps = [row["step"] for row in run.metrics if "grad_norm" in row]
    assert steps == [1, 2, 3, 4], "one writer: no line twice"
    assert [row["step"] for row in run.events("mid_eval")] == [2, 4]
    assert run.checkpoints == [2, 4]
    assert all(row["seq"] == at for at, row in enumerate(read_rows(run.layout.events), 1))
    assert len(list((tmp_path / ".cockpit" / "cache" / "tokenized").glob("*/made.json"))) == (
        technique != "rloo"
    )
    if technique == "reward":
        again = pair(tiny, tmp_path, 2, technique, max_steps=1)
        assert "is in the cache" in train_run(again), "rank 0 decides for both"
        assert again.losses == run.losses[:1]


def test_rft_samples_in_shares_and_a_sibling_takes_what_was_sampled(tiny: Tiny, tmp_path: Path) -> None:
    quick = {"num_generations": 3, "rounds": 2, "train": head(tiny, tmp_path / "data", "train", 60)}
    first = pair(tiny, tmp_path, 1, "rft", **quick)
    train_run(first)
    rounds = [list(read_rows(first.layout.root / "rollouts" / f"round_{n:02d}.jsonl")) for n in (1, 2)]
    assert [len(rows) for rows in rounds] == [180, 180]
    assert [{row["policy_id"] for row in rows} for rows in rounds] == [{"exp_0001@0"}, {"exp_0001@2"}]
    # Each process answered every second one, and each answer is with the prompt that it answers.
    right = {row["item"]: {str(row["answer"])} for row in rounds[0]}
    assert [len({row["group"] for row in rounds[0][at : at + 3]}) for at in range(0, 180, 3)] == [1] * 60
    assert all(row["parsed"] in right[row["item"]] for row in rounds[0] if row["kept"])
    assert sum(row["passed"] for row in rounds[0]) > 20
    again = pair(tiny, tmp_path, 2, "rft", **quick)
    found = [line for line in train_run(again).splitlines() if line.endswith("is in the cache")]
    sampled = [line for line in found if "[cache] rows/" not in line]
    assert len(sampled) == 2, "rank 0 decides for both"
    assert again.losses == first.losses
