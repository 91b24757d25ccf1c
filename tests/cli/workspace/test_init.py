"""`cockpit init`: what it refuses, and what it sets apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from tests.support.cli import Cli, sums

Write = Callable[..., Path]


def test_it_splits_by_content_and_records_what_it_did(workspace: Cli) -> None:
    from cockpit.services.workspace.workspace import Workspace

    config = Workspace(workspace.root).config
    assert config.train is not None
    parts = [
        {row["prompt"] for row in read_rows(p)} for p in (config.train, config.mini_eval, config.held_out)
    ]
    assert [len(part) for part in parts] == [75, 5, 20]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    log = (workspace.root / "methodlog.md").read_text()
    for name in ("source", "train", "mini_eval", "held_out", "model", "verifier"):
        assert f" {name} " in log, name
    assert log.count("sha256:") == 6
    listed = workspace.json("ls")["experiments"]
    assert [(e["id"], e["technique"], e["status"]) for e in listed] == [("exp_0000", "baseline", "draft")]


def test_the_same_seed_gives_the_same_slices(
    tmp_path: Path, model: Path, write_rows: Write, capsys: Any
) -> None:
    data = write_rows("sums.jsonl", sums(0, 100))
    names: list[list[str]] = []
    for name in ("a", "b"):
        cli = Cli(tmp_path / name, capsys)
        cli("init", "--model", str(model), "--data", str(data), "--verifier", "exact", "--yes")
        names.append(sorted(p.name for p in (cli.root / ".cockpit" / "data").iterdir()))
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "nowhere/at/all"}, ["no such model folder"]),
        ({"model": "{tmp}"}, ["no config.json"]),
        ({"data": "{tmp}/missing.jsonl"}, ["missing.jsonl", "no such data file"]),
        ({"data": "{broken}"}, ["broken.jsonl:3", "not JSON"]),
        ({"data": "{empty}"}, ["empty"]),
        ({"data": "{few}"}, ["too few"]),
        ({"data": "{columns}"}, ["frage", "data.columns"]),
        ({"verifier": "magic"}, ["magic", "exact"]),
        ({"verifier": "numeric", "held_out": "{letters}"}, ["none of its own"]),
        ({"data": "{own}"}, ["`chat_template_kwargs` of its own", "Set them for the run"]),
        ({"held_out": "{nulls}"}, ["20 of 30 items of the held-out set", "row 2"]),
        ({"model": "nobody/such-model"}, ["no model 'nobody/such-model' here", "HF_HUB_OFFLINE"]),
        ({"data": "{prose}", "verifier": "boxed"}, ["no gold answers", "boxed", "f1"]),
        ({"held_out": "{leak}"}, ["leak.jsonl", "held-out", "row 8"]),
        ({"verifier": None}, ["--verifier is missing"]),
    ],
)
def test_bad_input_gets_one_clear_sentence(
    cli: Cli,
    model: Path,
    tmp_path: Path,
    write_rows: Write,
    change: dict[str, Any],
    says: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"prompt":"a","answer":"b"}\n\n{"prompt":\n')
    files = {
        "tmp": tmp_path,
        "broken": broken,
        "empty": write_rows("empty.jsonl", []),
        "few": write_rows("few.jsonl", sums(0, 5)),
        "columns": write_rows("columns.jsonl", [{"frage": f"{n}", "antwort": "1"} for n in range(50)]),
        "letters": write_rows("letters.jsonl", [{"prompt": f"q{n}", "answer": "x"} for n in range(30)]),
        "nulls": write_rows(
            "nulls.jsonl", [{"prompt": f"q{n}", "answer": [str(n), "", None][n % 3]} for n in range(30)]
        ),
        "prose": write_rows(
            "prose.jsonl", [{"prompt": f"q{n}", "completion": f"I think it is {n}."} for n in range(100)]
        ),
        "leak": write_rows("leak.jsonl", [*sums(200, 5), {"prompt": " 7+1=? ", "answer": "8"}]),
        "own": write_rows(
            "own.jsonl",
            [
                {"prompt": f"q{n}", "completion": "a", "chat_template_kwargs": {"enable_thinking": False}}
                for n in range(30)
            ],
        ),
        "good": write_rows("good.jsonl", sums(0, 100)),
    }
    values = {"model": str(model), "data": str(files["good"]), "verifier": "exact", **change}
    words = [w for k, v in values.items() if v for w in (f"--{k.replace('_', '-')}", str(v).format(**files))]
    code, text = cli("init", *words, "--yes")
    assert code == 2, text
    assert all(part in text for part in says), text
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1, "one clear sentence"
    assert not (cli.root / "cockpit.toml").exists(), "nothing half-made is left"


def test_an_error_as_json_is_data(cli: Cli) -> None:
    answer = cli.json("init", "--yes", code=2)
    assert "--model is missing" in answer["error"]


def test_twice_is_refused_and_changes_nothing(workspace: Cli, model: Path) -> None:
    before = (workspace.root / "cockpit.toml").read_text()
    code, text = workspace("init", "--model", str(model), "--data", "x", "--verifier", "exact", "--yes")
    assert code == 2
    assert "workspace here already" in text
    assert (workspace.root / "cockpit.toml").read_text() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[modell]\nx = 1\n", "modell"),
        ("name = \n", "TOML"),
        ('[model]\nname_or_path = "m"\n', "held_out"),
        ('[model]\nname = "m"\n', "name_or_path"),
    ],
)
def test_a_broken_config_is_named(workspace: Cli, text: str, says: str) -> None:
    (workspace.root / "cockpit.toml").write_text(text)
    code, said = workspace("new", "sft")
    assert code == 2
    assert "cockpit.toml" in said
    assert says in said


def test_outside_a_workspace_it_says_how_to_make_one(cli: Cli, tmp_path: Path) -> None:
    cli.root.mkdir()
    code, text = cli("ls")
    assert code == 2
    assert "cockpit init" in text
    code, text = Cli(tmp_path / "not-there", cli._capsys)("ls")
    assert code == 2
    assert "no folder" in text


def test_json_says_what_was_made(cli: Cli, model: Path, write_rows: Write) -> None:
    data = write_rows("sums.jsonl", sums(0, 100))
    held = write_rows("held.jsonl", sums(1000, 30))
    made = cli.json(
        "init", "--model", str(model), "--data", str(data), "--held-out", str(held), "--verifier", "exact"
    )
    assert made["held_out"] == str(held), "a user's own held-out file is respected"
    assert made["counts"] == {"held_out": 30, "mini_eval": 5, "train": 95}
    assert json.loads(json.dumps(made)) == made


def test_rows_without_a_gold_answer_are_counted_and_never_set_apart(
    tmp_path: Path, model: Path, write_rows: Write, capsys: Any
) -> None:
    rows = sums(0, 100)
    for n in range(0, 60, 3):
        rows[n]["answer"] = [None, " "][n % 2]
    cli = Cli(tmp_path / "new", capsys)
    code, text = cli("init", "--model", str(model), "--data", str(write_rows("sums.jsonl", rows)), "--verifier",
                     "exact", "--yes")  # fmt: skip
    assert code == 0, text
    assert "20 of 100 rows have no gold answer (the first is row 1)" in text
    (held,) = (cli.root / ".cockpit" / "data").glob("held_out-*.jsonl")
    assert all(str(row["answer"]).strip() for row in map(json.loads, held.read_text().splitlines()))


def test_the_advice_at_the_end_is_that_of_advise(
    tmp_path: Path, model: Path, write_rows: Write, capsys: Any
) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    rows = [
        {
            "tools": tools,
            "query": f"Weather in {n}?",
            "answers": [{"name": "weather", "arguments": {"city": str(n)}}],
        }
        for n in range(40)
    ]
    data = str(write_rows("calls.jsonl", rows))
    cli = Cli(tmp_path / "new", capsys)
    made = cli.json("init", "--model", str(model), "--data", data, "--verifier", "tool-call")
    assert made["advice"]["technique"] == cli.json("advise")["technique"] == "rft"
