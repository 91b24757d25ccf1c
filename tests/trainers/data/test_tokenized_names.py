"""What the cache's key names is what TRL's preparation reads: held against TRL's own source."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest

pytestmark = pytest.mark.ml
NOT_WHAT_BUT_HOW = {"dataset_num_proc"}
TOKENIZERS = {"_tokenizer", "processing_class"}
"""The tokenizer stands in the key by its content."""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sft", "SftTrainer"),
        ("dpo", "DpoTrainer"),
        ("kto", "KtoTrainer"),
        ("reward", "RewardModelTrainer"),
        ("orpo", "OrpoTrainer"),
    ],
)
def test_every_setting_that_is_read_is_in_the_key(module: str, name: str) -> None:
    pytest.importorskip("trl")
    ours: Any = getattr(importlib.import_module(f"trainers.loop.{module}_trainer"), name)
    functions = ("_prepare_dataset",) if module != "orpo" else ("tokenize_row", "build_tokenized_answer")
    theirs = _of_trl(ours)
    source = "".join(inspect.getsource(getattr(theirs, function)) for function in functions)
    assert _read("args", source) - NOT_WHAT_BUT_HOW == set(getattr(ours, "settings_read", ()))
    assert _read("self", source) - TOKENIZERS - set(functions) == set(ours.attributes_read)
    assert not re.search(r"\bself\.\w+\s*=[^=]", source), (
        "it also sets something, which a cached run would miss"
    )


def _of_trl(ours: Any) -> Any:
    return next(base for base in ours.__mro__ if base.__module__.startswith("trl."))


def _read(of: str, source: str) -> set[str]:
    return set(re.findall(rf"\b{of}\.(\w+)", source))
