"""Which run holds which GPU of this box: a small file a run, true only while the run's own process lives.

The files lie in the user's state folder, so that all of a user's workspaces see each other. Choosing GPUs and
starting the run happen under one lock: two launches at the same moment never get the same GPU.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cockpit.contract import atomic, lock
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.core.runs.gpu_placement import Claim, Device, Need, place
from cockpit.services.runs.record import read_facts
from cockpit.services.system import processes
from cockpit.services.system.gpus import Gpus

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

GIB = 2**30
CPU_SLOTS = "COCKPIT_SLOTS"
"""Environment variable: how many queued runs may run at once on a box without GPUs (default 1)."""


class Busy(CockpitError):
    """There is no room now; later there may be."""


@dataclass
class Held:
    """Room that was found, while the lock is held."""

    gpus: tuple[int, ...]
    pin: bool
    """Whether the run is to see these GPUs alone (False on a box without GPUs, or where it uses none)."""
    share: bool
    _folder: Path
    written: list[Path] = field(default_factory=list[Path])

    def pinned(self, recipe: Recipe) -> Recipe:
        """The recipe with the GPUs that it got."""
        if not self.pin:
            return recipe
        devices = ",".join(map(str, self.gpus))
        resources = recipe.resources.model_copy(update={"cuda_visible_devices": devices})
        return recipe.model_copy(update={"resources": resources})

    def record(self, attempt: Path, run: str) -> None:
        """Say that `attempt`, just launched, holds them. A full disk costs the claim, not the run."""
        name = hashlib.sha256(str(attempt.resolve()).encode()).hexdigest()[:16]
        claim = {"attempt": str(attempt.resolve()), "run": run, "gpus": list(self.gpus), "share": self.share}
        try:
            atomic.write_json(self._folder / f"{name}.json", claim)
        except OSError:
            return


def folder() -> Path:
    """Where this user's claims on this host lie; a home that several hosts share keeps them apart."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return (
        Path(os.environ.get("COCKPIT_STATE") or Path(state) / "finetune-cockpit")
        / "runs"
        / processes.machine().host
    )


def living(place_: Path | None = None) -> list[Claim]:
    """Claims of runs that live; what dead ones left is removed."""
    claims: list[Claim] = []
    for path in sorted((place_ or folder()).glob("*.json")):
        fields = atomic.read_object(path) or {}
        attempt = fields.get("attempt")
        seen = processes.liveness(read_facts(AttemptLayout(Path(attempt)).process)) if attempt else None
        if seen is None or not (seen.trainer or seen.supervisor):
            path.unlink(missing_ok=True)
            continue
        gpus = tuple(int(index) for index in cast("list[int]", fields.get("gpus") or []))
        claims.append(Claim(str(fields.get("run") or attempt), gpus, bool(fields.get("share"))))
    return claims


def need_of(recipe: Recipe) -> Need:
    """What a recipe asks for, from its `resources`."""
    resources = recipe.resources
    visible = resources.cuda_visible_devices
    if visible is not None:
        parts = [part.strip() for part in visible.split(",") if part.strip()]
        if not parts or parts == ["-1"]:
            return Need(0)
        if all(part.isdigit() for part in parts):
            wanted = tuple(int(part) for part in parts)
            return Need(len(wanted), _bytes(resources.gpu_memory_gib), resources.share_gpu, wanted)
    return Need(resources.gpus or 1, _bytes(resources.gpu_memory_gib), resources.share_gpu)


def devices(gpus: Gpus | None = None) -> list[Device]:
    """The GPUs of this box, or those of them that the environment lets us see."""
    looker = gpus or Gpus(None)
    found = [Device(gpu.index, gpu.memory_used, gpu.memory_total) for gpu in looker.look(frozenset())]
    if gpus is None:
        looker.close()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    allowed = {int(part) for part in visible.split(",") if part.strip().isdigit()}
    return [device for device in found if device.index in allowed]


@contextmanager
def hold(need: Need, *, queued: bool = False, there: list[Device] | None = None) -> Generator[Held]:
    """Find room and keep it while the run is started. Raises Busy with who is in the way.

    A run that is started by hand is held back by another run of ours only; one from the queue also waits until
    other programs have left the GPU, and for a slot on a box without GPUs.
    """
    base = folder()
    with _alone(base):
        box = devices() if there is None else there
        claims = living(base)
        slots = int(os.environ.get(CPU_SLOTS) or 1) if queued else len(claims) + 1
        seen = box if queued or need.memory else [Device(d.index, None, d.total) for d in box]
        found = place(need, seen, claims, cpu_slots=slots)
        if found.why:
            raise Busy(
                found.why,
                "Wait for it, queue it (`cockpit launch EXP --queue`), or allow sharing (resources.share_gpu=true).",
            )
        yield Held(found.gpus, bool(box) and need.gpus > 0, need.share, base)


@contextmanager
def _alone(base: Path) -> Generator[None]:
    """One launch at a time on this box; where the folder can't be written, nobody is kept out."""
    try:
        base.mkdir(parents=True, exist_ok=True)
        held = lock.take(base / ".lock", wait_s=float("inf"))
    except OSError:
        yield
        return
    with held:
        yield


def _bytes(gib: float | None) -> int | None:
    return None if gib is None else int(gib * GIB)
