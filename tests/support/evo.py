"""evo itself, in an environment of its own, and the tiny model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EVO = "evo-hq-cli==0.8.0"
CACHE = Path(os.environ.get("COCKPIT_CACHE") or Path.home() / ".cache" / "finetune-cockpit").expanduser()


@pytest.fixture(scope="session")
def evo_command() -> Path:
    """`evo` in an environment made once; skips with the reason where it can't be had."""
    python, version = _newer_python()
    folder = CACHE / f"evo-0.8.0-py{version}"
    command = folder / "bin" / "evo"
    if not command.exists():
        shutil.rmtree(folder, ignore_errors=True)
        made = subprocess.run([python, "-m", "venv", str(folder)], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"no environment for evo: {made.stderr.strip()[-200:]}")
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", EVO]
        got = subprocess.run(pip, capture_output=True, text=True, timeout=600)
        if got.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"{EVO} can't be installed here: {got.stderr.strip()[-200:]}")
    return command


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The tiny model (pretrained once, about a minute) and its data files."""
    data = tmp_path_factory.mktemp("data")
    run = [sys.executable, "-m", "trainers.tiny", str(CACHE)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(run, check=True, env=env, capture_output=True)
    told = subprocess.run(
        [*run, "--data", str(data), "--json"], check=True, env=env, capture_output=True, text=True
    )
    return json.loads(told.stdout.splitlines()[-1])


def _newer_python() -> tuple[str, str]:
    """An interpreter of 3.12 or later, pyenv's among them; else our own, which evo 0.8.0's metadata allows too."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python3"), reverse=True)
    for python in ("python3.12", "python3.13", "python3.14", *map(str, pyenv), sys.executable):
        ask = [python, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        try:
            said = subprocess.run(ask, capture_output=True, text=True)
        except OSError:
            continue
        if said.returncode == 0:
            return python, said.stdout.strip()
    pytest.skip("no Python to run evo with")
