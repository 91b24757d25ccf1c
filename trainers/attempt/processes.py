"""The case of a single process: the methods that keep several processes of a run in step, here with nothing to do.

`trainers.distributed` has the same methods for several processes. `loop/frame.py` chooses between the two when the run
begins, so that no other code asks how many processes there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from cockpit.contract import AttemptLayout
from trainers.attempt import cache
from trainers.attempt.ending import Ending
from trainers.attempt.signals import StopFlag

Value = TypeVar("Value")


class OneProcess:
    """The only process of a run: it holds the whole model and, being rank 0, writes the attempt's files."""

    rank = 0
    world = 1

    @property
    def first(self) -> bool:
        """Return True in the process that writes the attempt's files."""
        return self.rank == 0

    def agree(self, *flags: bool) -> list[bool]:
        """Return each flag, true where it is true in any process. A barrier as well."""
        return list(flags)

    def from_first(self, value: Value) -> Value:
        """Return rank 0's `value` in every process."""
        return value

    def gather(self, value: Value) -> list[Value]:
        """Return what every process has, in the order of their ranks."""
        return [value]

    def leave(self) -> None:
        """Leave the process group when training is over; rank 0 goes on alone."""

    def environment_alone(self) -> dict[str, str]:
        """Return this process's environment without what makes it one of several."""
        return dict(os.environ)

    def blamed(self, ending: Ending, layout: AttemptLayout, since: float) -> Ending:
        """Return `ending` with the reason of the process that failed first, since `since` (epoch seconds)."""
        return ending

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
        """Return the artifact that `parts` describes, from the cache or built by every process.

        `in_turn`: the caller already lets rank 0 through first and the other processes after it.
        """
        return cache.cached(where, kind, parts, build=build, save=save, load=load)

    def prepare(self, trainer: Any, attempt: Any) -> None:
        """Make `trainer` save whole checkpoints of spread weights. Raises CockpitError for settings that would hang."""

    def holds_part(self, model: Any) -> bool:
        """Return True if this process holds only a part of the model's weights."""
        return False

    def loaded_by_first_alone(self) -> bool:
        """Return True if only rank 0 has the weights until training begins."""
        return False

    def lend(self, model: Any) -> Callable[[], Any]:
        """Return a function that gives rank 0 the model to generate with; other processes call `take_part`."""
        return lambda: model

    def stop_of(self, model: Any, stop: StopFlag) -> StopFlag:
        """Return the stop flag to watch while `model` generates."""
        return stop

    def take_part(self, model: Any, ask: Callable[[Any, StopFlag], object], stop: StopFlag) -> None:
        """Generate along with rank 0 where the weights are spread over the processes; with one process, do nothing."""
