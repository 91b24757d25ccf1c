"""An export as its user meets it: whole or not there, scored again, and refused before anything is loaded."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import BAD_INPUT, FAILED
from cockpit.contract import AttemptWriter, Recipe, atomic
from cockpit.services.export import export
from cockpit.services.runs import gpu_leases
from cockpit.services.system import environments
from cockpit.services.workspace.workspace import Workspace
from tests.support.attempts import until
from tests.support.cli import Cli
from tests.support.standin_workspace import Behave

TRAINED, BASE = 2.0, 1.0


def tensors(value: float) -> bytes:
    """A safetensors file with one tensor of four numbers."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    return len(header).to_bytes(8, "little") + header + struct.pack("<4f", *[value] * 4)


def merged(ws: Workspace, value: float, **more: Any) -> dict[str, Any]:
    """What the stand-in's step `weights` leaves and says: one tensor, on the workspace's model."""
    base = ws.config.model
    Path(base, "model.safetensors").write_bytes(tensors(BASE))
    says = {"done": {"base": base, "base_folder": base, "ends": ["<end>"], "template": None}}
    return {"files": {"model.safetensors": tensors(value).hex()}, "says": says, **more}


@pytest.fixture
def trained(ws: Workspace, draft: str) -> Workspace:
    """An experiment whose run has ended, as its files say, with a checkpoint that was scored."""
    layout = ws.layout.experiment(draft)
    attempt = layout.attempt(1)
    recipe = Recipe.load(layout.draft).model_copy(update={"attempt": 1})
    attempt.checkpoint(3).mkdir(parents=True)
    (attempt.checkpoint(3) / "config.json").write_text("{}")
    recipe.dump(attempt.recipe)
    out = AttemptWriter(attempt.root)
    out.publish_best(3)
    n = len(Path(str(recipe.data.held_out)).read_text().splitlines())
    out.rows(
        attempt.held_out / "items.jsonl", [{"item": str(i), "score": float(i % 2 == 0)} for i in range(n)]
    )
    atomic.write_json(
        attempt.held_out / "score.json", {"score": 0.5, "n": n, "checkpoint": "checkpoints/step_000003"}
    )
    out.end("finished", "done", step=3)
    out.close()
    return ws


def test_an_export_is_scored_again_and_tells_how_it_was_made(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str]
) -> None:
    behave(export={"weights": merged(trained, TRAINED)})
    told = Cli(trained.root, capsys).json("export", "1")
    folder = Path(told["folder"])
    assert told["sound"]
    assert told["score"]["value"] == told["checkpoint"]["value"] == 0.5
    assert told["findings"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.safetensors"]
    card = (folder / "README.md").read_text()
    assert "| this export, by transformers | 0.500" in card
    assert str(trained.root) not in card
    assert "it helps" in card
    assert any("exported step_000003 as merged" in line for line in trained.method_log_lines())
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    code, text = Cli(trained.root, capsys)("export", "1")
    assert code == BAD_INPUT
    assert "something by this name already" in text


def test_an_export_that_lost_or_equals_the_base_is_an_alarm_in_the_findings_too(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str]
) -> None:
    behave(export={"weights": merged(trained, BASE)}, exported=[0.0])
    cli = Cli(trained.root, capsys)
    told = cli.json("export", "1", code=FAILED)
    assert {finding["rule"] for finding in told["findings"]} == {"export-equals-base", "export-lost"}
    assert {"export-equals-base", "export-lost"} <= {row["rule"] for row in cli.json("findings")["findings"]}


def test_a_broken_off_export_leaves_nothing(trained: Workspace, behave: Behave, tmp_path: Path) -> None:
    behave(export={"weights": merged(trained, TRAINED, hangs=True)})
    out = tmp_path / "out" / "model"
    words = [sys.executable, "-m", "cockpit", "-C", str(trained.root), "export", "1", "--out", str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "weights\n"
        assert until(lambda: list(out.parent.glob(".model.*.tmp")), 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    assert list(out.parent.iterdir()) == []


def test_what_a_step_refuses_is_said_and_leaves_nothing(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str]
) -> None:
    behave(export={"weights": {"says": {"error": "the disk has 0.01 GiB left", "mend": "Make room"}}})
    code, text = Cli(trained.root, capsys)("export", "1")
    assert code == BAD_INPUT
    assert "the disk has 0.01 GiB left. Make room" in text
    assert list((trained.root / "exports").iterdir()) == []


def test_a_step_that_did_not_end_well_made_nothing(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str]
) -> None:
    for how, says in (
        ({"code": 3}, "exit code 3"),
        ({"killed": 9}, "killed by SIGKILL, most likely because memory"),
    ):
        behave(export={"weights": merged(trained, TRAINED, **how)})
        code, text = Cli(trained.root, capsys)("export", "1", "--no-score")
        assert (code, says in text) == (BAD_INPUT, True), text
        assert list((trained.root / "exports").iterdir()) == []


CUT = 'head -c 2 "$1" > "$2"; '
QUANTIZERS = [
    (CUT + "echo 'failed to write: No space left on device'; exit 1", "No space left on device"),
    (CUT + "kill -9 $$", "killed by SIGKILL"),
    ("echo unknown type", "unknown type"),
]


def test_only_a_quantizer_that_ended_well_made_a_file(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    made = environments.look(trained.root, "gguf")
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(tmp_path / "python")
    atomic.write_json(made.folder / environments.RECORD, {"says": "llama.cpp"})
    converted = {"files": {"": b"GGUF".hex()}, "says": {"done": {"bytes": 4}}}
    behave(export={"weights": merged(trained, TRAINED), "gguf": converted})
    program = tmp_path / "bin" / "llama-quantize"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    asked = ("export", "1", "--format", "gguf", "--type", "q4_k_m", "--no-score")
    for does, says in QUANTIZERS:
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
        code, text = Cli(trained.root, capsys)(*asked)
        assert (code, "made no q4_k_m" in text, says in text) == (BAD_INPUT, True, True), text
        assert list((trained.root / "exports").iterdir()) == []
    program.write_text('#!/bin/sh\ncp "$1" "$2"\n')
    folder = Path(Cli(trained.root, capsys).json(*asked)["folder"])
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "exp_0001-q4_k_m.gguf"]


def test_its_gpu_is_held_while_an_export_is_scored(trained: Workspace, behave: Behave) -> None:
    behave(export={"weights": merged(trained, TRAINED)})
    seen: dict[str, list[str]] = {}
    export.export(
        trained, export.Asked("1"), lambda said: seen.update({said: [one.run for one in gpu_leases.living()]})
    )
    assert seen["weights"] == []
    assert seen["scoring: 1 of 1 items"] == ["the export of exp_0001"]
    assert gpu_leases.living() == []


def test_what_lies_there_whole_is_pushed_as_it_is(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    cli, push = Cli(trained.root, capsys), ("export", "1", "--push", "me/model")
    refuses, takes = {"says": {"error": "the hub did not take it"}}, {"says": {"done": {"url": "there"}}}
    behave(export={"weights": merged(trained, TRAINED), "push": refuses})
    assert cli(*push)[0] == BAD_INPUT
    behave(export={"weights": refuses, "push": takes})
    told = cli.json(*push)
    assert (told["url"], told["score"]["value"], told["checkpoint"]["value"]) == ("there", 0.5, 0.5)
    with (Path(told["folder"]) / "README.md").open("a") as card:
        card.write("more")
    assert "is not this export as it was made" in cli(*push)[1]


def test_an_unscored_export_is_pushed_only_where_that_is_said(
    trained: Workspace, behave: Behave, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    cli, push = Cli(trained.root, capsys), ("export", "1", "--push", "me/model")
    behave(export={"weights": merged(trained, TRAINED), "push": {"says": {"done": {"url": "there"}}}})
    cli.json("export", "1", "--no-score")
    assert "was not scored" in cli(*push)[1]
    assert cli.json(*push, "--no-score")["url"] == "there"


REFUSED = [
    (("exp_0000",), "is the base model itself"),
    (("1@99",), "has no checkpoint 99"),
    (("1", "--format", "gguf"), "`cockpit env add gguf`"),
    (("1", "--push", "no-owner"), "is no repository of the hub"),
    (("1", "--push", "me/model"), "HF_TOKEN"),
]


def test_what_cannot_be_exported_is_refused_at_once(
    trained: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for words, says in REFUSED:
        code, text = Cli(trained.root, capsys)("export", *words)
        assert (code, says in text) == (BAD_INPUT, True), text
    assert not (trained.root / "exports").exists()
