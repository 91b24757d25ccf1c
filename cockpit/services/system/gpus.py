"""GPUs through NVIDIA's management library, imported at the first look and only where there is a driver."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.services.system.processes import LINUX

NVML_RETRY_S = 60.0  # a driver that isn't there is not asked again sooner


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; bytes, percent, degrees Celsius, watts; None where the driver doesn't say."""

    index: int
    name: str
    busy: float | None
    memory_used: int | None
    memory_total: int | None
    celsius: float | None
    watts: float | None
    trainer_memory: int | None = None
    """What the processes asked about hold on it."""


class Gpus:
    """NVML, asked for at the first look; a machine without it costs one failed try a minute."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._handles: list[Any] = []
        self._ready = False
        self._retry_at = 0.0

    def look(self, pids: frozenset[int]) -> tuple[Gpu, ...]:
        """Every GPU; empty where there is none."""
        if not self._ready and not self._open():
            return ()
        return tuple(self._one(index, handle, pids) for index, handle in enumerate(self._handles))

    def close(self) -> None:
        """Let go of the driver."""
        if self._ready:
            self._ready = False
            self._ask(self._nvml.nvmlShutdown)

    def _open(self) -> bool:
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + NVML_RETRY_S
        try:
            if self._nvml is None:
                if not driver_here():
                    return False
                from importlib import import_module

                self._nvml = import_module("pynvml")  # untyped, and a second's work where it is slow
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
            self._handles = [self._nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        except Exception:  # noqa: BLE001 - NVML's errors share no base with a missing library's
            return False
        self._ready = True
        return True

    def _one(self, index: int, handle: Any, pids: frozenset[int]) -> Gpu:
        nvml = self._nvml
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        busy = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        celsius = self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        name = self._ask(nvml.nvmlDeviceGetName, handle)
        return Gpu(
            index=index,
            name=name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "GPU"),
            busy=float(busy.gpu) if busy is not None else None,
            memory_used=int(memory.used) if memory is not None else None,
            memory_total=int(memory.total) if memory is not None else None,
            celsius=float(celsius) if celsius is not None else None,
            watts=power / 1000 if power is not None else None,
            trainer_memory=self._held(handle, pids) if pids else None,
        )

    def _held(self, handle: Any, pids: frozenset[int]) -> int | None:
        running = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        if running is None:
            return None
        return sum(int(process.usedGpuMemory or 0) for process in running if process.pid in pids)

    @staticmethod
    def _ask(function: Callable[..., Any], *arguments: Any) -> Any | None:
        try:
            return function(*arguments)
        except Exception:  # noqa: BLE001 - each card leaves out something else (NotSupported)
            return None


def driver_here() -> bool:
    """Whether loading NVML is worth a try: most machines without a GPU need not pay for the import."""
    return not LINUX or any(
        Path(path).exists() for path in ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")
    )
