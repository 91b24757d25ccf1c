"""Before a commit held-out items are looked for by meaning; where no model is there, that is said once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout
from cockpit.services.experiments import lifecycle
from cockpit.services.rules import leaks
from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli

WORDY = [
    {
        "prompt": f"A baker sells {n} loaves before noon and {2 * n} after it. How many in all?",
        "answer": str(3 * n),
    }
    for n in range(40)
]


@pytest.fixture
def wordy(
    cli: Cli, model: Path, write_rows: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """A workspace whose items have enough words to be rephrased, where the named embedder is no model."""
    monkeypatch.setenv("COCKPIT_EMBEDDER", str(cli.root / "nowhere"))
    code, text = cli("init", "--model", str(model), "--data", str(write_rows("w.jsonl", WORDY)),
                     "--verifier", "exact", "--yes")  # fmt: skip
    assert code == 0, text
    ws = Workspace(cli.root)
    for _ in range(2):
        view = lifecycle.new(ws, "sft", hypothesis="it helps")
        scored(ws.layout.experiment(view.id).attempt(1), ws.layout.experiment(view.id).draft)
    return ws


def scored(attempt: AttemptLayout, draft: Path) -> None:
    """What a run that was scored leaves behind, as far as a decision asks."""
    attempt.held_out.mkdir(parents=True)
    shutil.copy(draft, attempt.recipe)
    end = {"v": 1, "seq": 1, "time": 1.0, "kind": "end", "outcome": "finished", "sentence": ""}
    attempt.events.write_text(json.dumps(end) + "\n")
    (attempt.held_out / "score.json").write_text('{"score": 0.5, "n": 4}')


def data_of(ws: Workspace) -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(ws.layout.experiment("exp_0001").draft.read_text())
    return recipe["data"]


def test_it_is_said_once_that_nobody_looked(wordy: Workspace) -> None:
    said: list[str] = []
    for id_ in ("exp_0001", "exp_0002"):
        lifecycle.decide(wordy, id_, "committed", "good", although="a test", say=said.append)
    (told,) = said
    assert told.startswith("Paraphrases were not looked for: ")
    assert wordy.layout.methodlog.read_text().count("Paraphrases were not looked for") == 1


def test_what_was_found_is_remembered_by_content(wordy: Workspace) -> None:
    data = data_of(wordy)
    place = leaks._place(wordy, [leaks.VERSION, "meaning", data["train_hash"], data["held_out_hash"],
                                 sorted((data.get("columns") or {}).items())])  # fmt: skip
    twin = {"rule": "eval-in-synthetic", "severity": "warn", "headline": "2 items in other words"}
    atomic.write_json(place, {"findings": [twin]})
    said: list[str] = []
    lifecycle.decide(wordy, "exp_0001", "committed", "good", although="a test", say=said.append)
    assert said == ["2 items in other words Next: "]
    assert "2 items in other words" in [
        f.headline for f in leaks.of_data(wordy, data, "exp_0001", look=False)
    ]
