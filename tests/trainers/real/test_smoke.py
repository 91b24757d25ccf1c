"""The smoke run with the real trainers on the tiny model: green where it should be, red where it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.services.experiments import lifecycle, setup
from cockpit.services.smoke import run
from cockpit.services.workspace.workspace import Workspace
from tests.trainers.real.conftest import Tiny


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Workspace:
    """A workspace of the tiny task."""
    root = tmp_path_factory.mktemp("smoke")
    files = {name: Path(path) for name, path in tiny.files.items()}
    setup.init(
        root / "ws", name="tiny", model=str(tiny.model), verifier=tiny.verifier, train=files["train"],
        held_out=files["held_out"], mini_eval=files["mini_eval"], sections={"generation": {"max_new_tokens": 24}},
    )  # fmt: skip
    return Workspace(root / "ws")


def test_grpo_on_the_tiny_task_is_green_and_tells_the_bases_pass_rate(ws: Workspace) -> None:
    id_ = lifecycle.new(
        ws, "grpo", overrides=["learning_rate=3e-4", "max_completion_length=24"], lora=False
    ).id
    found = run.run(ws, id_)
    assert found.verdict.green, found.verdict
    said = " ".join(found.verdict.evidence)
    assert "Sampled from the base" in said
    assert "10 of 10 training prompts are, token by token" in said
    assert ws.experiment(id_).status == "smoked"


def test_demonstrations_in_another_format_are_red_before_the_budget_is_spent(
    ws: Workspace, tiny: Tiny
) -> None:
    wrong = Path(tiny.files["sft_wrong_format"])
    id_ = lifecycle.new(ws, "sft", train=wrong, overrides=["learning_rate=1e-3"], lora=False).id
    found = run.run(ws, id_)
    assert (found.verdict.green, found.verdict.stage) == (False, "unparseable"), found.verdict
    assert "The answer is" in found.verdict.headline
