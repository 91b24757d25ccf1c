"""What one run made, its sibling takes from the workspace's cache, and trains the same on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from tests.support.tiny_settings import settings, training_file
from tests.trainers.real.conftest import Run, Tiny, head, make_attempt

HIT = "is in the cache"


def sibling(tiny: Tiny, root: Path, number: int, technique: str, **overrides: Any) -> Run:
    """An attempt of the workspace `root`, of few steps, with one mini-eval at its end."""
    asked = {name.replace(".", "__"): value for name, value in settings(technique, lora=False).items()}
    quick = {
        "mid_eval__every_steps": 1000,
        "mid_eval__every_epochs": 1000.0,
        "mid_eval__baseline": 1.0,
        "max_steps": 2,
    }
    place = root / ".cockpit" / "experiments" / f"exp_{number:04d}"
    train = head(tiny, root / "data", training_file(technique))
    run = make_attempt(tiny, place, technique, train, **(asked | quick | overrides))
    assert run.here() == 0, run.events("end")
    return run


@pytest.mark.parametrize("technique", ["sft", "dpo", "kto", "orpo", "reward"])
def test_tokenized_data_is_shared(
    technique: str, tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = sibling(tiny, tmp_path, 1, technique)
    assert HIT not in capfd.readouterr().out
    again = sibling(tiny, tmp_path, 2, technique, learning_rate=2e-4)  # changes nothing of the data
    said = capfd.readouterr().out
    assert f"tokenized/{_only(tmp_path, 'tokenized').name[:12]} {HIT}" in said
    assert said.count(HIT) == 2, "the rows, and their tokens"
    assert again.losses[0] == first.losses[0]


def test_another_length_is_other_tokens_of_the_same_rows(
    tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, length in enumerate((64, 40), 1):
        sibling(tiny, tmp_path, number, "sft", max_length=length, max_steps=1)
    said = capfd.readouterr().out
    assert "[cache] rows/" in said
    assert "[cache] tokenized/" not in said
    assert not list(tmp_path.rglob(".rows")), "what was made on the way is gone"
    assert len(list((tmp_path / ".cockpit/cache/tokenized").glob("*/made.json"))) == 2


def _only(root: Path, kind: str) -> Path:
    (made,) = (root / ".cockpit" / "cache" / kind).glob("*/made.json")
    return made.parent


def test_rollouts_of_the_same_policy_are_taken_and_no_others(
    tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quick = {"max_steps": 4, "num_generations": 2}
    first = sibling(tiny, tmp_path, 1, "rft", **quick)
    assert _taken(capfd) == 0
    again = sibling(tiny, tmp_path, 2, "rft", **quick)
    assert _taken(capfd) == 2, "the same run twice: its second round's policy is the same as well"
    assert "taken from exp_0001@0" in again.notices
    assert again.losses == first.losses
    rounds = [_round(run, 1) for run in (first, again)]
    assert [row["completion"] for row in rounds[0]] == [row["completion"] for row in rounds[1]]
    assert {row["policy_id"] for row in rounds[1]} == {"exp_0002@0"}, "these weights are its own"
    assert {row["sampled_by"] for row in rounds[1]} == {"exp_0001@0"}
    assert "sampled_by" not in rounds[0][0]
    # Another learning rate is another policy from the second round on; another seed asks anew from the first.
    other = sibling(tiny, tmp_path, 3, "rft", **quick, learning_rate=1e-4)
    assert _taken(capfd) == 1
    assert all("sampled_by" not in row for row in _round(other, 2))
    sibling(tiny, tmp_path, 4, "rft", **quick, seed=7)
    assert _taken(capfd) == 0


def _taken(capfd: pytest.CaptureFixture[str]) -> int:
    """How many rounds of rollouts came from the cache since it was last asked."""
    return sum(HIT in line for line in capfd.readouterr().out.splitlines() if "rollouts/" in line)


def _round(run: Run, number: int) -> list[dict[str, Any]]:
    return list(read_rows(run.layout.root / "rollouts" / f"round_{number:02d}.jsonl"))


def test_an_adapter_is_merged_once_for_all_that_begin_on_top_of_it(tiny: Tiny, tmp_path: Path) -> None:
    quick = {"lora": True, "max_steps": 2, "mid_eval__every_steps": 2}
    home = tmp_path / ".cockpit" / "experiments"
    parent = make_attempt(tiny, home / "exp_0001", "sft", **quick)
    assert parent.here() == 0
    top = {**quick, "model__warm_start": str(parent.layout.best.resolve()), "model__adapter": "merge"}
    merged: list[Path] = []
    for number in (2, 3):
        run = make_attempt(tiny, home / f"exp_{number:04d}", "sft", **top, seed=number)
        assert run.here() == 0
        merged.append(run.layout.root / "merged_base" / "model.safetensors")
    kept = _only(tmp_path, "adapters") / "model.safetensors"
    assert kept.samefile(merged[0])
    assert kept.samefile(merged[1]), "no second copy of the weights"
    assert not (merged[0].parent / "made.json").exists(), "a model's folder, and nothing else"
    kept.unlink()
    assert merged[0].stat().st_nlink == 2, "what goes from the cache stays where it is used"
    # Another adapter on the same base is another merge.
    other = make_attempt(tiny, home / "exp_0004", "sft", **quick, learning_rate=5e-2)
    assert other.here() == 0
    top["model__warm_start"] = str(other.layout.best.resolve())
    assert make_attempt(tiny, home / "exp_0005", "sft", **top).here() == 0
    assert len(list((tmp_path / ".cockpit" / "cache" / "adapters").glob("*/made.json"))) == 2
