"""SeriesTable against a plain dictionary that does the same slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.core.series import column
from cockpit.core.series import steps as series_steps
from cockpit.core.series import table as series_module
from cockpit.core.series.column import is_bad
from cockpit.core.series.table import LOGGED_NAN, MISSING, Columns, SeriesTable

ODD = np.array([MISSING, MISSING, LOGGED_NAN, math.inf, -math.inf])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 256 rows, so that small examples cross their borders."""
    for module in (column, series_steps, series_module):
        monkeypatch.setattr(module, "BLOCK", 256)
    for module in (column, series_steps):
        monkeypatch.setattr(module, "FIRST", 32)
    monkeypatch.setattr(series_module, "RAW_ROWS", 100)


def brute(steps: list[float], values: list[float], edges: np.ndarray) -> Columns:
    out = Columns.empty(len(edges) - 1)
    for i in range(len(edges) - 1):
        inside = [v for s, v in zip(steps, values, strict=True) if edges[i] <= s < edges[i + 1]]
        finite = [v for v in inside if math.isfinite(v)]
        if finite:
            out.lo[i], out.hi[i], out.total[i] = min(finite), max(finite), math.fsum(finite)
        out.count[i] = len(finite)
        out.bad[i] = int(is_bad(np.array(inside, np.float64)).sum()) if inside else 0
    return out


def assert_same(got: Columns, want: Columns) -> None:
    np.testing.assert_array_equal(got.lo, want.lo)
    np.testing.assert_array_equal(got.hi, want.hi)
    np.testing.assert_allclose(got.total, want.total, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(got.count, want.count)
    np.testing.assert_array_equal(got.bad, want.bad)


@st.composite
def runs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 900))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        steps = draw(st.integers(0, 50)) + draw(st.sampled_from([1, 5, 0.25])) * np.arange(size)
    else:
        steps = np.cumsum(rng.integers(1, 20, size)).astype(np.float64)
    values = rng.normal(0, 100, size)
    odd = rng.random(size) < draw(st.sampled_from([0.0, 0.02, 0.5, 0.99]))
    values[odd] = rng.choice(ODD, int(odd.sum()))
    return steps, values


@settings(max_examples=60, deadline=None)
@given(runs(), st.data())
def test_downsample_is_what_looking_at_every_row_gives(run, data) -> None:
    steps, values = run
    table = SeriesTable()
    done = 0
    while done < len(steps):  # in batches of any size
        size = data.draw(st.integers(1, 400))
        table.extend(steps[done : done + size], {"loss": values[done : done + size]})
        done += size
    lo = data.draw(st.floats(-10, float(steps[-1])))
    hi = lo + data.draw(st.floats(0.5, 2 * float(steps[-1]) + 10))
    columns = data.draw(st.integers(1, 200))
    edges = lo + (hi - lo) / columns * np.arange(columns + 1)
    edges[-1] = np.nextafter(hi, np.inf)
    assert_same(table.downsample("loss", lo, hi, columns), brute(steps.tolist(), values.tolist(), edges))


@settings(max_examples=60, deadline=None)
@given(runs(), st.data())
def test_a_part_reduced_again_equals_that_part_of_the_whole(run, data) -> None:
    """What lets a chart recompute only its last columns."""
    steps, values = run
    table = SeriesTable()
    table.extend(steps, {"loss": values})
    edges = float(steps[0]) + (steps[-1] + 1 - steps[0]) / 50 * np.arange(51)
    whole = table.reduce("loss", edges)
    first = data.draw(st.integers(0, 49))
    part = table.reduce("loss", edges[first:])
    np.testing.assert_array_equal(part.lo, whole.lo[first:])
    np.testing.assert_array_equal(part.hi, whole.hi[first:])
    np.testing.assert_array_equal(part.count, whole.count[first:])


class Slow:
    """The rules for repeated steps, spelled out row by row."""

    def __init__(self) -> None:
        self.rows: dict[float, dict[str, float]] = {}

    def add(self, step: float, values: dict[str, float]) -> None:
        last = max(self.rows, default=-math.inf)
        if step < last:
            later = [row for s, row in self.rows.items() if s >= step]
            if any(name in row for row in later for name in values):
                self.rows = {s: row for s, row in self.rows.items() if s < step}
        self.rows.setdefault(step, {}).update(values)

    def series(self, name: str) -> tuple[list[float], list[float]]:
        steps = [s for s in sorted(self.rows) if name in self.rows[s]]
        return steps, [self.rows[s][name] for s in steps]


HISTORY = st.lists(
    st.tuples(st.integers(0, 60), st.dictionaries(st.sampled_from("abc"), st.floats(-5, 5), min_size=1)),
    min_size=1,
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(HISTORY)
def test_repeated_steps_row_by_row(history) -> None:
    table, slow = SeriesTable(), Slow()
    for step, values in history:
        table.append(step, values)
        slow.add(step, values)
    for name in "abc":
        steps, values = table.values(name)
        assert (steps.tolist(), values.tolist()) == slow.series(name)
        want = slow.series(name)
        last = table.last(name)
        assert last == ((want[0][-1], want[1][-1]) if want[0] else None)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 700), st.lists(st.integers(0, 700), max_size=4), st.integers(1, 333))
def test_a_resumed_run_replaces_what_it_repeats(size, resumes, batch) -> None:
    """Whole runs in batches, going back to a checkpoint several times."""
    table, slow = SeriesTable(), Slow()
    steps = list(range(size))
    for point in resumes:
        steps += list(range(min(point, size), size + 5))
    values = np.arange(len(steps), dtype=np.float64)
    for step, value in zip(steps, values, strict=True):
        slow.add(step, {"a": float(value)})
    for start in range(0, len(steps), batch):
        table.extend(np.array(steps[start : start + batch], float), {"a": values[start : start + batch]})
    got_steps, got = table.values("a")
    assert (got_steps.tolist(), got.tolist()) == slow.series("a")
    edges = np.linspace(0, size + 6, 41)
    assert_same(table.reduce("a", edges), brute(*slow.series("a"), edges))


def test_series_logged_on_lines_of_their_own_make_one_row() -> None:
    table = SeriesTable()
    steps = np.repeat(np.arange(1.0, 401), 2)
    loss = np.where(np.arange(800) % 2 == 0, np.arange(800.0), MISSING)
    reward = np.where(np.arange(800) % 2 == 1, np.arange(800.0), MISSING)
    table.extend(steps, {"loss": loss, "reward": reward})
    assert table.rows == 400
    assert table.values("loss")[1].tolist() == list(range(0, 800, 2))
    assert table.values("reward")[1].tolist() == list(range(1, 800, 2))


def test_a_series_that_begins_late_and_rests_between() -> None:
    table = SeriesTable()
    table.extend(np.arange(1000.0), {"loss": np.ones(1000)})
    table.append(1000, {"eval_loss": 0.5})
    table.extend(np.arange(1001.0, 2000), {"loss": np.ones(999)})
    table.append(2000, {"eval_loss": 0.25})
    assert table.values("eval_loss")[0].tolist() == [1000, 2000]
    assert table.downsample("eval_loss", 0, 2000, 2).count.tolist() == [0, 2]
    assert table.names == ("loss", "eval_loss")


def test_logged_nan_is_not_a_missing_value() -> None:
    table = SeriesTable()
    table.append(1, {"loss": 1.0, "kl": MISSING})
    table.append(2, {"loss": LOGGED_NAN})
    columns = table.downsample("loss", 1, 2, 2)
    assert columns.bad.tolist() == [0, 1]
    assert columns.count.tolist() == [1, 0]
    step, value = table.last("loss") or (0, 0)
    assert step == 2
    assert math.isnan(value)
    assert table.last("kl") is None


def test_thinned_rows_keep_their_extremes() -> None:
    table = SeriesTable(keep_rows=512)
    values = np.sin(np.arange(5000) / 9)
    values[777] = 40.0
    for start in range(0, 5000, 250):
        table.extend(np.arange(float(start), start + 250), {"loss": values[start : start + 250]})
    assert table.nbytes() < 5000 * 8
    columns = table.downsample("loss", 0, 4999, 10)
    assert columns.hi.max() == 40.0
    assert columns.count.sum() == 5000
    recent = table.downsample("loss", 4900, 4999, 100)
    np.testing.assert_array_equal(recent.hi, values[4900:])
    before = table.downsample("loss", 700, 900, 400)  # finer than the summaries: still there, 64 at a time
    assert before.hi.max() == 40.0


def test_going_back_into_thinned_rows() -> None:
    table = SeriesTable(keep_rows=512)
    table.extend(np.arange(5000.0), {"loss": np.ones(5000)})
    table.append(100, {"loss": 7.0})
    table.extend(np.arange(101.0, 400), {"loss": np.full(299, 7.0)})
    assert table.extent() == (0, 399)
    assert table.downsample("loss", 0, 399, 1).hi[0] == 7.0
    assert table.last("loss") == (399, 7.0)


def test_irregular_steps_are_thinned_too() -> None:
    steps = np.cumsum(np.tile([1.0, 2.0, 4.0], 1000))
    table = SeriesTable(keep_rows=512)
    table.extend(steps, {"loss": np.ones(3000)})
    assert table.downsample("loss", 0, float(steps[-1]), 7).count.sum() == 3000


def test_a_preview_shows_until_reading_has_passed_it() -> None:
    table = SeriesTable()
    table.preview(np.array([0.0, 50, 100]), {"loss": np.array([3.0, 2.0, 1.0])})
    assert table.extent() == (0, 100)
    assert table.names == ("loss",)
    assert table.last("loss") == (100, 1.0)
    table.extend(np.arange(0.0, 60), {"loss": np.full(60, 9.0)})
    columns = table.downsample("loss", 0, 100, 101)
    assert columns.hi[50] == 9.0  # what was read, not what was previewed
    assert columns.hi[100] == 1.0
    table.extend(np.arange(60.0, 101), {"loss": np.full(41, 9.0)})
    assert not table.previewed
    assert table.downsample("loss", 0, 100, 101).hi[100] == 9.0


def test_nearest_and_pace() -> None:
    table = SeriesTable()
    table.extend(
        np.array([10.0, 20, 30]), {"loss": np.array([1.0, MISSING, 3.0])}, np.array([100.0, 105, 110])
    )
    assert table.nearest("loss", 21) == (30, 3.0)
    assert table.nearest("loss", 19) == (10, 1.0)
    assert table.nearest("kl", 19) is None
    assert table.pace() == 2.0


def test_a_step_that_is_no_number_is_refused() -> None:
    table = SeriesTable()
    with pytest.raises(ValueError, match="finite"):
        table.append(math.nan, {"loss": 1.0})
    with pytest.raises(ValueError, match="length"):
        table.extend(np.arange(3.0), {"loss": np.ones(2)})
    assert table.rows == 0
