"""How a warm server is set up beside a trainer: its share of the memory, and how long a text it takes. Values only.

Source: "Keep vLLM warm across mid-evals"; the settings of a CPU are measured (see docs/clusters.md, "Serving").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cockpit.contract.techniques import GROUPED

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

GIB = 1 << 30
OVERHEAD_GPU = int(1.5 * GIB)  # CUDA context, activations, buffers of the adapters
OVERHEAD_CPU = int(2.5 * GIB)  # three Python processes with torch
KV_GPU = 2 * GIB
KV_CPU = 1 * GIB
MAX_MODEL_LEN = 4096
"""Tokens of prompt and answer together, unless the model takes fewer or somebody asks for another number."""
MAX_LORA_RANK = 64
MAX_LORAS = 2
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Limits that vLLM 0.30 takes for `--max-lora-rank`."""
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class Share:
    """What the server takes of one device's memory, in bytes; `total` is None for a machine's own memory."""

    weights: int
    kv: int
    overhead: int
    total: int | None

    @property
    def bytes(self) -> int:
        return self.weights + self.kv + self.overhead

    @property
    def fraction(self) -> float | None:
        """Of the device's memory, as vLLM wants it; at least enough to be told from zero."""
        return None if not self.total else max(0.01, round(self.bytes / self.total, 3))

    @property
    def description(self) -> str:
        """In words."""
        of = f" of {self.total / GIB:.0f} GiB" if self.total else ""
        return (
            f"{self.bytes / GIB:.1f} GiB{of}: weights {self.weights / GIB:.1f}, KV cache {self.kv / GIB:.1f}, "
            f"the rest {self.overhead / GIB:.1f}"
        )


def share(weights: int, *, gpu_total: int | None, kv: int | None = None) -> Share:
    """What a server of a model with `weights` bytes takes: on a GPU of `gpu_total` bytes, or (None) on the CPU."""
    if gpu_total is None:
        return Share(weights, kv or KV_CPU, OVERHEAD_CPU, None)
    return Share(weights, kv or KV_GPU, OVERHEAD_GPU, gpu_total)


def refusal(wanted: Share, free: int | None, trainer: int | None) -> str | None:
    """Why the server may not start, or None: what is free must hold it and the trainer that is about to load.

    `free`: bytes free where it would run; `trainer`: bytes that a run there still needs (None: no run, or elsewhere).
    What isn't known refuses nothing.
    """
    if free is None:
        return None
    need = wanted.bytes + (trainer or 0)
    if need <= free:
        return None
    beside = f" beside a run that needs {trainer / GIB:.1f} GiB" if trainer else ""
    return (
        f"the server would take {wanted.bytes / GIB:.1f} GiB{beside}, and {free / GIB:.1f} GiB are free: "
        "a smaller KV cache (kv_cache_gib in [serve] of cockpit.toml), another GPU (gpu), or mini-evals by transformers"
    )


def length(limit: int | None, wanted: int | None = None) -> int:
    """Tokens of prompt and answer together: what is asked for, within what the model takes (`limit`)."""
    return min(wanted or MAX_MODEL_LEN, limit or wanted or MAX_MODEL_LEN)


def lora_rank(wanted: int) -> int:
    """The smallest limit that vLLM knows and that takes adapters of rank `wanted`."""
    return next((rank for rank in RANKS if rank >= wanted), RANKS[-1])


def arguments(settings: Mapping[str, object]) -> list[str]:
    """`vllm serve`'s arguments; never the key, which goes by the environment.

    `settings`: model, host, port, dtype, max_model_len, max_lora_rank, max_loras, gpu_memory_utilization (None: CPU).
    """
    argv = ["serve", str(settings["model"]), "--served-model-name", "base"]
    argv += ["--host", str(settings["host"]), "--port", str(settings["port"])]
    argv += ["--dtype", str(settings["dtype"]), "--max-model-len", str(settings["max_model_len"])]
    argv += ["--enable-lora", "--max-lora-rank", str(settings["max_lora_rank"])]
    argv += ["--max-loras", str(settings["max_loras"])]
    # The model's own sampling defaults would come on top of what a recipe says.
    argv += ["--generation-config", "vllm"]
    if settings.get("revision"):
        argv += ["--revision", str(settings["revision"])]
    if settings.get("trust_remote_code"):
        argv += ["--trust-remote-code"]
    if settings.get("gpu_memory_utilization") is not None:
        argv += ["--gpu-memory-utilization", str(settings["gpu_memory_utilization"])]
    return argv


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """What the server's environment must say, but for the key: adapters at run time, no telemetry, a CPU's settings."""
    env = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if settings.get("gpu_memory_utilization") is None:
        # The first compilation takes minutes on a CPU, and interpreted is as fast for small models (measured).
        env |= {
            "TORCH_COMPILE_DISABLE": "1",
            "VLLM_CPU_KVCACHE_SPACE": str(settings.get("kv_gib") or 1),
            "VLLM_CPU_OMP_THREADS_BIND": str(settings.get("cores") or "auto"),
        }
    elif settings.get("gpu") is not None:
        env["CUDA_VISIBLE_DEVICES"] = str(settings["gpu"])
    return env


def is_idle(now: float, used: float, idle_s: float, leases: int) -> bool:
    """Whether nobody asked for `idle_s` seconds and no run is there that will ask again; 0 is never."""
    return idle_s > 0 and leases == 0 and now - used >= idle_s


def biased(recipe: Recipe) -> list[str]:
    """Say where vLLM samples from a part of the distribution, and the trainer reckons with all of it.

    TRL #6789 and #7269: the ratio of the two is below 1 in the mean (0.896 was measured), for every token.
    """
    trainer = recipe.trainer
    whole: dict[str, tuple[object, ...]] = {"top_p": (1, None), "top_k": (0, -1, None), "min_p": (0, None)}
    cut = [f"{name}={trainer[name]}" for name, values in whole.items() if trainer.get(name) not in values]
    corrected = trainer.get("vllm_importance_sampling_correction", True)
    if recipe.technique not in GROUPED or not (trainer.get("use_vllm") and cut and corrected):
        return []
    return [
        f"{', '.join(cut)} with use_vllm: the importance correction is biased, as the server leaves out tokens that "
        "the trainer counts. Sample with top_p=1 and top_k=0, or set vllm_importance_sampling_correction=false."
    ]
