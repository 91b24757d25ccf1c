"""How long texts are: in tokens where a tokenizer is at hand, in characters otherwise, and it says which."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError


@dataclass(frozen=True, slots=True)
class Measure:
    """`lengths(texts)` in `unit`; `description` tells a person what was measured with."""

    unit: str
    lengths: Callable[[Sequence[str]], list[int]]
    description: str


def characters() -> Measure:
    """Lengths in characters (English text has about four to a token)."""
    description = "In characters: no tokenizer was chosen."
    return Measure("characters", lambda texts: [len(text) for text in texts], description)


def tokens(name: str) -> Measure:
    """Lengths under the tokenizer of a model folder, a `tokenizer.json`, or a hub id in the local cache.

    The Rust library is used as it is: no torch, no transformers. Raises CockpitError where there is none.
    """
    file = _tokenizer_file(name)
    try:
        from tokenizers import Tokenizer  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError:
        raise CockpitError(
            "counting tokens needs the `tokenizers` package, which is not installed",
            "Leave --tokenizer out to measure in characters.",
        ) from None
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    kind: Any = Tokenizer
    try:
        tokenizer: Any = kind.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - the library raises bare Exceptions
        raise CockpitError(
            f"this is not a tokenizer: {error}", "Give a folder that holds a whole tokenizer.json.", file=file
        ) from None
    # A file saved in the middle of training may carry a truncation, which would hide the long examples.
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def lengths(texts: Sequence[str]) -> list[int]:
        encoded: list[Any] = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(one.ids) for one in encoded]

    return Measure(
        "tokens", lengths, f"In tokens of {name}, without the few that a chat template adds a turn."
    )


def _tokenizer_file(name: str) -> Path:
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        if (path / "tokenizer.json").is_file():
            return path / "tokenizer.json"
        raise CockpitError(
            "there is no tokenizer.json in this folder",
            "Give a folder with a fast tokenizer, or leave --tokenizer out to measure in characters.",
            file=path,
        )
    cached = cached_file(name, "tokenizer.json")
    if cached is not None:
        return cached
    raise CockpitError(
        f"there is no tokenizer {name!r}, neither here nor in the hub's local cache",
        "Give a model folder, or fetch the model first.",
    )


def model_file(model: str, file: str) -> Path | None:
    """A model's file on this machine: in its folder, whether or not it is there, or in the hub's cache."""
    folder = Path(model).expanduser()
    return folder / file if folder.is_dir() else cached_file(model, file)


def cached_file(repository: str, file: str) -> Path | None:
    """A file of a hub repository, if the hub's own cache on this machine has it; nothing is downloaded."""
    if repository.count("/") > 1 or ".." in repository or not repository.strip("/"):
        return None
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    root = Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()
    folder = root / f"models--{repository.replace('/', '--')}" / "snapshots"
    found = sorted(folder.glob(f"*/{file}"), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None
