"""Ask a foreign run for something, where a callback of ours in it answers."""

from __future__ import annotations

from cockpit.contract import control
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.services.foreign.remote import MARK

_SAID = {
    "stop": "asked to stop; it writes a checkpoint first",
    "checkpoint": "asked for a checkpoint at the end of its step",
    "evaluate": "asked to evaluate at the end of its step",
}


def answers(attempt: AttemptLayout) -> bool:
    """Whether requests reach it: the attempt folder is the run's own, not a copy of what it logged."""
    if not attempt.root.is_symlink():
        return False
    return not any((parent / MARK).exists() for parent in attempt.root.resolve().parents)


def ask(attempt: AttemptLayout, name: control.RequestName, *, live: bool) -> str:
    """Leave a request; gives what was done. Raises CockpitError: it has ended, or can't be asked."""
    if not live:
        raise CockpitError(
            "the run has ended, so nothing can be asked of it", "Start it again where it was started."
        )
    try:
        control.request(attempt, name)
    except OSError as error:
        raise CockpitError(
            f"the request can't be left in {attempt.control}: {error.strerror}", "Check its rights."
        ) from error
    return _SAID[name]
