"""What panels of more than one screen show: how the shown experiment stands, the keys that matter now."""

from __future__ import annotations

from cockpit.ui import actions
from cockpit.ui.state import CockpitState, Topic
from cockpit.ui.text import run_header, status_style
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.keys_line import keys_line, offered_states
from cockpit.ui.text.lines import Line
from cockpit.ui.widgets.panel import Build, Shown

HEADER_TOPICS: tuple[Topic, ...] = ("tree", "selection", "live", "clock", "findings")


def header(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """How the shown experiment stands, its newest numbers and their age, in as many lines as fit."""
    view = state.shown
    live = view is not None and status_style.is_live(view)
    return Shown(run_header.fitted(header_lines(state, glyphs, width), height, live=live))


def header_lines(state: CockpitState, glyphs: Glyphs, width: int) -> list[Line]:
    """The whole header of the shown experiment in `width` cells."""
    view, run = state.shown, state.shown_run
    if view is None:
        return []
    latest = run.latest() if run else {}
    about = [
        found for found in state.shown_findings() if not found.experiments or view.id in found.experiments
    ]
    warnings = sum(finding.severity != "info" for finding in about)
    return run_header.header_lines(
        view, run, latest, width=width, now=state.now, glyphs=glyphs, warnings=warnings,
        pinned=state.pinned is not None, busy=state.busy.get(view.id, ""),
    )  # fmt: skip


def keys(scope: str) -> Build:
    """The keys that matter now on one kind of screen."""

    def build(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
        offered = actions.footer(scope, offered_states(state.selected_view))
        if state.snapshot is not None and state.snapshot.root is None:
            seen = state.snapshot.here is not None and bool(state.snapshot.here.runs)
            unseen = {"theme", "suspend"} if seen else {"theme", "suspend", "open"}
            offered = [actions.BY_ID[name] for name in actions.WITHOUT if name not in unseen]
        return Shown([keys_line(offered, width)])

    return build
