"""`cockpit mlflow`: a page on the loopback over the workspace's own store."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from cockpit.cli import BAD_INPUT, main
from cockpit.services.serving import mlflow_page
from cockpit.services.workspace.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "cockpit.toml").write_text("")
    return tmp_path


def test_without_a_store_it_says_how_to_get_one(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mlflow", "--dir", str(root)]) == BAD_INPUT
    assert "report_to=mlflow" in capsys.readouterr().err


def test_the_tunnel_is_a_line_to_paste() -> None:
    assert mlflow_page.tunnel(5000).startswith("ssh -N -L 5000:127.0.0.1:5000 ")


@pytest.mark.ml
@pytest.mark.timeout(900)
def test_it_serves_on_the_loopback_and_ends_with_the_command(root: Path) -> None:
    store = mlflow_page.store(Workspace(root))
    store.parent.mkdir()
    sqlite3.connect(store).close()
    command = [sys.executable, "-m", "cockpit", "mlflow", "--json", "--dir", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = process.stdout.readline()
            assert line, "it ended before it answered"
            text += line
        page = json.loads(text)
        assert page["url"].startswith("http://127.0.0.1:")
        assert urllib.request.urlopen(f"{page['url']}/health", timeout=60).status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(180)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{page['url']}/health", timeout=2)
