"""What the cockpit relies on in a vLLM server, as tests that run against the stand-in and against a real one."""

from __future__ import annotations

import json
import shutil
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.contract import serving
from cockpit.contract.serving import ServerLayout
from cockpit.services.serving import http


def _post(layout: ServerLayout, path: str, body: object, *, key: str | None = None) -> tuple[int, str]:
    """Status and text of an answer, good or bad."""
    facts = serving.read(layout)
    assert facts is not None
    try:
        told = http.ask(facts.url, key or serving.read_key(layout), path, body, timeout=120)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    return 200, json.dumps(told)


def _load(layout: ServerLayout, name: str, path: Path) -> tuple[int, str]:
    return _post(layout, "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(path)})


def _unload(layout: ServerLayout, name: str) -> tuple[int, str]:
    return _post(layout, "/v1/unload_lora_adapter", {"lora_name": name})


def _complete(layout: ServerLayout, model: str, *prompts: list[int], **more: Any) -> tuple[int, str]:
    body = {
        "model": model,
        "prompt": list(prompts),
        "max_tokens": 4,
        "temperature": 0,
        "return_token_ids": True,
    }
    return _post(layout, "/v1/completions", body | more)


def answers_by_token_ids(layout: ServerLayout, adapter: Path, tmp_path: Path) -> None:
    """One choice a prompt, told apart by index, each with the ids of its tokens."""
    code, text = _complete(layout, "base", [5, 6, 7], [9, 10])
    choices = json.loads(text)["choices"]
    assert code == 200
    assert sorted(choice["index"] for choice in choices) == [0, 1]
    assert all(choice["token_ids"] and choice["finish_reason"] in ("stop", "length") for choice in choices)


def an_adapter_is_loaded_listed_used_and_unloaded(
    layout: ServerLayout, adapter: Path, tmp_path: Path
) -> None:
    name, place = "exp_0001-step1-abc", tmp_path / "a"
    shutil.copytree(adapter, place)
    assert _load(layout, name, place)[0] == 200
    facts = serving.read(layout)
    assert facts is not None
    told = http.ask(facts.url, serving.read_key(layout), "/v1/models")
    held = {model["id"]: (model["root"], model["parent"]) for model in told["data"]}
    assert held[name] == (str(place), "base")
    assert held["base"][1] is None
    assert _complete(layout, name, [5, 6, 7])[0] == 200
    assert _complete(layout, "base", [5, 6, 7])[0] == 200
    code, text = _load(layout, name, place)
    assert code == 400
    assert "already been loaded" in text
    assert _unload(layout, name)[0] == 200
    assert _complete(layout, name, [5, 6, 7])[0] == 404


def wrong_requests_are_told_apart(layout: ServerLayout, adapter: Path, tmp_path: Path) -> None:
    facts = serving.read(layout)
    assert facts is not None
    assert _post(layout, "/v1/models", None, key="wrong")[0] == 401
    assert _load(layout, "nowhere", tmp_path / "nowhere")[0] == 404
    assert _unload(layout, "nobody")[0] == 404
    assert _complete(layout, "nobody", [5])[0] == 404
    code, text = _complete(layout, "base", [5] * facts.max_model_len)
    assert code == 400
    assert "maximum context length" in text


def a_broken_or_too_large_adapter_is_refused(layout: ServerLayout, adapter: Path, tmp_path: Path) -> None:
    """With 500, and the server lives on."""
    facts = serving.read(layout)
    assert facts is not None
    torn, wide = tmp_path / "torn", tmp_path / "wide"
    shutil.copytree(adapter, torn)
    weights = torn / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert _load(layout, "torn", torn)[0] == 500
    shutil.copytree(adapter, wide)
    config = json.loads((wide / "adapter_config.json").read_text())
    (wide / "adapter_config.json").write_text(json.dumps(config | {"r": 2 * facts.max_lora_rank}))
    assert _load(layout, "wide", wide)[0] >= 400
    assert _complete(layout, "base", [5, 6, 7])[0] == 200


TESTS: list[Callable[[ServerLayout, Path, Path], None]] = [
    answers_by_token_ids,
    an_adapter_is_loaded_listed_used_and_unloaded,
    wrong_requests_are_told_apart,
    a_broken_or_too_large_adapter_is_refused,
]
