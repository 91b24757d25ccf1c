"""Answers that a policy gave once and need not give again: sampled by all processes together, kept in the cache.

The key holds whatever changes the answers: the policy's weights themselves (not its name), the prompts, the decoding
settings, the seed, the tokenizer and the libraries. Another policy's answers are another entry, so that none of them
can be taken for this one's; who sampled them first is kept beside them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cockpit.contract.recipe import GenerationSettings
from trainers.attempt import cache
from trainers.attempt.attempt import Attempt
from trainers.attempt.signals import Stopped
from trainers.data.tokenized import tokenizer_key
from trainers.model.generate import Completion, generate

KIND = "rollouts"
# Of a model's configuration, what is about its files and not about what it says.
_NAMES = ("_name_or_path", "transformers_version", "use_cache", "base_model_name_or_path", "inference_mode")


@dataclass(frozen=True)
class Sampled:
    """`said`: an answer a prompt, in order; `by`: the id of the policy that was asked, maybe in another run."""

    said: list[Completion]
    by: str


def sample(
    attempt: Attempt,
    model: Any,
    tokenizer: Any,
    prompts: list[str],
    settings: GenerationSettings,
    *,
    seed: int,
    policy: str,
) -> Sampled:
    """The answers of `model`, called `policy`, to rendered prompts; those of the cache where it has them.

    Every process asks for the same prompts and gets all the answers. Raises Stopped.
    """

    def build() -> Sampled:
        return Sampled(_together(attempt, model, tokenizer, prompts, settings, seed), policy)

    def waiting() -> None:
        if attempt.stop:
            raise Stopped

    where = cache.root(attempt.layout.root)
    processes = attempt.processes
    parts = _parts(attempt, model, tokenizer, prompts, settings, seed) if processes.first else None
    if processes.world == 1 and parts is not None:
        return cache.cached(where, KIND, parts, build=build, save=_save, load=_load, waiting=waiting)
    # With several processes none may wait on a file, for the others wait for it: rank 0 looks, and decides for all.
    known = processes.from_first(cache.found(where, KIND, parts, _load) if parts is not None else None)
    if known is not None:
        return known
    began = time.monotonic()
    made = build()
    if parts is not None:
        try:
            seconds = time.monotonic() - began
            cache.keep(where, KIND, parts, lambda folder: _save(made, folder), seconds=seconds)
        except OSError as error:
            print(f"[cache] not kept: {error}", flush=True)
    return made


def _together(
    attempt: Attempt, model: Any, tokenizer: Any, prompts: list[str], settings: GenerationSettings, seed: int
) -> list[Completion]:
    """Each process answers every n-th prompt. All of them answer equally many, for a sharded model asks them all."""
    processes = attempt.processes
    world, rank = processes.world, processes.rank
    spread = processes.holds_part(model)
    if processes.loaded_by_first_alone() and not spread:
        world = 1  # the others hold no weights yet
    share = -(-len(prompts) // world)
    mine = [] if rank >= world else [prompts[(rank + world * at) % len(prompts)] for at in range(share)]
    said: list[Completion] = []
    stop = processes.stop_of(model, attempt.stop)
    with contextlib.suppress(Stopped):  # it may be this process's alone: see below
        said = generate(
            model, tokenizer, mine, settings, seed=seed + 1_000_003 * rank, synced=spread, stop=stop
        )
    if attempt.told_to_stop():
        raise Stopped
    shares = processes.gather(said)
    return [shares[at % world][at // world] for at in range(len(prompts))]


def _parts(
    attempt: Attempt, model: Any, tokenizer: Any, prompts: list[str], settings: GenerationSettings, seed: int
) -> dict[str, Any] | None:
    """What the answers depend on; None for a model whose weights no single process holds."""
    if attempt.processes.holds_part(model):
        return None  # nor may one process touch its state alone: it would shard again what the others hold gathered
    weights = policy_key(model)
    text = json.dumps(prompts, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return {
        "policy": weights,
        "n": len(prompts),
        "prompts": hashlib.sha256(text).hexdigest(),
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "processes": attempt.processes.world,
        "tokenizer": tokenizer_key(tokenizer),
        "ends": _plain(model.generation_config.to_dict()),
        "device": str(model.device.type),
        "libraries": {name: importlib.metadata.version(name) for name in ("torch", "transformers")},
    }


def policy_key(model: Any) -> str:
    """SHA-256 over what a model is: its weights, an adapter's among them, and its configuration, in hexadecimal.

    The same for the same weights, wherever they were loaded from.
    """
    import torch

    digest = hashlib.sha256()
    configuration = [_plain(model.config.to_dict()), getattr(model.config, "_attn_implementation", None)]
    configuration += [_plain(adapter.to_dict()) for adapter in getattr(model, "peft_config", {}).values()]
    digest.update(json.dumps(configuration, sort_keys=True, default=_text).encode())
    for name, tensor in sorted(model.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _text(value: Any) -> Any:
    """What JSON has no word for; sets in order, for theirs changes from one process to the next."""
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in _NAMES}


def _save(made: Sampled, folder: Path) -> None:
    cache.save_rows(({**asdict(said), "policy_id": made.by} for said in made.said), folder)


def _load(folder: Path) -> Sampled:
    rows = cache.load_rows(folder)
    by = {row.pop("policy_id") for row in rows}
    if len(by) != 1:
        raise ValueError("not one policy's answers")
    return Sampled([Completion(**row) for row in rows], by.pop())
