"""What `use_vllm` is refused for, before anything is loaded; vLLM's own answers are test_vllm.py's to get."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe
from tests.trainers.real.conftest import TrainRun
from trainers.rollouts import vllm_rollouts


@pytest.fixture
def recipe(attempt: TrainRun) -> Recipe:
    return attempt("grpo", use_vllm=True).recipe


def refuse(recipe: Recipe, *, gpu: bool = False, installed: bool = True, packs: bool = False) -> None:
    vllm_rollouts.refuse(recipe, gpu=gpu, installed=lambda: installed, packs_away=lambda: packs)


def told_not_to_ask() -> bool:
    raise AssertionError("vLLM was asked")


def test_what_works_is_let_through(recipe: Recipe, attempt: TrainRun) -> None:
    refuse(recipe)
    refuse(recipe, gpu=True)
    vllm_rollouts.refuse(
        attempt("grpo").recipe, gpu=False, installed=told_not_to_ask, packs_away=told_not_to_ask
    )
    apart = attempt("grpo", use_vllm=True, vllm_mode="server").recipe
    vllm_rollouts.refuse(apart, gpu=True, installed=lambda: True, packs_away=told_not_to_ask)


@pytest.mark.parametrize(
    ("here", "mode", "says"),
    [
        ({"installed": False}, "colocate", "needs vLLM in the interpreter that trains"),
        ({}, "server", "vllm_mode=server needs a GPU"),
        ({"packs": True}, "colocate", "what is trained never reaches them"),
        # A CPU build beside a GPU.
        ({"packs": True, "gpu": True}, "colocate", "what is trained never reaches them"),
    ],
)
def test_what_can_not_work_is_one_sentence(
    attempt: TrainRun, here: dict[str, bool], mode: str, says: str
) -> None:
    with pytest.raises(CockpitError, match=says):
        refuse(attempt("grpo", use_vllm=True, vllm_mode=mode).recipe, **here)


def plain(layer: Any, remove_weight: bool) -> None:
    """vLLM's way where its libraries have no kernel for the type."""
    import torch

    layer.cpu_linear = lambda x, weight, bias: torch.nn.functional.linear(x, weight, bias)


def packed(layer: Any, remove_weight: bool) -> None:
    """Its way where they have one: the layer keeps nothing that could be written."""
    import torch

    own = layer.weight.detach().clone()
    layer.cpu_linear = lambda x, weight, bias: torch.nn.functional.linear(x, own, bias)
    if remove_weight:
        layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)


def packed_beside_the_weight(layer: Any, remove_weight: bool) -> None:
    packed(layer, remove_weight=False)


@pytest.mark.parametrize(
    ("prepare", "follows"), [(plain, True), (packed, False), (packed_beside_the_weight, False)]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_layer_follows_its_weight_or_not(prepare: Any, follows: bool, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    assert vllm_rollouts.follows(prepare, getattr(torch, dtype)) is follows


def test_both_trainers_that_take_it_refuse_before_they_load(attempt: TrainRun) -> None:
    """The tests' own interpreter has no vLLM."""
    if vllm_rollouts.is_installed():
        pytest.skip("this interpreter has vLLM")
    for technique in ("grpo", "rloo"):
        run = attempt(technique, "train", use_vllm=True)
        assert run.here() == 1
        assert "needs vLLM in the interpreter that trains" in run.end["reason"]
        assert [row["name"] for row in run.events("stage")] == ["importing"]
