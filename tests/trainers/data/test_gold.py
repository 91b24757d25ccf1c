"""A verifier sees the gold answer as the file has it; only what says nothing by itself is put into words."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit import verifiers
from trainers.data.items import Item, Lacking, each_item, read_items


def item(tmp_path: Path, answer: object, **more: object) -> Item:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"prompt": "q", "answer": answer, **more}) + "\n")
    return read_items(path, {}, name="held-out set")[0]


@pytest.mark.parametrize(
    "answer", [["x", "y"], {"a": 1}, {"text": "x", "unit": "m"}, [], 2, 0, 2.5, True, False, "18"]
)
def test_the_answer_keeps_its_kind(tmp_path: Path, answer: Any) -> None:
    found = item(tmp_path, answer).row["answer"]
    assert (found, type(found)) == (answer, type(answer))


@pytest.mark.parametrize(
    ("answer", "more", "wanted"),
    [
        (1, {"choices": ["41", "42"]}, "B"),
        ("1", {"choices": ["41", "42"]}, "B"),
        ("42", {"choices": ["41", "42"]}, "42"),
        (None, {"choices": ["41", "42"], "label": 0}, "A"),
        ({"text": ["x", "y"], "answer_start": [3, 9]}, {}, "x"),
        (None, {"reward_model": {"ground_truth": "7", "style": "rule"}}, "7"),
        ([{"role": "assistant", "content": "7"}], {}, "7"),
        (18.0, {}, 18),
    ],
)
def test_what_says_nothing_by_itself_is_put_into_words(
    tmp_path: Path, answer: object, more: dict[str, Any], wanted: object
) -> None:
    assert item(tmp_path, answer, **more).row["answer"] == wanted


def test_every_test_counts(tmp_path: Path) -> None:
    judged = item(tmp_path, ["assert f(1) == 2", "assert f(2) == 3"])
    verifier = verifiers.load("tests")
    scores = [
        verifier(f"```python\ndef f(x): return {code}\n```", judged.row).score for code in ("2", "x + 1")
    ]
    assert scores == [0.0, 1.0]


def test_f1_sees_every_answer(tmp_path: Path) -> None:
    assert verifiers.load("f1")("y", item(tmp_path, ["x", "y"]).row).score > 0.5


def test_a_verifier_sees_the_same_kinds_in_training_as_in_scoring() -> None:
    """Parquet has kinds that JSON, in which RL keeps its items, doesn't know."""
    day = datetime.date(2024, 1, 1)
    row = {"prompt": "q", "answer": Decimal("1.10"), "day": [day], "raw": b"\xff\x00", "text": b"\xc3\xa9"}
    [(_, found)] = each_item([row], {}, Lacking(), name="training data", file=None)
    assert json.loads(json.dumps(found.row)) == found.row
    wanted = {"prompt": "q", "answer": "1.10", "day": ["2024-01-01"], "raw": "/wA=", "text": "é"}
    assert found.row == wanted
