"""Rollouts of RL by vLLM (`use_vllm` of GRPO and RLOO): what must stand before it is imported, and what can't work.

On a GPU TRL does it all. On a CPU, as measured: colocate works once nothing is compiled; server mode can't train, for
the weights travel by NCCL. Off unless a recipe asks: on a CPU it gains little.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

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


def refuse(recipe: Recipe, *, gpu: bool) -> None:
    """Raises CockpitError for what can't work: no vLLM in this interpreter, or server mode without a GPU."""
    if not wanted(recipe):
        return
    if importlib.util.find_spec("vllm") is None:
        raise CockpitError(
            "use_vllm needs vLLM in the interpreter that trains, and it is not there",
            "Make its environment (`cockpit env add vllm`) and the experiment anew, or leave use_vllm out.",
        )
    if not gpu and recipe.trainer.get("vllm_mode", "colocate") != "colocate":
        raise CockpitError(
            "vllm_mode=server needs a GPU: the weights of each step travel by NCCL",
            "Take vllm_mode=colocate, or leave use_vllm out.",
        )
