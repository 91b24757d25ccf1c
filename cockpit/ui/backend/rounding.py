"""Readings of the machine, rounded to what is worth a redraw: a number that jitters must not keep a link busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui.backend.summary import GpuLine, Hardware

if TYPE_CHECKING:
    from cockpit.services.system.gpus import Gpu
    from cockpit.services.system.hardware import Snapshot

GIB = 1024**3
CPU_STEP, GPU_STEP, DEGREES_STEP = 10.0, 10.0, 5.0
"""Percent and degrees Celsius."""
MEMORY_STEP = 0.1
"""GiB."""


def steady(value: float | None, before: float | None, step: float) -> float | None:
    """`value` on a grid of `step`; stays at `before` until it is further than 0.8 steps away from there."""
    if value is None:
        return None
    if before is not None and abs(value - before) <= 0.8 * step:
        return before
    return round(round(value / step) * step, 6)


def rounded(snapshot: Snapshot, before: Hardware | None) -> Hardware:
    """Round a reading as the screen shows it, given what it shows now."""
    was = before or Hardware()
    free = snapshot.disk_free
    return Hardware(
        cpu=_whole(snapshot.cpu, was.cpu, CPU_STEP),
        memory_used=_gib(snapshot.memory_used, was.memory_used),
        memory_total=None if snapshot.memory_total is None else round(snapshot.memory_total / GIB, 1),
        trainer=_gib(snapshot.trainer_memory, was.trainer),
        gpus=tuple(
            _gpu(gpu, was.gpus[index] if index < len(was.gpus) else GpuLine(""))
            for index, gpu in enumerate(snapshot.gpus)
        ),
        disk_free=None if free is None or free > 20 * GIB else _gib(free, was.disk_free),
    )


def _gpu(gpu: Gpu, was: GpuLine) -> GpuLine:
    total = gpu.memory_total
    return GpuLine(
        name=gpu.name,
        busy=_whole(gpu.busy, was.busy, GPU_STEP),
        memory_used=steady(None if gpu.memory_used is None else gpu.memory_used / GIB, was.memory_used, 1.0),
        memory_total=None if total is None else round(total / GIB, 1),
        celsius=_whole(gpu.celsius, was.celsius, DEGREES_STEP),
        watts=_whole(gpu.watts, was.watts, 50.0),
    )


def _whole(value: float | None, before: int | None, step: float) -> int | None:
    kept = steady(value, before, step)
    return None if kept is None else int(kept)


def _gib(value: int | None, before: float | None) -> float | None:
    return steady(None if value is None else value / GIB, before, MEMORY_STEP)
