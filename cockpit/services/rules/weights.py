"""Checkpoints compared by content: safetensors read as they lie on the disk, without torch.

Tensors are compared as values: a base in bfloat16 saved again in float32 is the same; one in float32 saved in bfloat16
is the same if it rounds to it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.core.rules.tree_rules.progress import Weights

_BLOCK = 1 << 22  # values compared at a time
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
           "I8": "<i1", "U8": "<u1", "BOOL": "<u1"}  # fmt: skip
_MAX_HEADER = 100_000_000
_PREFIXES = ("base_model.model.", "model.")


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor lies: file, offset in bytes, kind of number, shape."""

    file: Path
    start: int
    size: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a folder by name; `adapter` says that they are a LoRA's."""

    tensors: Mapping[str, Tensor]
    adapter: bool
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read(folder: Path) -> Checkpoint | None:
    """The weights in `folder`, or None where there are none that can be read (no safetensors, a broken header)."""
    adapter = folder / "adapter_model.safetensors"
    files = [adapter] if adapter.is_file() else sorted(folder.glob("*.safetensors"))
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors.update(_header(file))
    if not tensors:
        return None
    config = atomic.read_object(folder / ("adapter_config.json" if adapter.is_file() else "config.json"))
    return Checkpoint(tensors, adapter.is_file(), config or {})


def _header(file: Path) -> dict[str, Tensor]:
    try:
        with untrusted.opened(file) as handle:
            length = int.from_bytes(handle.read(8), "little")
            size = file.stat().st_size
            if not 2 <= length <= min(_MAX_HEADER, size):
                return {}
            header: object = untrusted.parse(handle.read(length))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(header, dict):
        return {}
    made: dict[str, Tensor] = {}
    for name, value in cast("dict[str, Any]", header).items():
        tensor = _tensor(file, 8 + length, size, value) if name != "__metadata__" else None
        if tensor is not None:
            made[name] = tensor
    return made


def _tensor(file: Path, data: int, size: int, value: Any) -> Tensor | None:
    try:
        begin, end = value["data_offsets"]
        if 0 <= begin <= end and data + end <= size and value["dtype"] in _DTYPES:
            return Tensor(
                file, data + begin, end - begin, str(value["dtype"]), tuple(map(int, value["shape"]))
            )
    except (KeyError, TypeError, ValueError):
        pass
    return None


def compare(checkpoint: Checkpoint, other: Checkpoint, called: str) -> Weights:
    """Compare tensors of the same name, the largest first; stops at the first that differs."""
    mine, theirs = _plain(checkpoint.tensors), _plain(other.tensors)
    shared = [n for n in mine if n in theirs and mine[n].shape == theirs[n].shape and mine[n].size]
    if not shared or len(shared) < 0.5 * len(mine):
        return Weights(0, 0, called)
    shared.sort(key=lambda name: -mine[name].size)
    for count, name in enumerate(shared):
        if not _equal(mine[name], theirs[name]):
            return Weights(len(shared), count, called, changed=name)
    return Weights(len(shared), len(shared), called)


def adapter_b(checkpoint: Checkpoint) -> tuple[int, int]:
    """How many of a LoRA's B matrices are all zero, and how many there are."""
    names = [name for name in checkpoint.tensors if ".lora_B" in name or ".lora_embedding_B" in name]
    return sum(not any(block.any() for block in _blocks(checkpoint.tensors[n])) for n in names), len(names)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        made[name.replace(".default.", ".")] = tensor
    return made


def _equal(a: Tensor, b: Tensor) -> bool:
    if a.dtype == b.dtype:
        return all(np.array_equal(x, y) for x, y in zip(_blocks(a), _blocks(b), strict=True))
    coarse = next((d for d in ("BF16", "F16") if d in (a.dtype, b.dtype)), None)
    return all(
        np.array_equal(_rounded(x, a.dtype, coarse), _rounded(y, b.dtype, coarse))
        for x, y in zip(_blocks(a), _blocks(b), strict=True)
    )


def _blocks(tensor: Tensor) -> Iterator[NDArray[Any]]:
    """The tensor's raw numbers, a block at a time."""
    kind = np.dtype(_DTYPES[tensor.dtype])
    count = tensor.size // kind.itemsize
    if not count:
        return
    with (
        untrusted.opened(tensor.file) as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        for first in range(0, count, _BLOCK):
            n = min(_BLOCK, count - first)
            yield np.frombuffer(mapped, kind, n, tensor.start + first * kind.itemsize).copy()


def _rounded(values: NDArray[Any], dtype: str, coarse: str | None) -> NDArray[Any]:
    """Numbers as float32, rounded to what the coarser of two kinds can hold."""
    if dtype == "BF16":
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    wide = values.astype(np.float32)
    if coarse == "F16":
        return wide.astype(np.float16).astype(np.float32)
    if coarse == "BF16":
        bits = wide.view(np.uint32).astype(np.uint64)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000  # to the nearest, ties to even
        return bits.astype(np.uint32).view(np.float32)
    return wide
