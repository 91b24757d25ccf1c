"""A trainer of one's own, as the docs print it, shows up like any other; so does one that only writes lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from cockpit.services.workspace.workspace import Workspace
from scripts import doc_blocks
from tests.support.cli import Cli

pytestmark = pytest.mark.fault
ROOT = Path(__file__).parents[3]

LINES = """
import json, os, time
root = os.environ["COCKPIT_ATTEMPT_DIR"]
with open(root + "/events.jsonl", "a") as events, open(root + "/metrics.jsonl", "a") as metrics:
    for step in range(1, 21):
        print(json.dumps({"step": step, "loss": 1 / step}), file=metrics)
    for seq, fields in enumerate([
        {"kind": "stage", "name": "training"},
        {"kind": "mid_eval", "step": 20, "score": 0.75, "best": True, "best_step": 20},
        {"kind": "end", "outcome": "finished", "reason": "", "step": 20},
    ], 1):
        print(json.dumps({"v": 1, "seq": seq, "time": time.time(), **fields}), file=events)
"""


def printed_loop() -> str:
    block = doc_blocks.blocks((ROOT / "docs" / "attempt-folder.md").read_text())["loop"]
    return block.removeprefix("```python\n").removesuffix("```")


def test_it_is_short_and_imports_nothing_but_the_contract() -> None:
    body = printed_loop().split('"""')[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20
    imports = [line for line in body.splitlines() if "import" in line]
    assert imports == ["import os", "from cockpit.contract import AttemptWriter"]


def test_the_loop_of_the_docs_flies(workspace: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the very command that it names, from its folder, with any `python` at all first on the PATH."""
    code = printed_loop()
    command = re.search(r'--command "([^"]+)"', code)
    assert command
    (workspace.root / "my_loop.py").write_text(code)
    bare = tmp_path / "bare"  # a Python that has no cockpit installed
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    monkeypatch.setenv("PATH", f"{bare / 'bin'}{os.pathsep}{os.environ['PATH']}")
    workspace.json("new", "custom", "--command", command[1], "--launch")
    view = _ended(workspace)
    assert view["state"] == "finished", view
    assert view["mini_eval"]["best"] == pytest.approx(0.999, abs=0.01)
    assert view["best_step"] == 200
    rows = list(read_rows(Path(view["attempt_dir"]) / "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(1, 201))
    assert rows[-1]["loss"] < rows[0]["loss"] / 100
    shown = workspace.json("show", "1")
    assert [row["step"] for row in shown["mid_evals"]] == [50, 100, 150, 200]
    assert "custom Finished at step 200" in (workspace.root / "methodlog.md").read_text()


def test_a_loop_that_only_writes_lines_flies_too(workspace: Cli) -> None:
    (workspace.root / "lines.py").write_text(LINES)
    workspace.json("new", "custom", "--command", f"{sys.executable} -I lines.py", "--launch")
    view = _ended(workspace)
    assert (view["state"], view["mini_eval"]["last"], view["best_step"]) == ("finished", 0.75, 20)
    assert view["mini_eval"]["best"] == 0.75


def _ended(workspace: Cli) -> dict[str, Any]:
    from cockpit.services.experiments import lifecycle

    ws = Workspace(workspace.root)
    lifecycle.wait(ws, "exp_0001", lambda _: None, every_s=0.05)
    shown = workspace.json("show", "1")
    assert isinstance(shown, dict)
    return shown
