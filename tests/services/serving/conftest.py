"""Servers that are the stand-in, under the real keeper; none outlives its test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockpit.contract.serving import ServerLayout
from cockpit.services.serving import servers
from cockpit.services.serving.servers import Server, ServerRequest
from tests.support.attempts import PATIENCE_S

STANDIN = Path(__file__).parents[2] / "support/serving/standin.py"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model by name only: the stand-in loads nothing."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 128, "model_type": "standin"}))
    return folder


@pytest.fixture
def adapter(tmp_path: Path, model: Path) -> Path:
    """A LoRA adapter of it: its configuration, and a safetensors file without tensors."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"r": 8, "base_model_name_or_path": str(model), "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    header = b'{"__metadata__":{"format":"pt"}}'.ljust(256)
    (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """An interpreter that has vLLM, so to say: whatever module it is asked to run, it runs the stand-in."""

    def made(how: str = "") -> str:
        script = tmp_path / f"python-{how or 'well'}"
        script.write_text(f"#!/bin/sh\nSTANDIN={how} exec '{sys.executable}' '{STANDIN}' \"$@\"\n")
        script.chmod(0o755)
        return str(script)

    return made


Start = Callable[..., Server]


@pytest.fixture
def start(model: Path, python: Callable[..., str]) -> Iterator[Start]:
    """Start a server of `model` and wait until it answers; all of them are gone after the test."""
    begun: list[ServerLayout] = []

    def started(how: str = "", *, ready: bool = True, **asked: float) -> Server:
        server, _ = servers.start(None, str(model), ServerRequest(python=python(how), **asked))  # pyright: ignore[reportArgumentType]
        begun.append(server.layout)
        if ready:
            servers.wait(server.layout, PATIENCE_S)
        now = servers.look(server.layout)
        assert now is not None
        return now

    yield started
    for layout in begun:
        servers.stop(layout)
