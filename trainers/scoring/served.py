"""Answers from a warm vLLM server: a checkpoint's adapter is lent to it for one evaluation, by a protocol that is safe.

What was measured on vLLM 0.30 (docs/clusters.md, "Serving") makes the protocol: the prefix cache goes by an adapter's
name, so each content has a name of its own; an adapter's folder that is deleted while loaded kills the server, so
it gets a copy that nobody else touches, unloaded before it is removed; an adapter of another base loads without
complaint and answers like the base, so base, rank and shapes are checked first, and what the server says it holds
afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import threading
import time
import urllib.error
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, serving
from cockpit.contract.atomic import read_json
from cockpit.contract.network import loopback
from cockpit.contract.recipe import GenerationSettings
from cockpit.contract.serving import BASE, ServerFacts, ServerLayout
from trainers.attempt.signals import StopFlag, Stopped

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
LOAD_S = 60.0
CHUNK = 64
"""Prompts a request: a stop is answered between them at the latest."""


class Unserved(Exception):
    """The server can't answer this; says why. Transformers can."""


class Server:
    """One server, asked in the name of one run. `bound_s`: seconds without an answer after which it is given up."""

    def __init__(self, folder: Path, *, bound_s: float, stop: StopFlag | None = None) -> None:
        self.layout = ServerLayout(folder)
        self.bound_s = bound_s
        self.stop = stop
        self._lease: Any = None

    def lease(self, name: str) -> None:
        """Keep it warm until this process ends, or becomes another program."""
        self._lease = self._lease or serving.lease(self.layout, name)

    def ready(self) -> ServerFacts:
        """Its record, once it answers; waits for one that starts. Raises Unserved, Stopped."""
        deadline = time.monotonic() + self.bound_s
        while True:
            if self.stop:
                raise Stopped
            kept = serving.kept(self.layout)  # asked first: what a keeper says last is in the record by then
            facts = serving.read(self.layout)
            if facts is None:
                raise Unserved("there is no server")
            if facts.state in ("stopped", "failed", "stopping"):
                raise Unserved(f"the server is {facts.state}" + (f" ({facts.says})" if facts.says else ""))
            if not kept:
                raise Unserved("the server's keeper is gone")
            if facts.state == "ready":
                return facts
            if time.monotonic() > deadline:
                raise Unserved(f"the server is still starting after {self.bound_s:.0f} s")
            time.sleep(0.25)

    @contextlib.contextmanager
    def lend(self, facts: ServerFacts, checkpoint: Path, base: str, label: str) -> Generator[str]:
        """Load a checkpoint's adapter for as long as the block lasts; gives the name to ask for. Raises Unserved.

        `base`: the model that the adapter is of; `label`: what the name begins with (`exp_0003-step120`).
        """
        check_adapter(checkpoint, base, facts)
        copy = self._copy(checkpoint, label)
        name = copy.name
        try:
            self._load(facts, name, copy)
            self._believe(facts, name, copy)
            yield name
        finally:
            self._unload(facts, name, copy)

    def answer(
        self,
        facts: ServerFacts,
        name: str,
        prompts: Sequence[Sequence[int]],
        settings: GenerationSettings,
        *,
        ends: Sequence[int],
        seed: int,
        repetition_penalty: float = 1.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[list[int]]:
        """Token ids of each prompt's answer, the end token among them. Raises Unserved, Stopped.

        `prompts` are token ids; `ends` end an answer. All that could differ from transformers is said: no default of
        the model's own, or of vLLM's, is left to decide.
        """
        longest = max(map(len, prompts), default=0) + settings.max_new_tokens
        if longest > facts.max_model_len:
            raise Unserved(
                f"the longest prompt and its answer may have {longest} tokens, and the server takes "
                f"{facts.max_model_len} (max_model_len in [serve] of cockpit.toml)"
            )
        answers: list[list[int]] = []
        for start in range(0, len(prompts), CHUNK):
            if self.stop:
                raise Stopped
            chunk = [list(ids) for ids in prompts[start : start + CHUNK]]
            body = {
                "model": name,
                "prompt": chunk,
                "max_tokens": settings.max_new_tokens,
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "seed": seed + start,
                "stop_token_ids": list(ends),
                "repetition_penalty": repetition_penalty,
                "skip_special_tokens": False,
                "return_token_ids": True,
            }
            reply = self._ask(facts, "/v1/completions", body, self.bound_s)
            answers += _ids(reply, len(chunk))
            serving.touch(self.layout)
            if progress is not None:
                progress(len(answers), len(prompts))
        return answers

    def _copy(self, checkpoint: Path, label: str) -> Path:
        """An immutable copy of the adapter, named after its content."""
        digest = hashlib.sha256()
        fresh = self.layout.adapters / f".{label}.{os.getpid()}.tmp"
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            for name in ADAPTER_FILES:
                shutil.copyfile(checkpoint / name, fresh / name)
                digest.update((fresh / name).read_bytes())
            # Two that score the same checkpoint at once must not unload each other's.
            target = fresh.with_name(f"{label}-{digest.hexdigest()[:12]}-{os.getpid()}")
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
        except OSError as error:
            raise Unserved(f"the adapter could not be copied for the server: {error}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return target

    def _load(self, facts: ServerFacts, name: str, copy: Path) -> None:
        self._ask(facts, "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(copy)}, LOAD_S)

    def _believe(self, facts: ServerFacts, name: str, copy: Path) -> None:
        """What the server says it holds under this name must be this copy, on its own base."""
        reply = self._ask(facts, "/v1/models", None, LOAD_S)
        try:
            held = {model["id"]: (model.get("root"), model.get("parent")) for model in reply["data"]}
        except (KeyError, TypeError) as error:
            raise Unserved("the server does not say which adapters it holds") from error
        root, parent = held.get(name, (None, None))
        if root is None or Path(root) != copy or parent != BASE:
            raise Unserved(f"the server holds something else under the name {name}")

    def _unload(self, facts: ServerFacts, name: str, copy: Path) -> None:
        """Unload, and only then remove the copy: a loaded adapter without its folder kills the server."""
        try:
            self._ask(facts, "/v1/unload_lora_adapter", {"lora_name": name}, LOAD_S, stoppable=False)
        except Unserved:
            now = serving.read(self.layout)
            if now is not None and now.port == facts.port and serving.kept(self.layout):
                return  # it may hold it still: its keeper removes the copy when the server ends
        shutil.rmtree(copy, ignore_errors=True)

    def _ask(
        self, facts: ServerFacts, path: str, body: object, timeout: float, *, stoppable: bool = True
    ) -> Any:
        """GET, or POST of `body`; the answer's JSON, or {}. Raises Unserved with the server's own words; Stopped."""
        try:
            key = serving.read_key(self.layout)
        except CockpitError as error:
            raise Unserved(error.title) from error
        box: dict[str, Any] = {}
        # In a thread, so that a stop need not wait for a long answer; a daemon, so that it may be left behind.
        thread = threading.Thread(
            target=_request, args=(facts.url, path, key, body, timeout, box), daemon=True
        )
        thread.start()
        deadline = time.monotonic() + timeout
        while thread.is_alive():
            thread.join(0.1)
            if self.stop and stoppable:
                raise Stopped
            if time.monotonic() > deadline:
                raise Unserved(f"the server gave no answer within {timeout:.0f} s")
        if "why" in box:
            raise Unserved(box["why"])
        return box["value"]


def check_base(facts: ServerFacts, base: str) -> None:
    """Whether the server serves this model: by content, or by name where it is the hub's. Raises Unserved."""
    digest = serving.model_digest(base)
    if (digest != facts.digest) if digest and facts.digest else (base != facts.model):
        raise Unserved(f"the run is on {base}, and the server serves {facts.model}")


def check_adapter(checkpoint: Path, base: str, facts: ServerFacts) -> None:
    """Whether the server could serve this adapter and would be right. Raises Unserved."""
    config: Any = read_json(checkpoint / "adapter_config.json")
    if not isinstance(config, dict) or not (checkpoint / "adapter_model.safetensors").is_file():
        raise Unserved("it serves adapters, and this checkpoint has full weights")
    for name in ("use_dora", "modules_to_save", "trainable_token_indices", "alora_invocation_tokens"):
        if config.get(name):
            raise Unserved(f"the adapter has {name}, which vLLM does not serve")
    if config.get("bias", "none") != "none":
        raise Unserved("the adapter trains biases, which vLLM does not serve")
    if serving.of_changed_base(config.get("init_lora_weights")):
        raise Unserved(
            f"the adapter began as {config['init_lora_weights']}, and the server holds the base as it was"
        )
    rank = max([config.get("r", 0), *(config.get("rank_pattern") or {}).values()])
    if rank > facts.max_lora_rank:
        raise Unserved(
            f"the adapter's rank is {rank}, and the server takes {facts.max_lora_rank} "
            "(max_lora_rank in [serve] of cockpit.toml)"
        )
    check_base(facts, base)
    if Path(base).is_dir():
        _check_shapes(checkpoint / "adapter_model.safetensors", Path(base))


def _check_shapes(adapter: Path, base: Path) -> None:
    """Each pair of matrices must fit the weight that it is added to."""
    from safetensors import SafetensorError, safe_open

    try:
        weights: dict[str, list[int]] = {}
        for file in sorted(base.glob("*.safetensors")):
            with safe_open(file, "np") as tensors:
                weights |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
        with safe_open(adapter, "np") as tensors:
            parts = {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise Unserved(f"the adapter's file can't be read: {error}") from error
    for name, shape in parts.items():
        if ".lora_A." not in name:
            continue
        target = name.removeprefix("base_model.model.").partition(".lora_A.")[0] + ".weight"
        other = parts.get(name.replace(".lora_A.", ".lora_B."))
        known = weights.get(target)
        if known is None or other is None:
            raise Unserved(f"the adapter changes {target}, which the base does not have")
        if [other[0], shape[1]] != list(known):
            raise Unserved(
                f"the adapter's {target} is {other[0]} x {shape[1]}, and the base's is {known[0]} x {known[1]}"
            )


def _request(url: str, path: str, key: str, body: object, timeout: float, box: dict[str, Any]) -> None:
    """Fill `box` with `value` or `why`."""
    try:
        box["value"] = loopback.ask(url, key, path, body, timeout=timeout)
    except urllib.error.HTTPError as error:
        box["why"] = f"the server answered {error.code}: {_said(error)}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        box["why"] = f"the server can't be reached: {reason}"


def _said(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read() or b"null")
    except (OSError, ValueError, http.client.HTTPException):
        return error.reason
    inner = body.get("error", body) if isinstance(body, dict) else body
    return str(inner.get("message", inner) if isinstance(inner, dict) else inner)[:300]


def _ids(reply: Any, wanted: int) -> list[list[int]]:
    try:
        choices = sorted(reply["choices"], key=lambda choice: choice["index"])
        answers = [[int(token) for token in choice["token_ids"]] for choice in choices]
    except (KeyError, TypeError, ValueError) as error:
        raise Unserved("the server's answer has no token ids") from error
    if len(answers) != wanted:
        raise Unserved(f"the server gave {len(answers)} answers to {wanted} prompts")
    return answers
