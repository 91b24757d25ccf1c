"""Several processes of one run, which accelerate started: who writes, how they agree, whose fault it was.

With one process every function answers at once. Rank 0 writes the attempt's files; whatever decides how training
goes on (a stop, an early stop) must be the same in all of them at the same step, else they wait for each other forever.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from cockpit.contract import AttemptLayout

RANK = int(os.environ.get("RANK", "0"))
WORLD = int(os.environ.get("WORLD_SIZE", "1"))
Value = TypeVar("Value")

# What torch's launcher tells a process about its companions.
_OF_THE_GROUP = (
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
)


def agree(*flags: bool) -> list[bool]:
    """Each flag, true where it is true in any process. Waits for all of them, so that it is a barrier as well."""
    if WORLD == 1:
        return list(flags)
    import torch
    import torch.distributed as dist

    on = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if dist.get_backend() == "nccl" else "cpu"
    told = torch.tensor([int(flag) for flag in flags], device=on)
    dist.all_reduce(told, op=dist.ReduceOp.MAX)
    return [bool(flag) for flag in told.tolist()]


def from_first(value: Value) -> Value:
    """Rank 0's `value`, in every process; waits for it."""
    if WORLD == 1:
        return value
    import torch.distributed as dist

    told = [value]
    dist.broadcast_object_list(told, src=0)
    return value if RANK == 0 else told[0]


def gather(value: Value) -> list[Value]:
    """What every process has, in the order of their ranks; waits for all of them."""
    if WORLD == 1:
        return [value]
    import torch.distributed as dist

    told: list[Any] = [None] * WORLD
    dist.all_gather_object(told, value)
    return told


def part() -> None:
    """Leave the group together, once training is over: rank 0 goes on alone."""
    if WORLD == 1:
        return
    import torch.distributed as dist

    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def environment_alone() -> dict[str, str]:
    """This process's environment without what makes it one of several."""
    gone = ("TORCHELASTIC_", "ACCELERATE_", "FSDP_")
    return {k: v for k, v in os.environ.items() if k not in _OF_THE_GROUP and not k.startswith(gone)}


def confess(layout: AttemptLayout, reason: str) -> None:
    """In another process than rank 0: leave word why this one failed, for rank 0 will only see it vanish."""
    try:
        layout.log.parent.mkdir(exist_ok=True)
        (layout.log.parent / f"rank_{RANK}.failed").write_text(reason)
    except OSError as error:
        print(f"[cockpit] rank {RANK} failed, and could not say so: {error}", flush=True)


def whose_fault(layout: AttemptLayout, *, since: float) -> str | None:
    """In rank 0, which has failed: what another process said since `since` (epoch seconds), None for nothing."""
    if WORLD == 1:
        return None
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        for rank in range(1, WORLD):
            path = layout.log.parent / f"rank_{rank}.failed"
            try:
                if path.stat().st_mtime >= since:
                    return f"In process {rank} of {WORLD}: {path.read_text()}"
            except OSError:
                continue
        time.sleep(0.1)
    return None
