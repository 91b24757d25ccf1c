"""HISTORY.jsonl is read, and what is wrong with it is named by line and field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.core.rules.tree_rules.history import parse
from cockpit.core.runs.foreign_rows import ASSUMED_ITEMS, read_rows

GOOD: dict[str, Any] = {"id": "e1", "parent": "e0", "technique": "sft", "status": "committed", "held_out_score": 0.5,
                        "n_items": 4}  # fmt: skip


def test_every_field_arrives() -> None:
    line = {**GOOD, "random_score": 0.25, "verifiable": True, "knowledge_heavy": False, "verifier_hash": "v",
            "held_out_hash": "h", "items": {"a": 1, "b": 0, "c": 1, "d": 0}, "train_reward_mean": 0.9,
            "reward_saturation": 0.3, "slices": {"x": [0.5, 2]}, "metrics_path": "m.jsonl", "spot_check": "matched",
            "parsed": 3, "of_a_later_version": [1]}  # fmt: skip
    (move,) = parse([json.dumps(line)]).moves
    assert (move.id, move.parent, move.technique, move.status) == ("e1", "e0", "sft", "committed")
    assert move.score is not None
    assert (move.score.value, move.score.n, move.score.parsed) == (0.5, 4, 3)
    assert (move.score.verifier_hash, move.score.held_out_hash) == ("v", "h")
    assert move.score.items == {"a": 1.0, "b": 0.0, "c": 1.0, "d": 0.0}
    assert (move.random_score, move.verifiable, move.knowledge_heavy) == (0.25, True, False)
    assert (move.train_reward, move.saturation, move.spot_check) == (0.9, 0.3, "matched")
    assert move.slices["x"].n == 2
    assert move.metrics_path == "m.jsonl"


def test_a_draft_has_no_score_and_evos_words_are_understood() -> None:
    rows = [
        {"id": "root", "parent": None, "technique": None, "status": "root"},
        {"id": "a", "parent": "root", "technique": "grpo", "status": "active", "held_out_score": None},
        {"id": 3, "parent": "a", "technique": "grpo", "status": "pruned"},
    ]
    moves = parse([json.dumps(row) for row in rows]).moves
    assert [move.status for move in moves] == ["committed", "running", "discarded"]
    assert [move.trained for move in moves] == [False, True, True]
    assert moves[2].id == "3"
    assert all(move.score is None for move in moves)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"id": None}, "id", "is missing"),
        ({"status": None}, "status", "is missing"),
        ({"status": "done"}, "status", "'done' is none"),
        ({"held_out_score": 42.0}, "held_out_score", "must be in 0..1, got 42"),
        ({"held_out_score": "0.5"}, "held_out_score", "must be a finite number"),
        ({"held_out_score": float("nan")}, "held_out_score", "must be a finite number, got NaN"),
        ({"held_out_score": True}, "held_out_score", "must be a finite number"),
        ({"n_items": None}, "n_items", "is needed"),
        ({"n_items": 0}, "n_items", "is needed"),
        ({"n_items": -3}, "n_items", "must be a count"),
        ({"n_items": 2.5}, "n_items", "must be a count"),
        ({"random_score": 25}, "random_score", "must be in 0..1"),
        ({"verifiable": "yes"}, "verifiable", "must be true or false"),
        ({"items": [1, 0]}, "items", "must be an object"),
        ({"items": {"a": "right"}}, "items", "'a' must be 0 or 1"),
        ({"slices": {"x": [50, 0.4]}}, "slices", "'x' must be [score 0..1, items]"),
        ({"slices": {"x": 0.4}}, "slices", "'x' must be"),
        ({"spot_check": "fine"}, "spot_check", "is none"),
        ({"technique": 3}, "technique", "must be text"),
        ({"metrics_path": 3}, "metrics_path", "must be text"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(change: dict[str, Any], field: str, says: str) -> None:
    lines = [json.dumps({**GOOD, "id": "e0", "parent": None}), "", json.dumps({**GOOD, **change})]
    with pytest.raises(CockpitError) as told:
        parse(lines, file="h.jsonl")
    assert (told.value.file, told.value.line) == ("h.jsonl", 3)
    assert f"field {field!r}" in str(told.value)
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "no JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        ("[" * 100_000, "not JSON"),
        (json.dumps({**GOOD, "id": "e0"}), "stands on line 1 already"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "technique"}), "'technique': is missing"),
    ],
)
def test_lines_that_are_no_records(line: str | bytes, says: str) -> None:
    with pytest.raises(CockpitError, match=says) as told:
        parse([json.dumps({**GOOD, "id": "e0", "parent": None}), line], file="h.jsonl")
    assert told.value.line == 2


def test_an_empty_history_says_so() -> None:
    with pytest.raises(CockpitError, match="empty"):
        parse(["", "  "], file="h.jsonl")


def test_items_beat_the_score_beside_them_and_half_of_them_are_not_used() -> None:
    history = parse([json.dumps({**GOOD, "items": {"a": 1, "b": 1, "c": 1, "d": 0}})])
    assert history.moves[0].score is not None
    assert history.moves[0].score.value == 0.75
    assert "the items count" in history.notes[0]
    part = parse([json.dumps({**GOOD, "items": {"a": 1}})])
    assert part.moves[0].score is not None
    assert part.moves[0].score.value == 0.5
    assert "1 of 4 items" in part.notes[0]


def test_rows_of_other_tools_become_series_and_mini_evals() -> None:
    rows = [
        {"global_step": 0, "mid_eval": 0.3, "mid_eval_n": 20},
        {"step": 10, "train/loss": 1.5, "learning_rate": 1e-4},
        {"step": 20, "loss": float("nan"), "eval_score": 0.4},
        {"loss": 1.0},
        {"step": 30, "loss": 0.9, "mid_eval_score": 7},
    ]
    metrics, odd, evals, baseline = read_rows(rows)
    assert metrics["loss"] == ((10, 1.5), (21, 1.0), (30, 0.9))
    assert metrics["lr"] == ((10, 1e-4),)
    assert (odd[0].step, odd[0].metric) == (20, "loss")
    assert [(e.step, e.score, e.n) for e in evals] == [(20, 0.4, ASSUMED_ITEMS)]
    assert baseline == 0.3
