"""The chart as arithmetic: ranges, labels, dots, and a whole figure as text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cockpit.core.chart import plot
from cockpit.core.chart.canvas import Grid, Ink, changes
from cockpit.core.chart.figure import Figure
from cockpit.core.chart.plot import Level, Line, Mark, View
from cockpit.core.chart.raster import smooth
from cockpit.core.series.table import SeriesTable


def table(steps: list[float], **columns: list[float]) -> SeriesTable:
    made = SeriesTable()
    made.extend(np.array(steps, float), {name: np.array(values, float) for name, values in columns.items()})
    return made


def falling(rows: int = 100) -> SeriesTable:
    return table([float(n) for n in range(1, rows + 1)], loss=[math.exp(-n / 30) for n in range(rows)])


def text(grid: Grid | None) -> str:
    assert grid is not None
    return "\n".join(grid.rows())


# -- ranges and labels


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(1, 12))
def test_ticks_are_few_round_and_inside(lo: float, span: float, count: int) -> None:
    hi = lo + span
    found = plot.ticks(lo, hi, count)
    assert len(found) <= count
    slack = 1e-6 * max(abs(lo), abs(hi), span)
    assert all(lo - slack <= tick <= hi + slack for tick in found)


@given(st.floats(1e-9, 1e15))
def test_the_axis_ends_at_a_round_number_not_far_ahead(x: float) -> None:
    end = plot.snap_end(x)
    assert x * (1 - 1e-9) <= end <= 2 * x


def test_a_growing_run_keeps_its_axis_for_long() -> None:
    ends = {plot.x_range((1, n), View())[1] for n in range(10, 1001)}
    assert len(ends) < 25


def test_the_axis_goes_to_the_planned_end_while_it_runs() -> None:
    assert plot.x_range((1, 30), View(x_end=600)) == (0, 600)
    assert plot.x_range((1, 30), View(x_end=600, live=False)) == (0, 30)
    assert plot.x_range((1, 700), View(x_end=600))[1] >= 700


def test_limits_stay_while_they_fit_well() -> None:
    before = plot.y_range(0.1, 0.9)
    assert plot.y_range(0.12, 0.85, before=before) is before
    assert plot.y_range(0.1, 0.2, before=before) is not before
    low, high = plot.y_range(0.003, 0.9, log=True)
    assert 0 < low <= 0.003
    assert high >= 0.9


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 0.5, 1], ["0", "0.5", "1.0"]),
        ([0, 1_000_000, 2_000_000], ["0", "1M", "2M"]),
        ([20_000, 40_000], ["20k", "40k"]),
        ([1e-5, 2e-5], ["1e-5", "2e-5"]),
    ],
)
def test_labels_have_as_many_decimals_as_tell_them_apart(values: list[float], labels: list[str]) -> None:
    assert plot.tick_labels(values) == labels


# -- dots


def test_smoothing_is_tensorboards() -> None:
    made = table([0, 1, 2], x=[1.0, 2.0, 4.0])
    columns = made.reduce("x", np.array([0.0, 1.0, 2.0, 3.0]))
    weight, total, debias, want = 0.6, 0.0, 0.0, []
    for value in (1.0, 2.0, 4.0):
        total, debias = total * weight + (1 - weight) * value, debias * weight + (1 - weight)
        want.append(total / debias)
    np.testing.assert_allclose(smooth(columns, weight), want)


def test_changes_are_the_cells_that_differ_joined_over_small_gaps() -> None:
    before, after = Grid(20, 2), Grid(20, 2)
    after.write(2, 0, "a", Ink.LINE)
    after.write(5, 0, "b", Ink.LINE)
    after.write(15, 0, "c", Ink.LINE)
    after.write(0, 1, " ", Ink.LINE)
    assert changes(before, after, join=4) == [(0, 2, 4), (0, 15, 1), (1, 0, 1)]
    assert changes(after, after.copy(), join=4) == []


# -- a whole figure


def test_a_falling_loss_falls_on_the_screen() -> None:
    shown = text(Figure().paint(60, 15, [Line("loss", falling().column("loss"))]))
    rows = shown.split("\n")
    assert rows[0].startswith("── loss 0.03688")
    inked = [[x for x, c in enumerate(row[7:]) if "\u2800" < c <= "\u28ff"] for row in rows[1:-1]]
    middles = [sum(row) / len(row) for row in inked if row]
    assert middles == sorted(middles), "the curve goes down to the right"
    assert rows[-1].strip().startswith("└0")


def test_raw_behind_smoothed_level_and_marks() -> None:
    grid = Figure().paint(
        70, 16, [Line("loss", falling().column("loss"))], [Level(0.5, "baseline")], [Mark(50, 0.2, "best")],
        View(smoothing=0.9),
    )  # fmt: skip
    shown = text(grid)
    assert grid is not None
    assert {Ink.RAW, Ink.LINE, Ink.LEVEL, Ink.BEST} <= set(grid.inks.ravel().tolist())
    assert "baseline 0.5" in shown
    assert "★" in shown
    assert "ema 0.9" in shown


def test_appending_paints_what_painting_anew_does() -> None:
    growing, figure = SeriesTable(), Figure()
    rng = np.random.default_rng(3)
    values = rng.normal(1, 0.2, 400).cumsum() / 40
    for start in range(0, 400, 7):
        part = slice(start, start + 7)
        growing.extend(np.arange(400.0)[part], {"x": values[part]})
        view = View(smoothing=0.6, x_end=400, y_limits=(0, 12))
        seen = text(figure.paint(50, 12, [Line("x", growing.column("x"))], view=view))
        assert seen == text(Figure().paint(50, 12, [Line("x", growing.column("x"))], view=view))


def test_values_that_are_no_numbers_are_shown_and_break_the_line() -> None:
    made = table([1, 2, 3], x=[1.0, math.inf, 2.0])
    shown = text(Figure().paint(40, 10, [Line("x", made.column("x"))]))
    assert "×" in shown
    assert "1 not finite" in shown


def test_log_scale_says_what_it_cannot_show() -> None:
    made = table([1, 2, 3], x=[-1.0, 0.01, 100.0])
    assert "log, some at or below 0" in text(
        Figure().paint(60, 12, [Line("x", made.column("x"))], view=View(log=True))
    )


def test_overlaid_lines_are_known_without_colour() -> None:
    made = table(
        [float(n) for n in range(50)], a=[float(n) for n in range(50)], b=[50.0 - n for n in range(50)]
    )
    lines = [Line("a", made.column("a"), tag="a"), Line("b", made.column("b"), tag="b")]
    shown = text(Figure().paint(60, 12, lines, view=View(ascii=True, live=False)))
    assert shown.isascii()
    assert "*" in shown
    assert "+" in shown
    assert shown.count("a") >= 2
    mono = Figure().paint(60, 12, lines, view=View(mono=True))
    assert mono is not None
    dots = [(mono.inks == Ink.LINE + n).sum() for n in (0, 1)]
    assert dots[0] != dots[1]


def test_charts_beside_each_other_span_the_same_steps() -> None:
    figure = Figure()
    figure.paint(60, 12, [Line("loss", falling(20).column("loss"))], view=View(live=False, reach=(0, 80)))
    assert figure.x_range == (0, 80)


def test_the_reading_line_moves_by_columns_and_leaves_at_the_ends() -> None:
    figure = Figure()
    figure.paint(60, 12, [Line("loss", falling().column("loss"))], view=View(live=False))
    step = figure.moved_step(None, -1)
    assert step == pytest.approx(100, abs=2)
    assert figure.moved_step(step, 1) is None
    back = figure.moved_step(step, -1)
    assert back is not None
    assert back < step
    first = figure.moved_step(None, 1)
    assert first is not None
    assert figure.moved_step(first, -1) is None


def test_hostile_names_stay_names() -> None:
    made = table([1, 2], **{"\x1b[2J日本\u202e": [1.0, 2.0]})
    name = made.names[0]
    shown = text(Figure().paint(40, 8, [Line(name, made.column(name))]))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert all(len(row) == 40 for row in shown.split("\n"))


@given(st.integers(0, 40), st.integers(0, 12), st.booleans(), st.booleans())
def test_any_size_is_survived(width: int, height: int, log: bool, ascii_only: bool) -> None:
    grid = Figure().paint(
        width, height, [Line("loss", falling().column("loss"), points=True)], [Level(0.5, "baseline")],
        [Mark(5, 0.5, "best"), Mark(9, None, "checkpoint")], View(smoothing=0.6, log=log, ascii=ascii_only, cursor=7),
    )  # fmt: skip
    if grid is not None:
        assert (grid.width, grid.height) == (width, height)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=30), st.booleans())
@example([5e-324], False)  # the smallest number there is: a tenth of it is nothing
def test_any_values_are_survived(values: list[float], log: bool) -> None:
    made = table([float(n) for n in range(len(values))], x=values)
    grid = Figure().paint(40, 10, [Line("x", made.column("x"))], view=View(log=log, smoothing=0.6))
    assert grid is not None
    assert [len(row) for row in text(grid).split("\n")] == [40] * 10
    drawn = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    inked = any("\u2800" < sign <= "\u28ff" for sign in text(grid))
    assert drawn or not inked, "nothing is drawn of what is no number"
