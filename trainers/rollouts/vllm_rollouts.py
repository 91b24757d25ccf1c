"""Rollouts of RL by vLLM (`use_vllm` of GRPO and RLOO): what must stand before it is imported, and what can't work.

On a GPU TRL does it all. On a CPU, as measured: colocate works once nothing is compiled, and where vLLM computes with
the weights that TRL writes (see `packs_weights_away`); server mode can't train, for the weights travel by NCCL. Off
unless a recipe asks: on a CPU it gains little.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe

_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def wanted(recipe: Recipe) -> bool:
    """Whether the recipe asks for them."""
    return bool(recipe.trainer.get("use_vllm"))


def prepare(recipe: Recipe) -> None:
    """Environment that vLLM and torch read when they are imported; what the user has set stays."""
    if not wanted(recipe):
        return
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not any(Path(device).exists() for device in _DEVICES):
        # The first compilation takes minutes on a CPU, and for a small model nothing comes of it.
        os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


def is_installed() -> bool:
    """Whether this interpreter has vLLM."""
    return importlib.util.find_spec("vllm") is not None


def packs_weights_away(dtype: str | None = None) -> bool:
    """Whether vLLM, once it has loaded a model, computes with copies of the weights that a trainer can't write.

    vLLM itself is asked, with a layer of a few numbers: its CPU build hands weights to a library's own layout wherever
    that has a kernel for their type on this processor, and has no switch against it (vLLM 0.30). `dtype` is theirs;
    None is the one that vLLM prefers here, which is what it takes for models in float32 too.
    """
    import torch
    from vllm.platforms import current_platform  # pyright: ignore[reportMissingImports]

    if not current_platform.is_cpu():
        return False
    try:
        from vllm.model_executor.layers.utils import (  # pyright: ignore[reportMissingImports]
            dispatch_cpu_unquantized_gemm,
        )
    except ImportError:  # another release; what isn't known refuses nothing
        return False
    kind = getattr(torch, dtype) if dtype else current_platform.supported_dtypes[0]
    return not follows(dispatch_cpu_unquantized_gemm, kind)


def follows(prepare: Callable[..., object], dtype: Any) -> bool:
    """Whether a layer that vLLM's `prepare` has made ready for answering follows what is then written to its weight."""
    import torch

    layer: Any = torch.nn.Module()
    weight = torch.nn.Parameter(torch.zeros(64, 64, dtype=dtype), requires_grad=False)
    layer.weight = weight
    prepare(layer, remove_weight=True)
    if layer.weight is not weight:  # the loader that TRL's writing goes through is gone with it
        return False
    weight.data.fill_(1)
    answer = layer.cpu_linear(torch.ones(1, 64, dtype=dtype), layer.weight, None)
    return bool((answer == 64).all())


def refuse(
    recipe: Recipe,
    *,
    gpu: bool,
    installed: Callable[[], bool] = is_installed,
    packs_away: Callable[[], bool] = packs_weights_away,
) -> None:
    """Raises CockpitError for what can't work: no vLLM in this interpreter, server mode without a GPU, or weights that
    no step's training would reach."""
    if not wanted(recipe):
        return
    if not installed():
        raise CockpitError(
            "use_vllm needs vLLM in the interpreter that trains, and it is not there",
            "Make its environment (`cockpit env add vllm`) and the experiment anew, or leave use_vllm out.",
        )
    colocated = recipe.trainer.get("vllm_mode", "colocate") == "colocate"
    if not gpu and not colocated:
        raise CockpitError(
            "vllm_mode=server needs a GPU: the weights of each step travel by NCCL",
            "Take vllm_mode=colocate, or leave use_vllm out.",
        )
    if colocated and packs_away():
        raise CockpitError(
            "use_vllm can't train on this processor: vLLM packs a model's weights when it has loaded them, and what is "
            "trained never reaches them",
            "Leave use_vllm out (transformers generates), or train on a GPU.",
        )
