"""The rendering asked in a process of its own: its answer, its cache, and what it says when it can't."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.services.dataset import render
from tests.cli.spotcheck.test_command import write
from tests.support.spot_cases import BOX, held_out, reasoned, train
from tests.trainers.spotcheck.test_rendered import CHATML, EMPTY_THINK, NO_EOS, build

pytestmark = pytest.mark.ml
__all__ = ["build"]


def request(folder: str, tmp_path: Path, **asked: Any) -> render.Request:
    files = {
        "train": write(tmp_path / "t.jsonl", train(BOX)),
        "held_out": write(tmp_path / "e.jsonl", held_out()),
    }
    recipe = {
        "v": 1, "experiment_id": "exp_0001", "technique": "sft", "model": {"name_or_path": folder},
        "data": {**files, "mini_eval": files["held_out"]}, "verifier": "boxed",
    }  # fmt: skip
    return render.Request(recipe, **asked)


def test_it_answers_once_and_is_kept_until_something_changes(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = build(CHATML)
    asked = request(folder, tmp_path, rows=[0], items=[0], fact_rows=[0, 1], fact_items=[0])
    answer = render.render(asked, tmp_path / "cache")
    assert [row["row"] for row in answer["rows"]] == [1, 2]
    calls: list[render.Request] = []
    monkeypatch.setattr(render, "_ask", lambda again: calls.append(again) or {"v": 1})
    assert render.render(asked, tmp_path / "cache") == answer
    assert render.is_cached(asked, tmp_path / "cache")
    assert calls == []
    (Path(folder) / "chat_template.jinja").write_text(NO_EOS)
    assert not render.is_cached(asked, tmp_path / "cache"), "the template is part of what it depends on"
    (Path(folder) / "chat_template.jinja").write_text(CHATML)
    write(tmp_path / "t.jsonl", train(reasoned("#### {a}")))
    assert not render.is_cached(asked, tmp_path / "cache")


@pytest.mark.parametrize(
    ("folder", "says"),
    [("none", "no such model folder"), ("empty", "not a model"), ("broken", "can't be loaded")],
)
def test_a_tokenizer_that_cannot_be_had_is_one_sentence(folder: str, says: str, tmp_path: Path):
    place = tmp_path / folder
    if folder != "none":
        place.mkdir()
    if folder == "broken":
        (place / "config.json").write_text('{"model_type": "qwen3"}')
        (place / "tokenizer.json").write_text("{")
        (place / "tokenizer_config.json").write_text("{}")
    with pytest.raises(CockpitError, match=says):
        render.render(request(str(place), tmp_path, rows=[0]), tmp_path / "cache")


def test_rows_that_the_template_refuses_are_said(build: Any, tmp_path: Path):
    strict = "{% if messages[0]['role'] == 'user' %}{{ raise_exception('only systems speak') }}{% endif %}"
    answer = render.render(
        request(build(strict), tmp_path, rows=[0], items=[0], fact_rows=[0]), tmp_path / "cache"
    )
    assert answer["refusals"] == 1
    assert "only systems speak" in answer["train_examples"][0]["refused"]
    assert "only systems speak" in answer["eval_examples"][0]["refused"]


def test_the_command_with_a_model(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCKPIT_CACHE", str(tmp_path / "cache"))
    files = [
        "--train",
        write(tmp_path / "t.jsonl", train(BOX)),
        "--eval",
        write(tmp_path / "e.jsonl", held_out()),
    ]
    assert main(["spot-check", *files, "--verifier", "boxed", "--model", build(EMPTY_THINK), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["mismatches"], told["rendered"]) == ("matched", [], True)
    assert told["kinds_not_checked"] == []
    pieces = told["examples"][0]["rendered"]["pieces"]
    assert {"text": "<|im_end|>", "special": True, "trained": True, "cut": False} in pieces
    assert main(["spot-check", *files, "--verifier", "boxed", "--model", build(NO_EOS), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [m["kind"] for m in told["mismatches"]] == ["eos"]
