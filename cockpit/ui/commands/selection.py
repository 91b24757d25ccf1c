"""Find the experiment that an action is about, or say why the action can't be done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui.text import status_style

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app_protocol import Cockpit


def selected(cockpit: Cockpit) -> ExperimentView | None:
    """The selected experiment; where there is none, it is said how to make one."""
    view = cockpit.state.selected_view
    if view is None and cockpit.state.snapshot is not None:
        cockpit.say("There is no experiment yet.", "n makes one.", bad=True)
    return view


def refuse(cockpit: Cockpit, view: ExperimentView, why: str, fix: str) -> None:
    """Say in what state the experiment is, why that doesn't allow the action, and what does."""
    _, word, _ = status_style.sign_word_style(view, cockpit.glyphs)
    cockpit.say(f"{view.id} is {word}: {why}.", fix, bad=True)
