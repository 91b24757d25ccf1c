"""What the trainer logs -> metrics.jsonl, with memory, throughput and step time beside it; and one short log line."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections import Counter
from typing import Any

import psutil
from transformers import TrainerCallback

from cockpit.contract.setting_names import METRICS
from trainers.attempt.attempt import Attempt

# Totals that transformers logs once, after the last step: train_summary.json has them, a step's row does not.
_TOTALS = ("train_runtime", "train_loss", "total_flos", "train_samples_per_second", "train_steps_per_second")
_SHOWN = ("loss", "reward", "kl", "lr", "step_time")


class Telemetry(TrainerCallback):
    """Writes a row for every `on_log`; a row's step_time and tokens_per_s are means since the row before."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self._process = psutil.Process()
        self._busy = (
            0.0  # seconds inside steps since the last row: checkpoints and mid-evals are not training
        )
        self._steps = 0
        self._began: float | None = None
        self._tokens: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero and state.max_steps > 0:
            self.attempt.out.event("plan", steps=state.max_steps)
        if state.is_world_process_zero and kwargs.get("model") is not None:
            self._see_placement(kwargs["model"])

    def _see_placement(self, model: Any) -> None:
        """Layers beside the accelerator make a run crawl that looks healthy: say so before the first step."""
        import torch

        kinds = Counter(parameter.device.type for parameter in model.parameters())
        astray = {kind: n for kind, n in kinds.items() if kind in ("cpu", "meta")}
        if astray and (torch.cuda.is_available() or "meta" in astray):
            where = ", ".join(f"{n} on {kind}" for kind, n in astray.items())
            self.attempt.out.finding(
                "stalled-run",
                "alarm",
                f"Of {sum(kinds.values())} parameters {where}: the run will crawl",
                [f"parameters by device: {dict(kinds)}"],
                "Stop, and load the whole model on the device that trains it (no device_map, no offloading).",
            )

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._began is not None:
            self._busy += time.perf_counter() - self._began
            self._steps += 1
            self._began = None

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero or logs is None:
            return
        values = {
            METRICS.get(k, k): v for k, v in logs.items() if k not in _TOTALS and not k.startswith("eval")
        }
        if "loss" not in values:
            self.attempt.facts.update({k: v for k, v in logs.items() if k in _TOTALS})
            return
        values |= (
            self.attempt.extra_metrics
            | self._resources()
            | {k: v for k, v in self._pace(values).items() if k not in values}
        )
        self.attempt.facts.update(steps=state.global_step, tokens=values.get("num_tokens"))
        self.attempt.out.metrics(state.global_step, values)
        shown = "  ".join(f"{k} {values[k]:.4g}" for k in _SHOWN if isinstance(values.get(k), int | float))
        print(f"step {state.global_step}/{state.max_steps}  {shown}", flush=True)

    def _resources(self) -> dict[str, float]:
        import torch

        rss = self._process.memory_info().rss
        # The kernel's own high-water mark: the peak lies in the middle of a step, where nobody looks.
        high = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self.attempt.facts["peak_rss_mb"] = round(high / 2**20, 1)
        out = {"rss_mb": round(rss / 2**20, 1)}
        if torch.cuda.is_available():
            out["gpu_mb"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
            with contextlib.suppress(Exception):  # no NVML, no figure: never the run's trouble
                out["gpu_util"] = float(torch.cuda.utilization())
        return out

    def _pace(self, values: dict[str, Any]) -> dict[str, float]:
        steps, busy, tokens = self._steps, self._busy, values.get("num_tokens")
        before, self._tokens = self._tokens, tokens
        self._steps, self._busy = 0, 0.0
        if not steps or busy <= 0:
            return {}
        pace = {"step_time": round(busy / steps, 6)}
        if isinstance(tokens, int | float) and isinstance(before, int | float) and tokens >= before:
            pace["tokens_per_s"] = round((tokens - before) / busy, 1)
        return pace
