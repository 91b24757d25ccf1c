"""Rows with images, from the file to the score: what is learnt here no model without an eye could learn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.atomic import read_json
from cockpit.contract.reader import read_rows
from tests.support import tiny_vlm
from tests.trainers.real.conftest import Run, Tiny, make_attempt

STEPS = 20


@pytest.fixture(scope="session")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny vision-language model, and images whose brightness is asked for."""
    pytest.importorskip("torch", reason="needs the training stack: pip install 'finetune-cockpit[train]'")
    folder = tmp_path_factory.mktemp("seeing")
    made = tiny_vlm.images(folder, 48)
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": tiny_vlm.QUESTION}]}
    other: dict[str, str] = dict(zip(tiny_vlm.WORDS, reversed(tiny_vlm.WORDS), strict=True))
    files = {
        "sft": [{"images": [name], "messages": [asked, {"role": "assistant", "content": word}]}
                for name, word in made[:32]],
        "preferences": [{"images": [name], "prompt": f"<image>{tiny_vlm.QUESTION}", "chosen": word,
                         "rejected": other[word]} for name, word in made[:32]],
        "train": [{"image": name, "question": tiny_vlm.QUESTION, "answer": word} for name, word in made[:32]],
        "held_out": [{"image": name, "question": tiny_vlm.QUESTION, "answer": word} for name, word in made[32:]],
        "mini_eval": [{"image": name, "question": tiny_vlm.QUESTION, "answer": word} for name, word in made[40:]],
    }  # fmt: skip
    paths = {name: str(tiny_vlm.write(folder / f"{name}.jsonl", rows)) for name, rows in files.items()}
    return Tiny(tiny_vlm.make(folder / "model"), paths, "exact")


def run(seeing: Tiny, root: Path, technique: str, train: str, **options: Any) -> Run:
    settings = {
        "max_steps": STEPS, "generation__max_new_tokens": 4, "mid_eval__every_epochs": 1e9,
        "mid_eval__every_steps": STEPS, "per_device_train_batch_size": 16, **options,
    }  # fmt: skip
    made = make_attempt(seeing, root / "exp_0001", technique, train, **settings)
    assert made.here() == 0, made.log or made.end
    return made


def scored(run: Run) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The held-out pass on the best checkpoint: its score, and its items."""
    from trainers.evaluate import main

    assert main([str(run.layout.root), "--after-training"]) == 0, run.end
    told = read_json(run.layout.held_out / "score.json")
    assert isinstance(told, dict)
    return told, list(read_rows(run.layout.held_out / "items.jsonl"))


def test_sft_learns_what_the_image_shows(seeing: Tiny, tmp_path: Path) -> None:
    made = run(seeing, tmp_path, "sft", "sft", learning_rate=3e-3)
    score, items = scored(made)
    assert score["score"] > 0.9, "half of the answers are one word: blind guessing gets 0.5 of them right"
    assert items[0]["images"] == ["images/032.png"]
    assert "The prompts of 3 rows have the same token ids in training and in scoring." in made.notices
    assert "32 of 32 rows have images" in made.notices
    assert (made.layout.best / "processor_config.json").is_file()
    assert "base64" not in made.layout.recipe.read_text()


@pytest.mark.parametrize(
    ("technique", "train"),
    [("dpo", "preferences"), ("kto", "preferences"), ("grpo", "train"), ("rloo", "train")],
)
def test_the_others_see_the_images_too(seeing: Tiny, tmp_path: Path, technique: str, train: str) -> None:
    from torch.nn.modules.module import register_module_forward_pre_hook
    from transformers import CLIPVisionModel

    seen: list[int] = []

    def look(module: Any, given: tuple[Any, ...]) -> None:
        seen.append(isinstance(module, CLIPVisionModel))

    with register_module_forward_pre_hook(look):
        made = run(
            seeing, tmp_path, technique, train, max_steps=3, learning_rate=1e-3, lora=technique == "dpo"
        )
    assert len(made.losses) == 3
    assert all(map(math.isfinite, made.losses))
    assert sum(seen) > 3
    assert "same token ids" in made.notices
    if technique == "dpo":
        assert scored(made)[0]["n"] == 16


def test_nothing_is_trained_blind(seeing: Tiny, tiny: Tiny, tmp_path: Path) -> None:
    blind = make_attempt(
        Tiny(tiny.model, seeing.files, "exact"), tmp_path / "exp_0001", "sft", "sft", max_steps=1
    )
    assert blind.here() == 1
    assert f"row 1 has images, and {tiny.model} reads text alone" in blind.end["reason"]
    other = make_attempt(seeing, tmp_path / "exp_0002", "orpo", "preferences", max_steps=1)
    assert other.here() == 1
    assert "row 1 has images, and orpo is trained on text alone here" in other.end["reason"]


@pytest.mark.parametrize(("technique", "train"), [("sft", "sft"), ("grpo", "train")])
def test_the_spot_check_shows_the_image_and_its_tokens(
    seeing: Tiny, tmp_path: Path, technique: str, train: str
) -> None:
    from trainers.spotcheck.render import render

    recipe = make_attempt(seeing, tmp_path / "exp_0001", technique, train).recipe
    seen = render({"v": 1, "recipe": recipe.model_dump(mode="json"), "rows": [0], "items": [0]})
    (row,), (item,) = seen["train_examples"], seen["eval_examples"]
    shown = "[image 1: 16x16, images/000.png, 4 tokens]"
    assert "".join(text for text, _ in row["pieces"]).count(shown) == 1
    assert "[image 1: 16x16, images/032.png, 4 tokens]How bright" in "".join(
        text for text, _ in item["pieces"]
    )
    assert seen["contexts"] == []
    facts = seen["rows"][0]
    assert (facts["ends"], facts["cut"], facts["unsaid"]) == (technique == "sft", 0, [])
    assert row["cut_at"] is None


def test_rows_without_images_stand_beside_them(seeing: Tiny, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in Path(seeing.files["sft"]).read_text().splitlines()]
    asked = [{"role": "user", "content": "Which word is it?"}, {"role": "assistant", "content": "dark"}]
    for number, row in enumerate(rows):
        row["images"] = [str(Path(seeing.files["sft"]).parent / row["images"][0])]
        if number % 2:
            rows[number] = {"messages": asked}
    mixed = tiny_vlm.write(tmp_path / "mixed.jsonl", rows)
    made = run(seeing, tmp_path, "sft", str(mixed), max_steps=2, per_device_train_batch_size=4)
    assert "16 of 32 rows have images" in made.notices
    assert all(map(math.isfinite, made.losses))
