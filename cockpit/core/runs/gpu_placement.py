"""Which GPUs a run gets: enough free memory, nobody else's run on them unless both allow it. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RESERVED = 0.05
"""Share of a GPU that a driver and a display may hold without anybody running on it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a run asks for. `memory` in bytes on each GPU, None where unknown; `wanted` pins it to these GPUs."""

    gpus: int = 1
    memory: int | None = None
    share: bool = False
    """Whether it may run beside another run on one GPU."""
    wanted: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that lives on this box: who it is, the GPUs that it holds, and whether it shares them."""

    run: str
    gpus: tuple[int, ...]
    share: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU as it is now; bytes."""

    index: int
    used: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """GPUs that were found, or in `why` the sentence of why not yet."""

    gpus: tuple[int, ...] = ()
    why: str = ""


def place(need: Need, devices: Sequence[Device], claims: Sequence[Claim], *, cpu_slots: int = 1) -> Place:
    """Find room. On a box without GPUs a run takes one of `cpu_slots`."""
    if not devices:
        if len(claims) < cpu_slots:
            return Place()
        busy = ", ".join(claim.run for claim in claims)
        return Place(why=f"waits for a slot: {busy} {'runs' if len(claims) == 1 else 'run'}")
    if need.gpus == 0:
        return Place()
    there = {device.index for device in devices}
    missing = sorted(set(need.wanted or ()) - there)
    if missing:
        return Place(why=f"asks for GPU {_list(missing)}, and this box has {_list(sorted(there))}")
    reasons = {device.index: _why_not(need, device, claims) for device in devices}
    if need.wanted is not None:
        bad = [reasons[index] for index in need.wanted if reasons[index]]
        return Place(why=bad[0]) if bad else Place(need.wanted)
    if need.gpus > len(devices):
        return Place(why=f"needs {need.gpus} GPUs, and this box has {len(devices)}")
    free = sorted((d for d in devices if not reasons[d.index]), key=_emptiest)
    if len(free) >= need.gpus:
        return Place(tuple(sorted(device.index for device in free[: need.gpus])))
    first = next(reason for reason in reasons.values() if reason)
    return Place(why=f"needs {need.gpus} GPU{'s' * (need.gpus > 1)}, {len(free)} free: {first}")


def never(need: Need, devices: Sequence[Device]) -> str:
    """Why waiting would not help: this box can't ever hold it. Empty where it can."""
    if not devices or need.gpus == 0:
        return ""
    if need.gpus > len(devices):
        return f"it needs {need.gpus} GPUs, and this box has {len(devices)}"
    missing = sorted(set(need.wanted or ()) - {device.index for device in devices})
    if missing:
        return f"it asks for GPU {_list(missing)}, which this box doesn't have"
    totals = sorted((device.total for device in devices if device.total is not None), reverse=True)
    if need.memory is not None and len(totals) >= need.gpus and totals[need.gpus - 1] < need.memory:
        return f"it needs {_gib(need.memory)} on each GPU, and the largest has {_gib(totals[0])}"
    return ""


def _why_not(need: Need, device: Device, claims: Sequence[Claim]) -> str:
    for claim in claims:
        if device.index in claim.gpus and not (need.share and claim.share):
            return f"GPU {device.index} is taken by {claim.run}"
    if device.used is None or device.total is None:
        return ""
    left = device.total - device.used
    if need.memory is not None and left < need.memory:
        return f"GPU {device.index} has {_gib(left)} free of the {_gib(need.memory)} that it needs"
    if not need.share and need.memory is None and device.used > RESERVED * device.total:
        return f"GPU {device.index} is in use by another program ({_gib(device.used)} taken)"
    return ""


def _emptiest(device: Device) -> tuple[int, int]:
    return (device.used or 0, device.index)


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers)) or "none"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
