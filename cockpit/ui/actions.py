"""The one table of what can be done: bindings, footer, command palette and help all come from it.

An action is carried out by the method `do_<id>` of the screen in front if it has one, else of `Commands`.
`cli_equivalent` is the command that does the same from a shell; `""` marks what only makes sense on a screen.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding

DASHBOARD, RUN, LIST, SPOT, COMPARE = "dashboard", "run", "list", "spot", "compare"
"""Where an action holds: the dashboard, the run screen, the screens that only list something, the spot check, the
comparison (which is a list, too)."""
EVERYWHERE = frozenset({DASHBOARD, RUN, LIST, SPOT, COMPARE})
EXPERIMENT = frozenset({DASHBOARD, RUN})


class Action(NamedTuple):
    """One row of the table. `keys` are Textual's names, the first one is shown; `footer` 0 keeps it out of there."""

    id: str
    keys: str
    shown: str
    label: str
    help: str
    group: str
    scopes: frozenset[str] = EVERYWHERE
    cli_equivalent: str = ""
    footer: int = 0
    needs: str = ""
    """What the selected experiment must be for it to be offered in the footer: draft, live, broken_off, scored, any."""


MOVING = "Moving"
_MOVE, _RUN, _CHART, _SPOT, _VIEW = MOVING, "Experiment", "Charts", "Spot check", "Screens"

ACTIONS: tuple[Action, ...] = (
    Action("help", "question_mark,f1", "?", "help", "this list of keys", _VIEW, footer=1),
    Action("open", "enter", "enter", "open", "open the experiment, the finding, the item under the cursor", _MOVE,
           EXPERIMENT | {SPOT}, "show", 2, "any"),
    Action("back", "escape", "esc", "back", "close what is open; drop the filter", _MOVE, footer=3,
           scopes=frozenset({RUN, LIST, SPOT, COMPARE})),
    Action("clear", "escape", "esc", "back", "drop the filter, go back to the tree", _MOVE,
           scopes=frozenset({DASHBOARD})),
    Action("next_pane", "tab", "tab", "pane", "the next pane, the next tab of a run", _MOVE, EXPERIMENT | {SPOT},
           footer=4, needs="any"),
    Action("previous_pane", "shift+tab", "shift+tab", "pane", "the pane before", _MOVE, EXPERIMENT | {SPOT}),
    Action("down", "j,down", "j", "down", "down a line", _MOVE),
    Action("up", "k,up", "k", "up", "up a line", _MOVE),
    Action("first", "g,home", "g", "first", "to the first line", _MOVE),
    Action("last", "G,end", "G", "last", "to the last line; a log is followed again", _MOVE),
    Action("page_down", "pagedown,ctrl+d,ctrl+f", "ctrl+d", "page", "down a page", _MOVE),
    Action("page_up", "pageup,ctrl+u,ctrl+b", "ctrl+u", "page", "up a page", _MOVE),
    Action("left", "left", "left", "left", "sideways; to the list before; the reading line of a chart", _MOVE),
    Action("right", "right", "right", "right", "sideways; to the next list; the reading line of a chart", _MOVE),
    Action("filter", "slash", "/", "filter", "filter the list, search the log", _MOVE, footer=9, needs="any"),
    Action("next_match", "n", "n", "next", "the next match of the search", _MOVE, scopes=frozenset({RUN})),
    Action("previous_match", "N", "N", "previous", "the match before", _MOVE, scopes=frozenset({RUN})),
    Action("launch", "l", "l", "launch", "start the draft's run; it outlives the terminal", _RUN, EXPERIMENT,
           "launch", 5, "draft"),
    Action("stop", "s", "s", "stop", "end the run, with a checkpoint or at once (asks first)", _RUN, EXPERIMENT,
           "stop", 5, "live"),
    Action("resume", "r", "r", "resume", "go on from the last checkpoint", _RUN, EXPERIMENT, "resume", 6,
           "broken_off"),
    Action("new", "n", "n", "new", "a new experiment below the selected one", _RUN, frozenset({DASHBOARD}), "new", 7),
    Action("wizard", "W", "W", "wizard", "step by step to a proven recipe: data, technique, smoke run", _RUN,
           frozenset({DASHBOARD}), "wizard"),
    Action("decide", "c", "c", "commit", "commit or discard the result, with the reason", _RUN, EXPERIMENT,
           "commit", 6, "scored"),
    Action("score", "e", "e", "score", "the full held-out pass, now", _RUN, EXPERIMENT, "score", 5, "unscored"),
    Action("mark", "space", "space", "select", "lay the experiment's curves over those of the selected one", _RUN,
           frozenset({DASHBOARD})),
    Action("pin", "p", "p", "pin", "keep charts and log on this experiment while the cursor moves", _RUN,
           frozenset({DASHBOARD})),
    Action("log_scale", "y", "y", "log y", "logarithmic y axis on and off", _CHART, EXPERIMENT),
    Action("smooth", "w", "w", "smooth", "more or less smoothing; the raw line stays behind it", _CHART, EXPERIMENT),
    Action("zoom", "z", "z", "zoom", "one chart over the whole pane, and back", _CHART, EXPERIMENT),
    Action("range_in", "plus,equals_sign", "+", "newer", "fewer steps: the newer half", _CHART, EXPERIMENT),
    Action("range_out", "minus", "-", "all", "more steps, up to the whole run", _CHART, EXPERIMENT),
    Action("findings", "f", "f", "findings", "all findings with their evidence", _VIEW, EXPERIMENT, "findings"),
    Action("method_log", "m", "m", "method log", "the decisions of this workspace", _VIEW, EXPERIMENT, "methodlog", 8),
    Action("doctor", "d", "d", "doctor", "what this machine has and lacks", _VIEW, EXPERIMENT, "doctor"),
    Action("compare", "v", "v", "compare", "the marked experiments side by side: curves, settings, items won and lost",
           _VIEW, EXPERIMENT, "compare"),
    Action("spot_check", "x", "x", "spot check", "train and eval side by side, through the verifier", _VIEW,
           frozenset({DASHBOARD, RUN, LIST, COMPARE}), "spot-check"),
    Action("export", "w", "w", "write", "write the comparison as Markdown and CSV; it says where", _VIEW,
           frozenset({COMPARE}), "compare", 5),
    Action("others", "n", "n", "others", "other examples", _SPOT, frozenset({SPOT}), footer=5),
    Action("others_back", "N", "N", "before", "the examples before", _SPOT, frozenset({SPOT})),
    Action("pin_example", "p", "p", "pin", "keep the example in view while the others change", _SPOT,
           frozenset({SPOT}), footer=7),
    Action("fix", "m", "m", "mend", "realign the training data, or change the eval prompt (asks first)", _SPOT,
           frozenset({SPOT}), "realign", 6, "mismatched"),
    Action("refresh", "r", "r", "again", "read both sides anew", _SPOT, frozenset({SPOT}), footer=8),
    Action("palette", "ctrl+p,colon", "ctrl+p", "commands", "every action by name", _VIEW),
    Action("theme", "T", "T", "theme", "the colours: the terminal's own, or a theme (COCKPIT_THEME keeps it)", _VIEW),
    Action("suspend", "ctrl+z", "ctrl+z", "suspend", "back to the shell; fg brings the cockpit back", _VIEW),
    Action("quit", "q", "q", "leave", "leave the cockpit; runs go on", _VIEW, footer=10),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}


WITHOUT = ("help", "open", "wizard", "doctor", "palette", "theme", "suspend", "quit")
"""What can be done where there is no workspace, beside moving about."""

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "colon": ":",
    "pagedown": "pgdn",
    "pageup": "pgup",
}


def key_names(action: Action) -> str:
    """All keys of an action as people name them: `j down`, `+ =`."""
    return " ".join(_NAMES.get(key, key) for key in action.keys.split(","))


def listed() -> list[Action]:
    """The actions that a list of keys names: those that only mirror another one are left out."""
    return [action for action in ACTIONS if action.id not in ("clear", "previous_pane")]


def in_scope(scope: str) -> list[Action]:
    """The actions of one kind of screen, in the table's order."""
    return [action for action in ACTIONS if scope in action.scopes]


def bindings(scope: str) -> list[Binding]:
    """Textual bindings for one kind of screen; their ids are the actions' ids, so that keys can be remapped."""
    return [
        Binding(
            action.keys,
            f"app.do({action.id!r})",
            action.label,
            show=False,
            id=action.id,
            key_display=action.shown,
        )
        for action in in_scope(scope)
    ]


def footer(scope: str, states: frozenset[str]) -> list[Action]:
    """What the key line offers now: the most useful first; `states` are those of the selected experiment."""
    offered = [a for a in in_scope(scope) if a.footer and (not a.needs or a.needs in states)]
    return sorted(offered, key=lambda a: a.footer)
