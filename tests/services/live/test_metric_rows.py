"""Metric lines to columns: whatever a trainer writes, and fast only where that loses nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.core.series.column import LOGGED_NAN, is_bad
from cockpit.services.live import metric_rows
from cockpit.services.live.metric_rows import RowParser, Rows


def parse(*lines: str | bytes, parser: RowParser | None = None) -> Rows:
    block = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    return (parser or RowParser()).parse(block)


def test_rows_become_columns() -> None:
    rows = parse('{"step": 1, "time": 5.5, "loss": 2.5}', '{"step": 2, "time": 6, "loss": 2, "lr": 3e-4}')
    assert rows.steps.tolist() == [1, 2]
    assert rows.times.tolist() == [5.5, 6]
    assert rows.columns["loss"].tolist() == [2.5, 2]
    np.testing.assert_array_equal(rows.columns["lr"], [math.nan, 3e-4])
    assert rows.malformed == 0


def test_keys_that_come_later_are_learnt() -> None:
    parser = RowParser()
    parse('{"step": 1, "loss": 2}', parser=parser)
    rows = parse(
        '{"step": 2, "loss": 1}', '{"step": 3, "reward": 0.5, "completions/mean_length": 7}', parser=parser
    )
    np.testing.assert_array_equal(rows.columns["reward"], [math.nan, 0.5])
    np.testing.assert_array_equal(rows.columns["completions/mean_length"], [math.nan, 7])
    assert parse('{"step": 4, "reward": 1}', parser=parser).columns["reward"].tolist() == [1]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_know(word: str) -> None:
    rows = parse('{"step": 1, "loss": 2}', f'{{"step": 2, "loss": {word}}}', '{"step": 3, "loss": 1}')
    assert rows.steps.tolist() == [1, 2, 3]
    assert is_bad(rows.columns["loss"]).tolist() == [False, True, False]
    assert rows.malformed == 0


def test_null_with_nonfinite_is_a_logged_nan_and_null_alone_is_missing() -> None:
    rows = parse(
        '{"step": 1, "loss": null, "nonfinite": {"loss": "nan"}}',
        '{"step": 2, "loss": null, "nonfinite": {"loss": "-inf", "kl": "inf"}}',
        '{"step": 3, "loss": null}',
    )
    assert is_bad(rows.columns["loss"]).tolist() == [True, True, False]
    assert rows.columns["loss"].view(np.uint64)[0] == np.array([LOGGED_NAN]).view(np.uint64)[0]
    assert rows.columns["loss"][1] == -math.inf
    assert rows.columns["kl"][1] == math.inf


def test_broken_lines_are_counted_and_the_others_kept() -> None:
    rows = parse(
        '{"step": 1, "loss": 2}', "garbage", b"\xff\xfe\x00binary", "[1, 2]", '{"loss": 3}',
        '{"step": null, "loss": 1}',
        '{"step": "x", "loss": 1}', "[" * 5000, '{"step": 2, "loss": 1}',
    )  # fmt: skip
    assert rows.steps.tolist() == [1, 2]
    assert rows.columns["loss"].tolist() == [2, 1]
    assert rows.malformed == 7


def test_what_is_no_number_makes_no_series() -> None:
    rows = parse('{"step": 1, "loss": 2, "note": "warm", "nested": {"a": 1}, "list": [1], "ok": true}')
    assert rows.columns.keys() == {"loss", "ok"}
    assert rows.columns["ok"].tolist() == [1]
    assert parse('{"step": 1, "loss": "0.25"}').columns["loss"].tolist() == [0.25]


def test_a_number_that_turns_into_words_is_missing_there() -> None:
    parser = RowParser()
    parse('{"step": 1, "loss": 2}', parser=parser)
    rows = parse(
        '{"step": 2, "loss": "off"}', '{"step": 3, "loss": {}}', '{"step": 4, "loss": 1}', parser=parser
    )
    np.testing.assert_array_equal(rows.columns["loss"], [math.nan, math.nan, 1])


def test_a_trainer_that_invents_keys_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_rows, "MOST_SERIES", 10)
    parser = RowParser()
    for step in range(50):
        rows = parse(json.dumps({"step": step, "loss": 1.0, f"key{step}": 1.0}), parser=parser)
        assert rows.malformed == 0
        assert len(rows.columns) <= 10
        assert rows.columns["loss"].tolist() == [1.0]


NUMBERS = st.none() | st.floats() | st.integers(-(2**70), 2**70) | st.booleans()
KEYS = st.text(max_size=6).filter(lambda key: key not in ("step", "time", "nonfinite"))


@given(st.lists(st.dictionaries(KEYS, NUMBERS, max_size=4), max_size=8))
def test_any_rows_come_back_as_they_were_written(rows: list[dict[str, float | None]]) -> None:
    block = "".join(json.dumps({"step": n} | row) + "\n" for n, row in enumerate(rows)).encode()
    got = RowParser().parse(block)
    assert got.steps.tolist() == list(range(len(rows)))
    for n, row in enumerate(rows):
        for key, value in row.items():
            seen = got.columns[key][n]
            if value is None:
                assert math.isnan(seen)
            elif math.isnan(value):
                assert is_bad(np.array([seen]))[0]
            else:
                assert seen == float(value)


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(block: bytes) -> None:
    rows = RowParser().parse(block)
    assert len(rows.steps) + rows.malformed <= block.count(b"\n") + 1
