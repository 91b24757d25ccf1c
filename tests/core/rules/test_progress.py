"""Rows made from failures, and checkpoints that were not trained: cases that must be named, and that must not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cockpit.core.rules.tree_rules.closeness import Closest
from cockpit.core.rules.tree_rules.progress import (
    Closeness,
    Weights,
    trained_on_failures,
    untrained_checkpoint,
)
from cockpit.core.stats import mann_whitney
from cockpit.services.rules import weights

# -- trained-on-failures -----------------------------------------------------------------------------------------

SUBJECTS = (
    "ferry",
    "orchard",
    "library",
    "bakery",
    "railway",
    "aquarium",
    "quarry",
    "vineyard",
    "harbour",
    "theatre",
)
VERBS = (
    "counts",
    "sells",
    "repairs",
    "paints",
    "borrows",
    "weighs",
    "ships",
    "stores",
    "measures",
    "collects",
)
THINGS = (
    "lanterns",
    "ropes",
    "apples",
    "novels",
    "loaves",
    "tickets",
    "corals",
    "stones",
    "barrels",
    "masks",
)


def question(rng: random.Random) -> str:
    return (
        f"The {rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.randrange(90)} {rng.choice(THINGS)} and "
        f"{rng.randrange(90)} {rng.choice(THINGS)} before the {rng.choice(SUBJECTS)} opens; how many are that?"
    )


def closeness(
    new: Callable[[random.Random, list[str], list[bool]], list[str]], *, hard: bool = False, seed: int = 0
) -> list[Closeness]:
    """A held-out set of 120 items of which half failed; `new` makes the rows that an experiment added."""
    rng = random.Random(seed)
    asks = [question(rng) for _ in range(120)]
    passed = [rng.random() < 0.5 for _ in asks]
    before = [question(rng) for _ in range(300)]
    if hard:  # what failed is what resembles nothing that was trained on
        before = [text for text, ok in zip(asks, passed, strict=True) if ok] + before
    rows = new(rng, asks, passed)
    closest = Closest(asks), Closest(asks)
    closest[0].feed(enumerate(rows, 1))
    closest[1].feed(enumerate(before, 1))
    return [
        Closeness(
            f"i{k}",
            passed[k],
            float(closest[0].best[k]),
            float(closest[1].best[k]),
            *closest[0].rows[k],
            asks[k],
        )
        for k in range(len(asks))
    ]


def reworded(text: str) -> str:
    return (
        text.replace("how many are that", "what is the total")
        .replace("before", "until")
        .replace("and", "plus")
    )


def from_failures(rng: random.Random, asks: list[str], passed: list[bool]) -> list[str]:
    wrong = [reworded(text) for text, ok in zip(asks, passed, strict=True) if not ok]
    return [*wrong, *(question(rng) for _ in range(100))]


def more_of_the_same(rng: random.Random, asks: list[str], passed: list[bool]) -> list[str]:
    return [question(rng) for _ in range(300)]


def from_all(rng: random.Random, asks: list[str], passed: list[bool]) -> list[str]:
    return [reworded(text) for text in asks]


@pytest.mark.parametrize("seed", range(3))
def test_rows_made_from_the_failed_items_are_named(seed: int) -> None:
    (found,) = trained_on_failures(
        "exp_0002", "exp_0001", closeness(from_failures, seed=seed), ["written later"]
    )
    assert (found.rule, found.severity) == ("trained-on-failures", "warn")
    assert "beside failed item" in found.evidence[1]
    assert found.evidence[-1] == "written later"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("made", [more_of_the_same, from_all], ids=["more of the same", "all items alike"])
def test_other_new_rows_are_not(made: Any, seed: int) -> None:
    assert trained_on_failures("exp_0002", "exp_0001", closeness(made, seed=seed)) == []


@pytest.mark.parametrize("seed", range(3))
def test_items_that_fail_because_nothing_resembles_them_are_no_proof(seed: int) -> None:
    assert (
        trained_on_failures("exp_0002", "exp_0001", closeness(more_of_the_same, hard=True, seed=seed)) == []
    )


def test_a_handful_of_items_proves_nothing() -> None:
    items = [Closeness(f"i{k}", k % 2 == 0, 0.1 if k % 2 == 0 else 0.9, 0.0) for k in range(10)]
    assert trained_on_failures("b", "a", items) == []


def test_mann_whitney_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = random.Random(1)
    a, b = [round(rng.gauss(0.4, 1), 1) for _ in range(40)], [round(rng.gauss(0, 1), 1) for _ in range(60)]
    known = stats.mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
    effect, p = mann_whitney(a, b)
    assert effect == pytest.approx(known.statistic / 2400)
    assert p == pytest.approx(known.pvalue)
    assert mann_whitney([1.0] * 9, [1.0] * 9) == (0.5, 1.0)
    assert mann_whitney([], [1.0]) == (0.5, 1.0)


# -- untrained-checkpoint ----------------------------------------------------------------------------------------


def save(folder: Path, tensors: Mapping[str, Any], name: str = "model.safetensors", **config: Any) -> Path:
    """Write safetensors by hand: numpy has no bfloat16, given here as ("BF16", uint16 array)."""
    folder.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for key, value in tensors.items():
        kind, array = (
            value if isinstance(value, tuple) else ({"f4": "F32", "f2": "F16"}[value.dtype.str[1:]], value)
        )
        raw = array.tobytes()
        header[key] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    encoded = json.dumps(header).encode()
    (folder / name).write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)
    (folder / ("adapter_config.json" if "adapter" in name else "config.json")).write_text(json.dumps(config))
    return folder


def bf16(array: np.ndarray) -> tuple[str, np.ndarray]:
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    return "BF16", (((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) & 0xFFFF).astype(np.uint16)


RNG = np.random.default_rng(0)
MODEL = {f"model.layers.{k}.weight": RNG.normal(size=(8, 6)).astype(np.float32) for k in range(4)}
TRAINED = {**MODEL, "model.layers.2.weight": MODEL["model.layers.2.weight"] + 1e-3}
LORA = {
    f"base_model.model.model.layers.{k}.q_proj.lora_{m}.weight": RNG.normal(size=(4, 6)).astype(np.float32)
    for k in range(3)
    for m in "AB"
}
ZERO_B = {name: np.zeros_like(a) if "lora_B" in name else a for name, a in LORA.items()}


def compared(a: Path, b: Path) -> Weights:
    left, right = weights.read(a), weights.read(b)
    assert left is not None
    assert right is not None
    return weights.compare(left, right, "its parent's (exp_0001)")


def test_the_parents_weights_saved_again_are_no_checkpoint(tmp_path: Path) -> None:
    seen = compared(save(tmp_path / "a", MODEL), save(tmp_path / "b", dict(reversed(MODEL.items()))))
    (found,) = untrained_checkpoint("exp_0002", [seen], {"recipe": "base"})
    assert (found.rule, found.severity) == ("untrained-checkpoint", "alarm")
    assert "is its parent's (exp_0001), unchanged" in found.headline
    assert "4 of 4 tensors" in found.evidence[0]


@pytest.mark.parametrize(
    "saved",
    [
        {name: bf16(value) for name, value in MODEL.items()},
        {name: value.astype(np.float16) for name, value in MODEL.items()},
        {name.removeprefix("model."): value for name, value in MODEL.items()},
    ],
    ids=["in bfloat16", "in float16", "under shorter names"],
)
def test_saved_in_another_form_they_are_still_the_parents(tmp_path: Path, saved: Mapping[str, Any]) -> None:
    seen = compared(save(tmp_path / "a", saved), save(tmp_path / "b", MODEL))
    assert seen.equal == seen.tensors == 4


def test_in_shards_they_are_still_the_parents(tmp_path: Path) -> None:
    names = list(MODEL)
    save(tmp_path / "a", {n: MODEL[n] for n in names[:2]}, "model-00001-of-00002.safetensors")
    save(tmp_path / "a", {n: MODEL[n] for n in names[2:]}, "model-00002-of-00002.safetensors")
    assert compared(tmp_path / "a", save(tmp_path / "b", MODEL)).equal == 4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_changed_tensor_is_training(tmp_path: Path, dtype: str) -> None:
    mine = TRAINED if dtype == "float32" else {name: bf16(value) for name, value in TRAINED.items()}
    seen = compared(save(tmp_path / "a", mine), save(tmp_path / "b", MODEL))
    assert seen.equal < seen.tensors
    assert seen.changed == "layers.2.weight"
    assert untrained_checkpoint("exp_0002", [seen], {"recipe": "base", "config": "base"}) == []


def test_another_architecture_is_not_compared(tmp_path: Path) -> None:
    seen = compared(
        save(tmp_path / "a", MODEL), save(tmp_path / "b", {"other": np.zeros((2, 2), np.float32)})
    )
    assert seen.tensors == 0
    assert untrained_checkpoint("exp_0002", [seen], {}) == []


@pytest.mark.parametrize(("tensors", "zero"), [(ZERO_B, 3), (LORA, 0)])
def test_an_adapter_whose_b_is_zero_does_nothing(
    tmp_path: Path, tensors: Mapping[str, Any], zero: int
) -> None:
    folder = save(
        tmp_path / "a", tensors, "adapter_model.safetensors", base_model_name_or_path="/models/base"
    )
    read = weights.read(folder)
    assert read is not None
    assert read.adapter
    assert weights.adapter_b(read) == (zero, 3)
    found = untrained_checkpoint("exp_0002", [Weights(0, 0, "its base", zero, 3)], {"recipe": "base"})
    assert bool(found) == (zero == 3)


@pytest.mark.parametrize(
    ("names", "fires"),
    [
        ({"recipe": "Qwen/Qwen3-4B-Base", "adapter": "Qwen/Qwen3-4B-Instruct"}, True),
        (
            {"recipe": "meta/llama-7b", "config": "/root/hub/models--meta--llama-7b-chat-hf/snapshots/abc"},
            True,
        ),
        ({"recipe": "google/gemma-2b", "adapter": "google/gemma-2b-it"}, True),
        ({"recipe": "Qwen/Qwen3-4B-Instruct", "adapter": "Qwen/Qwen3-4B-Instruct"}, False),
        (
            {"recipe": "Qwen/Qwen3-4B-Base", "adapter": "/cache/models--Qwen--Qwen3-4B-Base/snapshots/f00"},
            False,
        ),
        ({"recipe": "tiny/base", "config": "/ws/exp_0001/attempts/001/checkpoints/step_000120"}, False),
        ({"recipe": "tiny/base", "adapter": ""}, False),
    ],
)
def test_an_instruct_model_is_not_passed_off_as_trained_from_the_base(
    names: Mapping[str, str], fires: bool
) -> None:
    assert bool(untrained_checkpoint("exp_0002", [], names)) == fires


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x00" * 8, b"\xff" * 16, (1 << 62).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"nope",
     (60).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}     '],
)  # fmt: skip
def test_broken_files_say_nothing(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(broken)
    assert weights.read(tmp_path) is None
