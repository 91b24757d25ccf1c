"""Find the experiment that an action is about, or say why the action can't be done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui.text import status_style
from cockpit.ui.text.keys_line import offered_states

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app_protocol import Cockpit


def selected(cockpit: Cockpit) -> ExperimentView | None:
    """The selected experiment; where there is none, it is said how to make one."""
    view = cockpit.state.selected_view
    if view is None and cockpit.state.snapshot is not None:
        cockpit.say("There is no experiment yet.", "n makes one.", bad=True)
    return view


_MAY: dict[str, str] = {
    "draft": "l launches it",
    "live": "s stops it with a checkpoint",
    "broken_off": "r resumes it",
    "unscored": "e scores it",
    "any": "n makes a new experiment",
}
"""What may be done to an experiment that is so (see `offered_states`), what comes first being the next step."""


def refuse(cockpit: Cockpit, view: ExperimentView, why: str) -> None:
    """Say in what state the experiment is, why that doesn't allow the action, and what it allows."""
    _, word, _ = status_style.sign_word_style(view, cockpit.glyphs)
    states = offered_states(view)
    allowed = [told for state, told in _MAY.items() if state in states]
    cockpit.say(f"{view.id} is {word}: {why}.", f"{', '.join(allowed[:2])}.", bad=True)
