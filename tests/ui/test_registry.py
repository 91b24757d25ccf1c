"""One table feeds keys, footer, palette, help and README; every action has a command or is a matter of view."""

from __future__ import annotations

import pytest
from textual.binding import Binding

from cockpit.cli import COMMANDS
from cockpit.ui import actions
from cockpit.ui.actions import ACTIONS, COMPARE, DASHBOARD, EVERYWHERE, LIST, RUN, SPOT, Action
from cockpit.ui.commands.dispatch import GROUPS
from cockpit.ui.compare.screen import CompareScreen
from cockpit.ui.dashboard.screen import Dashboard
from cockpit.ui.findings.screen import FindingsScreen
from cockpit.ui.pages.help import HelpScreen, help_blocks
from cockpit.ui.pages.lists import DoctorScreen, MethodLogScreen
from cockpit.ui.pages.palette import PaletteScreen
from cockpit.ui.run.item import ItemScreen
from cockpit.ui.run.screen import RunScreen
from cockpit.ui.spotcheck.screen import SpotCheckScreen
from cockpit.ui.text.glyphs import UNICODE
from cockpit.ui.text.keys_line import keys_line

VIEW_ONLY = {
    "help", "back", "clear", "next_pane", "previous_pane", "down", "up", "first", "last", "page_down", "page_up",
    "left", "right", "filter", "next_match", "previous_match", "mark", "pin", "log_scale", "smooth", "zoom",
    "range_in", "range_out", "palette", "quit", "others", "others_back", "pin_example", "refresh",
    "theme", "suspend",
}  # fmt: skip
"""What changes only how something is looked at: it needs no command."""
SCREENS = {
    DASHBOARD: Dashboard,
    RUN: RunScreen,
    LIST: HelpScreen,
    SPOT: SpotCheckScreen,
    COMPARE: CompareScreen,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_an_action_has_a_command_or_is_a_matter_of_view(action: Action) -> None:
    if action.cli_equivalent:
        assert action.cli_equivalent in COMMANDS, f"`cockpit {action.cli_equivalent}` is not there"
        assert action.id not in VIEW_ONLY
    else:
        assert action.id in VIEW_ONLY, f"{action.id} needs a command, or a place among the matters of view"


def test_ids_are_unique_and_the_marks_of_view_are_all_there() -> None:
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))
    assert set(ids) >= VIEW_ONLY


@pytest.mark.parametrize("scope", sorted(EVERYWHERE))
def test_no_key_means_two_things_on_one_screen(scope: str) -> None:
    keys = [key for action in actions.in_scope(scope) for key in action.keys.split(",")]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("scope", sorted(EVERYWHERE))
def test_bindings_are_the_table(scope: str) -> None:
    bound = SCREENS[scope].BINDINGS
    assert all(isinstance(binding, Binding) for binding in bound)
    assert [(b.id, b.key) for b in bound if isinstance(b, Binding)] == [
        (action.id, action.keys) for action in actions.in_scope(scope)
    ]


@pytest.mark.parametrize("screen", [HelpScreen, FindingsScreen, MethodLogScreen, DoctorScreen, ItemScreen])
def test_pages_share_the_keys_of_lists(screen: type) -> None:
    assert [binding.id for binding in screen.BINDINGS] == [a.id for a in actions.in_scope(LIST)]


@pytest.mark.parametrize("scope", sorted(EVERYWHERE))
def test_every_action_of_a_screen_does_something(scope: str) -> None:
    missing = [
        action.id
        for action in actions.in_scope(scope)
        if not hasattr(SCREENS[scope], f"do_{action.id}")
        and not any(hasattr(group, action.id) for group in GROUPS)
    ]
    assert not missing


@pytest.mark.parametrize("width", [60, 78, 158])
def test_help_lists_every_action_with_all_its_keys_and_its_command(width: int) -> None:
    rows = [" ".join(" ".join(item.plain for item in block).split()) for block in help_blocks(width)]
    for action in actions.listed():
        start = f"{actions.key_names(action)} {' '.join(action.help.split()[:2])}"
        row = next((r for r in rows if r.startswith(start)), None)
        assert row is not None, start
        if action.cli_equivalent and width >= 76:
            assert f"cockpit {action.cli_equivalent}" in row
        assert all(item.width <= width for block in help_blocks(width) for item in block)


@pytest.mark.parametrize("scope", sorted(EVERYWHERE))
def test_the_palette_offers_every_action_but_itself(scope: str) -> None:
    offered = {choice.id for choice in PaletteScreen(scope, UNICODE).choices}
    assert offered == {action.id for action in actions.in_scope(scope)} - {"palette"}


@pytest.mark.parametrize("width", [20, 40, 78, 158])
@pytest.mark.parametrize(
    "states", [frozenset(), frozenset({"any", "live"}), frozenset({"any", "draft", "scored"})]
)
def test_the_footer_fits_and_always_names_help_and_the_way_out(width: int, states: frozenset[str]) -> None:
    for scope in EVERYWHERE:
        shown = keys_line(actions.footer(scope, states), width)
        assert shown.width <= width
        assert "? help" in shown.plain
        assert "q leave" in shown.plain


def test_the_footer_offers_what_the_experiment_allows() -> None:
    def offered(*states: str) -> set[str]:
        return {action.id for action in actions.footer(DASHBOARD, frozenset(states))}

    assert "launch" in offered("any", "draft")
    assert "stop" not in offered("any", "draft")
    assert {"stop"} <= offered("any", "live")
    assert not {"resume", "launch", "decide"} & offered("any", "live")
    assert {"resume", "decide"} <= offered("any", "broken_off", "scored")
