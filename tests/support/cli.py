"""A workspace that needs no torch: a model folder that is one by name only, and trainers of a few lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main

LOOP = """
import os, sys, time
from cockpit.contract import AttemptLayout, AttemptWriter, control
root = os.environ["COCKPIT_ATTEMPT_DIR"]
out, layout = AttemptWriter(root), AttemptLayout(__import__("pathlib").Path(root))
out.stage("training")
steps = int(sys.argv[1])
enough = __import__("pathlib").Path(sys.argv[0]).with_name("enough")  # where it exists, a long run is over
for step in range(1, steps + 1):
    out.metrics(step, {"loss": 1 / step})
    if any(r.name == "stop" for r in control.pending(layout)):
        out.end("stopped", "asked to", step=step)
        sys.exit(0)
    if steps > 100:
        if enough.exists():
            break
        time.sleep(0.01)
print("hello \\x1b]0;owned\\x07 from the loop", flush=True)
out.end("finished", step=step)
"""


class Cli:
    """`cockpit` in this process: gives exit code, and what it printed as JSON or text."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main(["--dir", str(self.root), *words])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def json(self, *words: str, code: int = 0) -> Any:
        got, text = self(*words, "--json")
        assert got == code, text
        return json.loads(text)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path / "ws", capsys)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def sums(start: int, count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"{n}+1=?", "answer": str(n + 1)} for n in range(start, start + count)]


@pytest.fixture
def workspace(cli: Cli, model: Path, write_rows: Callable[..., Path]) -> Cli:
    """A workspace with 100 rows of sums, split by `init`, and a loop as its trainer."""
    code, text = cli(
        "init", "--model", str(model), "--data", str(write_rows("sums.jsonl", sums(0, 100))),
        "--verifier", "exact", "--yes",
    )  # fmt: skip
    assert code == 0, text
    (cli.root / "loop.py").write_text(LOOP)
    return cli


@pytest.fixture
def loop(workspace: Cli) -> Callable[[int], str]:
    return lambda steps: f"{sys.executable} {workspace.root / 'loop.py'} {steps}"
