"""Where the panes lie: pure arithmetic, looked at without a screen."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.ui.dashboard.layout import PANES, Need, dashboard_places
from cockpit.ui.run.layout import run_places
from cockpit.ui.widgets.places import Box, chart_boxes, is_wide

SIDES = st.integers(1, 300)
NEEDS = st.builds(
    Need,
    pane=st.sampled_from(PANES),
    experiments=st.integers(0, 200),
    findings=st.integers(0, 60),
    header=st.integers(0, 6),
    alone=st.booleans(),
    zoomed=st.booleans(),
    problem=st.integers(0, 6),
)


def _apart(boxes: list[Box]) -> bool:
    shown = [b for b in boxes if b.width > 0 and b.height > 0]
    return not any(
        a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
        for a, b in combinations(shown, 2)
    )


@given(SIDES, SIDES, NEEDS)
def test_panes_stay_on_the_screen_and_never_lie_over_each_other(width: int, height: int, need: Need) -> None:
    boxes = dashboard_places(width, height, need)
    for box in boxes.values():
        assert box.width <= 0 or box.height <= 0 or (box.x >= 0 and box.x + box.width <= width)
        assert box.width <= 0 or box.height <= 0 or (box.y >= 0 and box.y + box.height <= height)
    assert _apart(list(boxes.values()))


@given(st.integers(80, 300), st.integers(24, 100), NEEDS)
def test_from_80x24_on_the_chosen_pane_the_tree_and_the_bars_are_in_sight(
    width: int, height: int, need: Need
) -> None:
    boxes = dashboard_places(width, height, need)
    for name in ("title", "hardware", "keys"):
        assert boxes[name].height == 1
    if need.alone:
        assert boxes["tree"].height >= 15
    elif need.zoomed:
        assert boxes["charts"].height >= 8
    else:
        assert boxes["tree"].height >= 3
        assert boxes[need.pane].height >= 3
    if is_wide(width, height) and not need.alone and not need.zoomed:
        assert set(PANES) <= boxes.keys()


def test_at_80x24_a_chart_has_room_to_be_read() -> None:
    assert dashboard_places(80, 24, Need(experiments=3)).get("charts", Box(0, 0, 0, 0)).height >= 10


def test_many_experiments_leave_room_for_the_run() -> None:
    assert dashboard_places(80, 24, Need(experiments=50))["charts"].height >= 6
    assert dashboard_places(160, 45, Need(experiments=50, findings=30))["decided"].height >= 5


@given(SIDES, st.integers(4, 200), st.sampled_from(["charts", "answers", "log"]), st.integers(3, 6))
def test_the_run_screens_boxes_stay_apart(width: int, height: int, tab: str, header: int) -> None:
    assert _apart(list(run_places(width, height, tab=tab, header=header).values()))


@given(SIDES, SIDES, st.integers(0, 40))
def test_charts_lie_side_by_side(width: int, height: int, count: int) -> None:
    boxes = chart_boxes(width, height, count)
    assert len(boxes) <= count
    assert _apart(boxes)
    assert all(b.x + b.width <= width and b.y + b.height <= height for b in boxes)
