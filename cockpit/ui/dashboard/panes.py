"""The panes of the flight deck: what each shows of the state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from cockpit.core.safe_text import clean
from cockpit.ui import actions
from cockpit.ui.dashboard import bars, header, tree
from cockpit.ui.dashboard.log import log_lines
from cockpit.ui.findings.view import finding_lines, no_findings
from cockpit.ui.pages import method
from cockpit.ui.text import status_style
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, fold, line
from cockpit.ui.text.styles import BAD, DIM, HEAD, WARN

if TYPE_CHECKING:
    from cockpit.ui.state import CockpitState
    from cockpit.ui.widgets.panel import Panel


def title(panel: Panel, width: int) -> Sequence[Line]:
    """Workspace, target, and how many runs there are."""
    return [bars.title_line(panel.state.picture, width, panel.glyphs)]


def problem(panel: Panel, width: int) -> Sequence[Line]:
    """What is wrong with the workspace and how to mend it; else what the demo tells."""
    return problem_lines(panel.state, width)


def problem_lines(state: CockpitState, width: int) -> list[Line]:
    picture = state.picture
    wrong = picture.problem if picture else None
    if wrong is None:
        story = clean(picture.story, newlines="show") if picture else ""
        return [line((part, HEAD)) for part in fold(story, width)] if story else []
    said = [line((part, BAD)) for part in fold(clean(wrong.title, newlines="show"), width)]
    mend = fold(clean(wrong.mend, newlines="show"), width)
    return said + [line((part, WARN)) for part in mend if part]


def experiments(panel: Panel, width: int) -> Sequence[Line]:
    """The experiments as a tree; the cursor is the selection."""
    state = panel.state
    picture = state.picture
    words = f" /{clean(state.words, newlines='show')}" if state.words else ""
    marked = f", {len(state.marked)} selected" if state.marked else ""
    panel.title = f"Experiments{words}{marked}"
    if picture is None or picture.root is None:
        return _face(status_style.NO_WORKSPACE, width)
    if not picture.experiments:
        return _face(status_style.EMPTY_DEMO if picture.story else status_style.EMPTY, width)
    panel.cursor = state.selected
    wrong = tree.listing_problem(state.words)
    rows = tree.tree_lines(picture.experiments, width=width, glyphs=panel.glyphs, marked=state.marked,
                           pinned=state.pinned, words=state.words)  # fmt: skip
    none = [line((f"none holds “{clean(state.words, newlines='show')}”; esc drops the filter", DIM))]
    return [*(line((part, WARN)) for part in fold(wrong, width) if part), *(rows or none)]


def run_header(panel: Panel, width: int) -> Sequence[Line]:
    """How the shown experiment stands, its newest numbers and their age."""
    view = panel.state.shown
    lines = header_lines(panel.state, panel.glyphs, width)
    return header.fitted(lines, panel.size.height, live=view is not None and status_style.is_live(view))


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
    return header.header_lines(view, run, latest, width=width, now=state.now, glyphs=glyphs, warnings=warnings,
                               pinned=state.pinned is not None, busy=state.busy.get(view.id, ""))  # fmt: skip


def findings(panel: Panel, width: int) -> Sequence[Line]:
    """Headline and next step of each finding; enter shows the evidence."""
    found = panel.state.shown_findings()
    panel.title = f"Findings {len(found)}" if found else "Findings"
    if not found:
        return no_findings(panel.state.shown is not None)
    return finding_lines(found, width=width, glyphs=panel.glyphs)


def found_lines(state: CockpitState, glyphs: Glyphs, width: int) -> list[Line]:
    """What the findings would fill, to see how much room they need."""
    return finding_lines(state.shown_findings(), width=width, glyphs=glyphs)


def decided(panel: Panel, width: int) -> Sequence[Line]:
    """The method log: what was decided for the workspace and for the shown experiment, newest last."""
    state = panel.state
    panel.title = f"Method log of {state.shown_id}" if state.shown_id else "Method log"
    return method.entry_lines(_decisions(state), width)


def newest(panel: Panel, width: int) -> Sequence[Line]:
    """The newest of those, in a line."""
    entries = _decisions(panel.state)
    return [line(("decided: ", DIM), (method.short(entries[-1]), DIM))] if entries else []


def _decisions(state: CockpitState) -> list[str]:
    return method.about(state.picture.method_log if state.picture else (), state.shown_id)


def log(panel: Panel, width: int) -> Sequence[Line]:
    """The tail of the shown run's log."""
    view = panel.state.shown
    panel.title = f"Log of {view.id}" if view else "Log"
    return log_lines(view, panel.state.shown_run)


def hardware(panel: Panel, width: int) -> Sequence[Line]:
    """CPU, memory, GPUs."""
    return [bars.hardware_line(panel.state.hardware, panel.glyphs)]


def keys(panel: Panel, width: int) -> Sequence[Line]:
    """The keys that matter now."""
    return [bars.keys_line(actions.footer(actions.DECK, offered_states(panel.state)), width)]


def run_keys(panel: Panel, width: int) -> Sequence[Line]:
    """The keys of the run screen."""
    return [bars.keys_line(actions.footer(actions.RUN, offered_states(panel.state)), width)]


BROKEN_OFF = frozenset({"stopped", "failed", "oom_killed", "killed", "lost"})
"""States from which a run can go on; one that finished has nothing left to do."""


def offered_states(state: CockpitState) -> frozenset[str]:
    """What the selected experiment is, in the words of `Action.needs`."""
    view = state.selected_view
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
    if view.score is not None and view.technique != "baseline":
        states.add("scored")
    return frozenset(states)


def _face(face: Sequence[tuple[str, Style]], width: int) -> list[Line]:
    lines: list[Line] = []
    for text, style in face:
        parts = fold(text, width) if len(text) > width else [text]
        lines += [line((part, style)) for part in parts]
    return lines


def charts(panel: Panel, width: int) -> Sequence[Line]:
    """Why there is no chart."""
    return [line(("no metrics yet", DIM))]


PANES: dict[str, Callable[[Panel, int], Sequence[Line]]] = {
    "title": title,
    "problem": problem,
    "tree": experiments,
    "header": run_header,
    "findings": findings,
    "decided": decided,
    "newest": newest,
    "charts": charts,
    "log": log,
    "hardware": hardware,
    "keys": keys,
    "run_keys": run_keys,
}
