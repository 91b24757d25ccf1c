"""Items in other words: what is a twin, what is said without a model, and the model itself where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.bounded import children
from cockpit.core.overlap.code import prose
from cockpit.core.overlap.paraphrase import Near, Paraphrases, Twin, Values, is_twin, twins
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


FEW, ALL = (0.4, 2), (1.0, 3)
TWINS = [(0.92, 0.71, None, {}), (0.89, 0.78, FEW, {}), (0.72, 0.6, ALL, {}), (0.82, 0.5, None, {}),
         (0.74, 0.3, None, {}), (0.66, 0.5, None, {"code": True}), (0.48, 0.45, (0.9, 6), {"code": True})]  # fmt: skip
OF_A_KIND = [(0.84, 0.63, FEW, {}), (0.95, 0.93, ALL, {}), (0.6, 0.2, ALL, {}), (0.82, 0.5, None, {"crowd": 0.75}),
             (0.6, 0.4, None, {"code": True}), (0.5, 0.4, (0.9, 2), {"code": True})]  # fmt: skip


@pytest.mark.parametrize(("cosine", "rival", "share", "more"), TWINS)
def test_a_twin(cosine: float, rival: float, share: tuple[float, int] | None, more: dict[str, Any]) -> None:
    assert is_twin(cosine, rival, share, **more)


@pytest.mark.parametrize(("cosine", "rival", "share", "more"), OF_A_KIND)
def test_no_twin(cosine: float, rival: float, share: tuple[float, int] | None, more: dict[str, Any]) -> None:
    assert not is_twin(cosine, rival, share, **more)


PYTHON = '''def has_gap(values, least):
    """ Say whether two neighbours are further apart than the least.
    >>> has_gap([1.5, 2.0, 7.25], 3)
    True
    """
    return any(b - a > least for a, b in zip(values, values[1:]))
'''
SCRIPT = """/** Is there a jump in the list that is larger than given?
 * @example hasGap([1.5, 2.0, 7.25], 3) // true */
function hasGap(list, size) { return list.some((v, k) => k && v - list[k - 1] > size); }"""


def test_a_program_is_known_by_its_words_and_examples() -> None:
    assert prose(PYTHON) == "has gap. Say whether two neighbours are further apart than the least. True"
    assert prose(SCRIPT).startswith("has gap. Is there a jump in the list that is larger than given?")
    share = Values([PYTHON, *ITEMS]).share(0, SCRIPT)
    assert share is not None
    assert share[0] > 0.8, 'the values of the example, of which only the word "two" is missing'
    assert Values([PYTHON, *ITEMS]).share(1, SCRIPT) is None, "one value tells nothing"
    assert prose(ITEMS[0]) == ITEMS[0]


def test_short_items_have_no_twins() -> None:
    asked, near = [(1, "What is 4 + 9?"), (2, ITEMS[1])], [Near(0, 0.95, 0.4)]
    assert twins(asked, [(1, "What is 9 + 4?")], [near, []], [0.2, 0.2]) == ()
    (found,) = twins(asked, [(7, ITEMS[1])], [[], near], [0.2, 0.2])
    assert (found.held_out_line, found.train_line, found.values) == (2, 7, 1.0)


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
    monkeypatch.setenv("COCKPIT_CACHE", str(tmp_path))
    monkeypatch.setattr(paraphrases, "ENGLISH", "no_such_package")
    monkeypatch.setattr(paraphrases, "EVERY", "no_such_package_either")
    assert main(["overlap", *files(tmp_path, OTHERS), "--paraphrases"]) == 0
    assert "Paraphrases were not looked for: no sentence-embedding model is here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({}, "it has no config.json"),
        ({"config.json": "{}"}, "it has no weights"),
        ({"config.json": "{}", "model.safetensors": ""}, "it has no tokenizer"),
        ({"config.json": "{", "model.safetensors": "", "vocab.txt": ""}, "its config.json can't be read"),
        ({"config.json": '{"architectures": ["Qwen3ForCausalLM"]}', "model.safetensors": "", "vocab.txt": ""},
         "a model that writes text (Qwen3ForCausalLM), not one of sentence embeddings"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_such_model_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, str], says: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, text in made.items():
        (folder / name).write_text(text)
    monkeypatch.setenv(paraphrases.FOLDER, str(folder))
    why = paraphrases.look(*files(tmp_path, OTHERS)).why
    assert says in why
    assert str(folder) in why


def test_a_model_that_breaks_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"config.json": "{}", "model.safetensors": "no weights", "vocab.txt": ""}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv(paraphrases.FOLDER, str(tmp_path))

    done = children.Ended(0, b'{"error": "OSError: no weights"}', b"")
    monkeypatch.setattr(paraphrases.children, "ask", lambda *_, **__: done)
    assert paraphrases.look(*files(tmp_path, OTHERS)).sentence == (
        f"Paraphrases were not looked for: {tmp_path} holds no model that could be loaded."
    )


@pytest.mark.ml
def test_the_model_finds_the_twin_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    if paraphrases.model_folder() is None:
        pytest.skip("no sentence-embedding model is here: cockpit env add embedder")
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
    request = {
        "model": str(tiny.model), "held_out": [[t] for t in ITEMS], "train": [[t] for t in OTHERS], "cache": str(kept)
    }  # fmt: skip
    asked.clear()
    assert embed.nearest(request)["read"] == len(OTHERS)
    assert asked == []
    assert embed.nearest({**request, "cache": None})["nearest"] == embed.nearest(request)["nearest"]
    assert asked == [ITEMS, OTHERS]
