"""The keys that matter now, in one line at the foot of a screen, and what an experiment allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from cockpit.ui.text import status_style
from cockpit.ui.text.lines import Line, join, line
from cockpit.ui.text.styles import DIM, KEY

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.actions import Action

BROKEN_OFF = frozenset({"stopped", "failed", "oom_killed", "killed", "lost"})
"""States from which a run can go on; one that finished has nothing left to do."""


def offered_states(view: ExperimentView | None) -> frozenset[str]:
    """What an experiment is, in the words of `Action.needs`."""
    if view is None:
        return frozenset()
    states = {"any"}
    if view.status in ("draft", "smoked"):
        states.add("draft")
    elif status_style.is_live(view):
        states.add("live")
    else:
        states.add("ended")
        if view.attempt is not None and view.attempt.state in BROKEN_OFF:
            states.add("broken_off")
    if view.unscored:
        states.add("unscored")
    if view.score is not None and view.technique != "baseline":
        states.add("scored")
    return frozenset(states)


def keys_line(actions: Sequence[Action], width: int) -> Line:
    """The keys that matter now, as many as fit; `?` and `q` always do."""
    always = [a for a in actions if a.id in ("help", "quit")]
    room = width - sum(_cost(a) for a in always)
    chosen: list[Action] = []
    for action in actions:
        if action in always:
            continue
        room -= _cost(action)
        if room < 0:
            break
        chosen.append(action)
    ordered = [a for a in actions if a in chosen or a in always]
    return line(*join([[(a.shown, KEY + _press(a)), (f" {a.label}", DIM + _press(a))] for a in ordered]))


def _press(action: Action) -> Style:
    """A click on a key is that key."""
    return Style(meta={"@click": f"app.do({action.id!r})"})


def _cost(action: Action) -> int:
    return len(action.shown) + len(action.label) + 3
