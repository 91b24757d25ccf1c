"""What an adapter names is looked for in the model, before peft does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import CockpitError
from trainers.model.targets import check


def layer(dims: int | None) -> Any:
    return SimpleNamespace(weight=None if dims is None else SimpleNamespace(dim=lambda: dims))


MODEL = SimpleNamespace(
    named_modules=lambda: [
        ("", layer(None)), ("model.embed_tokens", layer(2)), ("model.layers.0.self_attn", layer(None)),
        ("model.layers.0.self_attn.q_proj", layer(2)), ("model.layers.0.self_attn.v_proj", layer(2)),
        ("model.norm", layer(1)), ("lm_head", layer(2)),
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {"target_modules": "all-linear"},
        {"target_modules": ["q_proj", "query_key_value"]},  # one list for many models
        {"target_modules": r".*\.(q|v)_proj"},
        {"target_modules": "all-linear", "modules_to_save": ["embed_tokens", "lm_head"]},
    ],
)
def test_what_is_there_is_let_through(given: dict[str, Any]) -> None:
    check(given, MODEL)


@pytest.mark.parametrize(
    ("given", "says", "cure"),
    [
        (
            {"target_modules": ["query"]},
            "['query'], and no module of this model is called so",
            "q_proj, v_proj",
        ),
        ({"target_modules": "q_proj"}, "is a pattern for the whole name", "['q_proj']"),
        ({"target_modules": "(q_proj"}, "which is no pattern", "list"),
        ({"target_modules": ["self_attn"]}, "self_attn: it holds no matrix", "q_proj"),
        ({"target_modules": []}, "no module", "all-linear"),
        (
            {"target_modules": "all-linear", "modules_to_save": ["score"]},
            "modules_to_save names 'score'",
            "lm_head",
        ),
    ],
)
def test_what_is_not_there_is_named_with_what_is(given: dict[str, Any], says: str, cure: str) -> None:
    with pytest.raises(CockpitError) as refused:
        check(given, MODEL)
    assert says in str(refused.value)
    assert cure in str(refused.value)
