"""Several processes of one run, which accelerate started: who writes, how they agree, whose fault it was.

Rank 0 writes the attempt's files; whatever decides how training goes on (a stop, an early stop) must be the same in
all of them at the same step, else they wait for each other forever.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from cockpit.contract import AttemptLayout
from trainers.attempt import cache
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.attempt.processes import OneProcess
from trainers.attempt.signals import StopFlag
from trainers.distributed import sharded

Value = TypeVar("Value")
LONGEST_WAIT = timedelta(days=7)
"""For a word of another process: it may read a million rows first. One that ends breaks the wait at once."""

# What torch's launcher tells a process about its companions.
OF_THE_GROUP = (
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
)


class Together(OneProcess):
    """One process of `world`, which torch's launcher started."""

    def __init__(self, rank: int, world: int) -> None:
        self.rank, self.world = rank, world
        self._words: Any = None

    def agree(self, *flags: bool) -> list[bool]:
        if self.world == 1:
            return list(flags)
        import torch
        import torch.distributed as dist

        agreed = torch.tensor([int(flag) for flag in flags])
        dist.all_reduce(agreed, op=dist.ReduceOp.MAX, group=self._group())
        return [bool(flag) for flag in agreed.tolist()]

    def from_first(self, value: Value) -> Value:
        if self.world == 1:
            return value
        import torch.distributed as dist

        sent = [value]
        dist.broadcast_object_list(sent, src=0, group=self._group())
        return value if self.first else sent[0]

    def gather(self, value: Value) -> list[Value]:
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        gathered: list[Any] = [None] * self.world
        dist.all_gather_object(gathered, value, group=self._group())
        return gathered

    def _group(self) -> Any:
        """The group for words among the processes: while one reads a million rows or scores, the others wait in it.

        The trainer's own group is for gradients, and gives up after `ddp_timeout` (30 minutes).
        """
        import torch.distributed as dist

        if self._words is None:
            self._words = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
        return self._words

    def leave(self) -> None:
        if self.world == 1:
            return
        import torch.distributed as dist

        if dist.is_initialized():
            dist.barrier(group=self._words)
            dist.destroy_process_group()

    def environment_alone(self) -> dict[str, str]:
        gone = ("TORCHELASTIC_", "ACCELERATE_", "FSDP_")
        return {k: v for k, v in os.environ.items() if k not in OF_THE_GROUP and not k.startswith(gone)}

    def blamed(self, ending: Ending, layout: AttemptLayout, since: float) -> Ending:
        """Among several processes the first that fails takes the others with it: its reason is the one to give."""
        if ending.outcome not in ("failed", "out_of_memory"):
            return ending
        if not self.first:
            self._confess(layout, ending.reason)
            return ending
        other = self._whose_fault(layout, since)
        return replace(ending, reason=other, part=None) if other else ending

    def _confess(self, layout: AttemptLayout, reason: str) -> None:
        """Leave word why this process failed, for rank 0 will only see it vanish."""
        try:
            layout.log.parent.mkdir(exist_ok=True)
            (layout.log.parent / f"rank_{self.rank}.failed").write_text(reason)
        except OSError as error:
            print(f"[cockpit] rank {self.rank} failed, and could not say so: {error}", flush=True)

    def _whose_fault(self, layout: AttemptLayout, since: float) -> str | None:
        """In rank 0, which has failed: what another process said since `since`, None for nothing."""
        if self.world == 1:
            return None
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            for rank in range(1, self.world):
                path = layout.log.parent / f"rank_{rank}.failed"
                try:
                    if path.stat().st_mtime >= since:
                        return f"In process {rank} of {self.world}: {path.read_text()}"
                except OSError:
                    continue
            time.sleep(0.1)
        return None

    def cached(
        self,
        where: Path,
        kind: str,
        parts: Mapping[str, Any],
        *,
        build: Callable[[], Value],
        save: Callable[[Value, Path], None],
        load: Callable[[Path], Value],
        in_turn: bool = False,
    ) -> Value:
        """No process may wait on a file, for whoever builds has barriers of its own: rank 0 decides for all.

        Where they come in turn, rank 0 is through before the others look, and a word to them would wait for ever.
        """
        if self.world == 1:
            return super().cached(where, kind, parts, build=build, save=save, load=load)
        found = cache.peek(where, kind, parts) if self.first or in_turn else None
        if not in_turn:
            found = self.from_first(found)
        if found:
            if self.first:
                print(f"[cache] {kind}/{found.name[:12]} is in the cache", flush=True)
            return load(found)
        began = time.monotonic()
        made = build()
        if self.first:
            try:
                seconds = time.monotonic() - began
                cache.keep(where, kind, parts, lambda folder: save(made, folder), seconds=seconds)
            except OSError as error:
                print(f"[cache] not kept: {error}", flush=True)
        return made

    def prepare(self, trainer: Any, attempt: Attempt) -> None:
        sharded.prepare(trainer, attempt)

    def holds_part(self, model: Any) -> bool:
        return sharded.is_sharded(model)

    def loaded_by_first_alone(self) -> bool:
        return sharded.loaded_by_first_alone(self.world)

    def lend(self, model: Any) -> Callable[[], Any]:
        return sharded.calls(model, self) if sharded.is_sharded(model) else super().lend(model)

    def stop_of(self, model: Any, stop: StopFlag) -> StopFlag:
        return sharded.TogetherStop(stop, self) if sharded.is_sharded(model) else stop

    def take_part(self, model: Any, ask: Callable[[Any, StopFlag], object], stop: StopFlag) -> None:
        if not sharded.is_sharded(model):
            return
        if self.first:
            sharded.release(self)
        else:
            together = sharded.TogetherStop(stop, self)
            sharded.follow(lambda: ask(model, together), self)
