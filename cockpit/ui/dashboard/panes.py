"""The panes of the dashboard: what each shows of the state. Every one gives its lines, title and cursor as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from cockpit.core.safe_text import clean
from cockpit.ui import actions
from cockpit.ui.dashboard import bars, here, tree
from cockpit.ui.findings.view import finding_lines, no_findings
from cockpit.ui.pages import method, panels
from cockpit.ui.text import status_style
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, fold, line
from cockpit.ui.text.log_lines import log_lines
from cockpit.ui.text.styles import BAD, DIM, HEAD, WARN
from cockpit.ui.widgets.panel import Build, Shown

if TYPE_CHECKING:
    from cockpit.ui.state import CockpitState


def title(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """Workspace, target, and how many runs there are."""
    return Shown([bars.title_line(state.snapshot, width, glyphs)])


def problem(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """What is wrong with the workspace and how to fix it; else what the demo tells."""
    return Shown(problem_lines(state, width))


def problem_lines(state: CockpitState, width: int) -> list[Line]:
    """The problem with its fix, or the demo's story, folded to `width`."""
    snapshot = state.snapshot
    wrong = snapshot.problem if snapshot else None
    if wrong is None:
        story = clean(snapshot.story, newlines="show") if snapshot else ""
        return [line((part, HEAD)) for part in fold(story, width)] if story else []
    message = [line((part, BAD)) for part in fold(clean(wrong.title, newlines="show"), width)]
    fix = fold(clean(wrong.fix, newlines="show"), width)
    return message + [line((part, WARN)) for part in fix if part]


def experiments(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """The experiments as a tree; the cursor is the selection."""
    snapshot = state.snapshot
    words = f" /{clean(state.words, newlines='show')}" if state.words else ""
    marked = f", {len(state.marked)} selected" if state.marked else ""
    heading = f"Experiments{words}{marked}"
    if snapshot is None or snapshot.root is None:
        found = snapshot.here if snapshot else None
        seen = here.lines(found, state.now, width, height, glyphs)
        offers = _folded(status_style.no_workspace(None if found is None else bool(seen)), width)
        return Shown([*seen, *offers], "No workspace here", state.selected)
    if not snapshot.experiments:
        empty = status_style.EMPTY_DEMO if snapshot.story else status_style.EMPTY
        return Shown(_folded(empty, width), heading)
    wrong = tree.listing_problem(state.words)
    rows = tree.tree_lines(snapshot.experiments, width=width, glyphs=glyphs, marked=state.marked,
                           pinned=state.pinned, words=state.words)  # fmt: skip
    none = [line((f"none holds “{clean(state.words, newlines='show')}”; esc drops the filter", DIM))]
    lines = [*(line((part, WARN)) for part in fold(wrong, width) if part), *(rows or none)]
    return Shown(lines, heading, state.selected)


def findings(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """Headline and next step of each finding; enter shows the evidence."""
    found = state.shown_findings()
    if not found:
        return Shown(no_findings(state.shown is not None), "Findings")
    return Shown(found_lines(state, glyphs, width), f"Findings {len(found)}")


def found_lines(state: CockpitState, glyphs: Glyphs, width: int) -> list[Line]:
    """What the findings fill, also to see how much room they need."""
    return finding_lines(state.shown_findings(), width=width, glyphs=glyphs)


def decided(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """The method log: what was decided for the workspace and for the shown experiment, newest last."""
    heading = f"Method log of {state.shown_id}" if state.shown_id else "Method log"
    return Shown(method.entry_lines(_decisions(state), width), heading)


def newest(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """The newest of those, in a line."""
    entries = _decisions(state)
    return Shown([line(("decided: ", DIM), (method.short(entries[-1]), DIM))] if entries else [])


def _decisions(state: CockpitState) -> list[str]:
    return method.about(state.snapshot.method_log if state.snapshot else (), state.shown_id)


def log(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """The tail of the shown run's log."""
    view = state.shown
    return Shown(log_lines(view, state.shown_run), f"Log of {view.id}" if view else "Log")


def hardware(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
    """CPU, memory, GPUs."""
    return Shown([bars.hardware_line(state.hardware, glyphs)])


def _folded(texts: Sequence[tuple[str, Style]], width: int) -> list[Line]:
    lines: list[Line] = []
    for text, style in texts:
        parts = fold(text, width) if len(text) > width else [text]
        lines += [line((part, style)) for part in parts]
    return lines


PANES: Mapping[str, Build] = {
    "title": title,
    "problem": problem,
    "tree": experiments,
    "header": panels.header,
    "findings": findings,
    "decided": decided,
    "newest": newest,
    "log": log,
    "hardware": hardware,
    "keys": panels.keys(actions.DASHBOARD),
}
