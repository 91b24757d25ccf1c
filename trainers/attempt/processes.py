"""What several processes of one run must do together, where there is only one of them: nothing.

`trainers.distributed` has the same for several. Which it is is decided once, when the run begins (`loop/frame.py`), so
that nothing on the way asks how many there are.
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
    """This process alone, which holds the whole model. `rank` 0 writes the attempt's files."""

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
        """Leave the group together, once training is over: rank 0 goes on alone."""

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

        `in_turn`: rank 0 is let through alone by whoever asks, and the other processes after it.
        """
        return cache.cached(where, kind, parts, build=build, save=save, load=load)

    def prepare(self, trainer: Any, attempt: Any) -> None:
        """Refuse what would hang, and have checkpoints saved whole. Raises CockpitError."""

    def holds_part(self, model: Any) -> bool:
        """Return True if this process holds only a part of the model's weights."""
        return False

    def loaded_by_first_alone(self) -> bool:
        """Return True if only rank 0 has the weights until training begins."""
        return False

    def lend(self, model: Any) -> Callable[[], Any]:
        """Return what gives rank 0 the model to ask; the others take part (see `take_part`)."""
        return lambda: model

    def stop_of(self, model: Any, stop: StopFlag) -> StopFlag:
        """Return the stop flag to look at while `model` is asked."""
        return stop

    def take_part(self, model: Any, ask: Callable[[Any, StopFlag], object], stop: StopFlag) -> None:
        """Ask `model` what rank 0 asks it, when rank 0 does, where no process holds it whole."""
