"""`ls`, `status`, `show`, `logs`, `methodlog`, `doctor`: what they say of every state, in words and as JSON."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import COMMANDS, GROUPS, main
from cockpit.contract.writer import AttemptWriter
from tests.support.cli import Cli
from tests.support.ui.gallery import FACES, build
from tests.support.ui.hostile import OWNED, hostile
from tests.support.ui.stage import Stage


@pytest.fixture
def at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def open_face(name: str) -> Cli:
        build(name, tmp_path / "ws", now=time.time())
        return Cli(tmp_path / "ws", capsys)

    return open_face


@pytest.mark.parametrize("name", [name for name in FACES if name not in ("empty", "broken_config")])
def test_every_state_is_listed_shown_and_told(at: Any, name: str) -> None:
    cli: Cli = at(name)
    listed = cli.json("ls")["experiments"]
    assert listed
    for words in (("ls",), ("status",), ("status", "--tmux"), ("methodlog",)):
        code, text = cli(*words)
        assert code == 0, text
        assert "Traceback" not in text
    for experiment in listed[:4]:
        shown = cli.json("show", experiment["id"])
        assert shown["id"] == experiment["id"]
        assert {"recipe", "findings"} & shown.keys() or shown["status"] in ("draft", "smoked")
        code, text = cli("show", experiment["id"])
        assert code == 0
        assert experiment["id"] in text


def test_tmuxs_line_is_one_short_line(at: Any) -> None:
    code, text = at("story")("status", "--tmux")
    assert code == 0
    assert text.strip() == "exp_0002 grpo running 46 mini 0.70"
    assert len(text.strip()) <= 60


def test_status_as_data(at: Any) -> None:
    told = at("story").json("status")
    assert [view["id"] for view in told["running"]] == ["exp_0002"]
    assert told["counts"] == {"evaluated": 2, "running": 1}
    assert told["running"][0]["state"] == "running"


def test_why_a_run_failed_is_in_its_sentence(at: Any) -> None:
    cli = at("failed")
    assert "num_generations (7)" in cli.json("show", "1")["sentence"]
    assert "num_generations (7)" in cli("show", "1")[1]


def test_what_is_queued_is_not_called_failed(at: Any) -> None:
    assert at("queued").json("ls")["experiments"][1]["status"] == "draft"


def test_an_empty_workspace_says_what_is_next(at: Any) -> None:
    cli = at("empty")
    assert "cockpit new" in cli("ls")[1]
    assert cli("status", "--tmux")[1].strip() == "cockpit: idle"
    assert cli.json("ls")["experiments"] == []
    assert cli.json("methodlog")["entries"] == []


def test_the_method_log_of_one_experiment(at: Any) -> None:
    cli = at("finished")
    told = cli.json("methodlog", "2")["entries"]
    assert [entry["experiment"] for entry in told] == ["", "exp_0002"]
    text = cli("methodlog", "2")[1]
    assert "exp_0002: grpo, LoRA r=32" in text
    assert "9f2c6c1b7d2e4a10" not in text
    assert "9f2c6c1b7d2e4a10" in cli("methodlog")[1]
    assert cli("methodlog", "77")[0] == 2


def test_the_log_from_its_end_and_as_data(at: Any) -> None:
    cli = at("story")
    code, text = cli("logs", "2", "-n", "2")
    assert code == 0
    assert text.splitlines() == ["step 45 reward 0.662 kl 0.0112", "step 46 reward 0.675 kl 0.0115"]
    told = cli.json("logs", "2", "-n", "1")
    assert told["lines"] == ["step 46 reward 0.675 kl 0.0115"]
    assert cli("logs", "0", "-n", "-5")[0] == 0


def test_a_draft_has_no_log_and_says_so(at: Any) -> None:
    code, text = at("draft")("logs", "1")
    assert code == 2
    assert "cockpit launch exp_0001" in text


def test_a_followed_log_ends_with_the_run_and_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = build("story", tmp_path / "ws", now=time.time())
    attempt = stage.layout.experiment("exp_0002").attempt(1)

    def go_on() -> None:
        with attempt.log.open("a") as log:
            log.write("one more \x1b[2J line\n")
        AttemptWriter(attempt.root).end("finished", "", step=47)
        stage.process(attempt, started=stage.now - 95, ended=time.time(), exit_code=0)

    timer = threading.Timer(0.5, go_on)
    timer.start()
    try:
        code, text = Cli(stage.root, capsys)("logs", "2", "-f", "-n", "1")
    finally:
        timer.join()
    assert code == 0
    assert text.splitlines()[0] == "step 46 reward 0.675 kl 0.0115"
    assert "one more ␛[2J line" in text
    assert text.splitlines()[-1].startswith("-- Finished at step 47")


@pytest.mark.parametrize("words", [("ls",), ("status",), ("status", "--tmux"), ("show", "1"), ("show", "1", "--items"),
                                   ("logs", "1"), ("methodlog",), ("show", "0", "--items")])  # fmt: skip
def test_nothing_hostile_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    stage = Stage(tmp_path / "ws", now=time.time())
    hostile(stage)
    code, text = Cli(stage.root, capsys)(*words)
    assert code == 0, text
    for payload in OWNED:
        assert payload not in text
    assert "Traceback" not in text
    again, text = Cli(stage.root, capsys)(*words, "--json")
    assert again == 0
    json.loads(text)
    assert not any(payload in text for payload in OWNED), "JSON on a terminal is harmless too"


def test_the_doctor_in_words_and_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli = Cli(tmp_path, capsys)
    code, text = cli("doctor", "--quick")
    assert code in (0, 1)
    assert "python: Python 3." in text
    told = cli.json("doctor", "--quick", code=code)
    assert told["ok"] is (code == 0)
    assert {"name", "level", "says", "mend"} <= told["checks"][0].keys()


def test_without_a_terminal_the_screens_are_refused_with_what_to_use(at: Any) -> None:
    code, text = at("story")()
    assert code == 2
    assert "cockpit ls --json" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out
    assert f"cockpit {name}" in told
    assert "--json" in told
    assert COMMANDS[name].group in GROUPS


def test_the_whole_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(f"    {name} " in told for name in COMMANDS)


def test_the_mid_evals_have_one_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("story", tmp_path / "ws")  # 0.4, 0.6, 0.8, 0.7: three were the best when they were made
    assert main(["show", "2", "--dir", str(tmp_path / "ws")]) == 0
    told = next(text for text in capsys.readouterr().out.splitlines() if "mid-evals" in text)
    assert "0.80*" in told
    assert told.replace("(* best)", "").count("*") == 1
