"""`cockpit import` and `cockpit export`, as a person uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.cli import main
from tests.support import rendering
from tests.support.cli import Cli

AXOLOTL = """
base_model: acme/other-1b
adapter: lora
lora_r: 8
datasets:
  - path: DATA
    type: alpaca
sequence_len: 128
micro_batch_size: 2
num_epochs: 1
learning_rate: 5e-2
optimizer: adamw_magic
val_set_size: 0.1
"""
SCRIPT = """#!/bin/sh
# nightly
accelerate launch -m trl sft --model_name_or_path acme/x --learning_rate=2e-5 \\
    --use_peft --lora_r 4 --lora_target_modules q_proj v_proj --max_steps 9
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "ax.yaml").write_text(AXOLOTL)
    return tmp_path / "ax.yaml"


def test_a_configuration_becomes_a_draft(workspace: Cli, file: Path) -> None:
    told = workspace.json("import", str(file), "--no-spot-check")
    assert (told["tool"], told["technique"], told["lora"]) == ("axolotl", "sft", True)
    shown = workspace.json("show", told["experiment"])["recipe"]
    assert (shown["trainer"]["learning_rate"], shown["trainer"]["max_length"], shown["peft"]["r"]) == (
        0.05,
        128,
        8,
    )
    assert "optim" not in shown["trainer"]
    doubts = " ".join(told["doubts"])
    for part in ("adamw_magic", "acme/other-1b", "learning_rate=0.05"):
        assert part in doubts
    assert "held-out" in told["left"]["val_set_size"]
    code, text = workspace("import", str(file), "--no-spot-check")
    assert code == 0
    for part in ("carried over", "left out", "What looks wrong", "is its draft", "(its micro_batch_size)"):
        assert part in text


def test_its_own_data_is_trained_on_and_spot_checked_where_it_is_here(workspace: Cli, file: Path) -> None:
    python = rendering.interpreter(file.parent / "python")
    with (workspace.root / "cockpit.toml").open("a") as config:
        config.write(f'\n[resources]\npython = "{python}"\n')
    rows = "".join(f'{{"prompt": "own {n}?", "answer": "{n}"}}\n' for n in range(40))
    (file.parent / "mine.jsonl").write_text(rows)
    file.write_text(AXOLOTL.replace("DATA", "mine.jsonl"))
    told = workspace.json("import", str(file))
    mine = str((file.parent / "mine.jsonl").resolve())
    assert workspace.json("show", told["experiment"])["recipe"]["data"]["train"] == mine
    check = told["spot_check"]
    assert (check["train"], check["experiment"]) == (mine, told["experiment"])
    own = [example for example in check["examples"] if example["side"] == "train"]
    assert own
    for example in own:
        assert example["turns"][0]["content"] == f"own {example['row'] - 1}?"
        assert (example["target"]["verdict"], example["rendered"]["ends"]) == ("passes", True)
    assert not any("spot check" in doubt for doubt in told["doubts"])


def test_secrets_are_left_out_by_name_and_never_shown(workspace: Cli, tmp_path: Path) -> None:
    told = """
        model_name_or_path: acme/x
        learning_rate: 1e-5
        hub_token: SESAME
        model_init_kwargs: {token: SESAME, attn_implementation: eager, deep: {api_key: SESAME}}
        generation_kwargs.token: SESAME
        datasets: [{path: mine.jsonl, token: SESAME}]
        lr_scheduler_kwargs: '{"auth": {"password": "SESAME"}, "min_lr": 0.1}'
        dataset_kwargs: {day: 2024-01-01}
    """
    (tmp_path / "c.yaml").write_text(told)
    code, text = workspace("import", "--look", "--technique", "sft", str(tmp_path / "c.yaml"))
    assert (code, "SESAME" in text) == (0, False)
    made = workspace.json("import", "--no-spot-check", "--technique", "sft", str(tmp_path / "c.yaml"))
    assert "SESAME" not in str(made)
    for name in (
        "hub_token", "model_init_kwargs.token", "model_init_kwargs.deep.api_key", "generation_kwargs.token",
        "datasets.token", "lr_scheduler_kwargs.auth.password",
    ):  # fmt: skip
        assert "a secret" in made["left"][name]
        assert name in text
    shown = workspace.json("show", made["experiment"])["recipe"]["trainer"]
    assert shown["model_init_kwargs"] == {"attn_implementation": "eager"}
    assert shown["lr_scheduler_kwargs"] == {"min_lr": 0.1}
    assert shown["dataset_kwargs"] == {"day": "2024-01-01"}


def test_a_script_is_read_too_and_no_workspace_is_needed_to_look(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text(SCRIPT)
    told = cli.json("import", "--look", str(tmp_path / "run.sh"))
    assert (told["technique"], told["model"]) == ("sft", "acme/x")
    carried = {entry["ours"]: entry["value"] for entry in told["carried"]}
    assert carried == {
        "learning_rate": 2e-5, "peft.r": 4, "peft.target_modules": ["q_proj", "v_proj"], "max_steps": 9,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("learning_rate: 1e-5", "doesn't say which of TRL's trainers"),
        ("rl: simpo\nbase_model: x", "simpo"),
        ("stage: pt\nfinetuning_type: full", "pt"),
        ("colour: red", "no setting of trl, axolotl"),
        ("- 1\n- 2", "holds no settings"),
        ("a: [1", "no YAML"),
        ("a: !!python/name:os.system x", "no YAML"),
    ],
)
def test_what_is_none_is_one_sentence(cli: Cli, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    code, told = cli("import", str(tmp_path / "c.yaml"))
    assert code == 2
    assert says in told
    assert len(told.strip().splitlines()) == 1


def test_a_recipe_is_written_and_read_back(workspace: Cli, tmp_path: Path) -> None:
    made = workspace.json("new", "sft", "learning_rate=3e-5", "peft.r=16", "-m", "x")["id"]
    for tool in ("trl", "axolotl", "llamafactory"):
        out = tmp_path / f"{tool}.yaml"
        assert workspace("export", made, "--format", tool, "-o", str(out))[0] == 0
        assert "holds nothing of" in out.read_text()
        told = workspace.json("import", "--look", "--technique", "sft", str(out))
        carried = {entry["ours"]: entry["value"] for entry in told["carried"]}
        assert told["tool"] == tool
        assert (carried["learning_rate"], carried["peft.r"]) == (3e-5, 16)
    code, text = workspace("export", made, "--format", "trl", "-o", str(tmp_path / "trl.yaml"))
    assert (code, "already" in text) == (2, True)
    code, text = workspace("export", "0", "--format", "trl")
    assert (code, "no trl configuration" in text) == (2, True)


def test_without_a_workspace_it_says_what_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ax.yaml"
    file.write_text("base_model: m\nadapter: lora\nlearning_rate: 0.0002\n")
    monkeypatch.chdir(tmp_path)
    assert main(["import", str(file)]) == 0
    said = capsys.readouterr().out
    assert "learning_rate = 0.0002" in said
    assert "There is no workspace here: `cockpit init --model m" in said
