"""A recipe says what is wrong with it, and survives the disk unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe


def a_recipe(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "experiment_id": "exp_0001",
        "technique": "sft",
        "model": {"name_or_path": "/models/m"},
        "data": {"train": "t.jsonl", "mini_eval": "m.jsonl", "held_out": "h.jsonl"},
        "verifier": "exact",
    }
    for dotted, value in changes.items():
        *parents, leaf = dotted.split("__")
        place = base
        for name in parents:
            place = place.setdefault(name, {})
        place[leaf] = value
    return base


def test_written_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    recipe = Recipe.parse(a_recipe(peft={"r": 8}, trainer={"learning_rate": 1e-4, "max_steps": 3}))
    recipe.dump(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == recipe
    assert '"revision": null' in (tmp_path / "recipe.json").read_text(), "nulls are kept"


def test_thinking_of_an_old_recipe_is_an_argument_of_the_template() -> None:
    old = Recipe.parse(a_recipe(generation={"enable_thinking": False, "max_new_tokens": 9}))
    assert old.data.chat_template_kwargs == {"enable_thinking": False}
    assert old.generation.max_new_tokens == 9
    assert Recipe.parse(a_recipe(generation={"enable_thinking": None})).data.chat_template_kwargs == {}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model__device_map": "auto"}, ["device_map", "auto", "pinned"]),
        ({"model__device_map": {"": "cpu", "lm_head": 0}}, ["device_map"]),
        ({"trainer__model_init_kwargs": {"device_map": "balanced"}}, ["device_map"]),
        ({"model__load_in_4bit": True}, ["load_in_4bit", "peft"]),
        ({"model__train_mode": False}, ["train_mode", "dropout"]),
        ({"data__train": None}, ["data.train"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"peft": {"r": 0}}, ["peft.r", "0"]),
        ({"generation__max_new_tokens": 0}, ["max_new_tokens", "0"]),
        ({"lerning_rate": 1}, ["lerning_rate"]),
        ({"technique": "magic"}, ["technique", "magic"]),
    ],
)
def test_a_bad_recipe_names_the_field_and_the_reason(changes: dict[str, Any], names: list[str]) -> None:
    with pytest.raises(CockpitError) as caught:
        Recipe.parse(a_recipe(**changes))
    assert all(name in str(caught.value) for name in names), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model__device_map": {"": 0}},
        {"model__load_in_4bit": True, "peft": {"r": 8}},
        {"technique": "baseline", "data__train": None},
    ],
)
def test_an_ordinary_recipe_is_accepted(changes: dict[str, Any]) -> None:
    assert Recipe.parse(a_recipe(**changes)).v == 1


@pytest.mark.parametrize("text", ["{", "[]", "", "\x00\xff"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(CockpitError, match=r"recipe\.json"):
        Recipe.load(path)
    with pytest.raises(CockpitError, match="no recipe"):
        Recipe.load(tmp_path / "none.json")
