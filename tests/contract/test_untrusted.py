"""Files of others: plain ones alone, in bounds, and what they hold can be walked, printed and written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.reader import LineTail, last_event, read_rows


@pytest.mark.parametrize(
    "text", ["[" * 101 + "]" * 101, '{"a":' * 100_000, "[" * 5_000_000, '{"a": [' + "[{}," * 200]
)
def test_what_is_nested_deeper_than_anything_sound_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"deep|Expecting"):
        untrusted.parse(text)


def test_brackets_in_strings_are_no_depth() -> None:
    value = {"text": "[{" * 500 + '\\"[', "rows": [{"a": [1]}] * 200}
    assert untrusted.parse(json.dumps(value)) == value
    assert untrusted.parse(json.dumps(value).encode()) == value


def test_long_numbers_can_be_reckoned_with() -> None:
    value = untrusted.parse(f'{{"a": {"9" * 400}, "b": {"9" * 5000}, "c": {2**63}, "d": "{"9" * 400}"}}')
    assert (value["a"], value["b"], value["c"], len(value["d"])) == (float("inf"), float("inf"), 2**63, 400)
    assert float(value["a"]) > 0


@pytest.mark.parametrize("text", ['"a\\ud800b"', '"\\udc00"', '"\\uD83Dx"'])
def test_halves_of_characters_become_printable(text: str) -> None:
    untrusted.parse(text).encode("utf-8")
    assert untrusted.parse('"\\ud83d\\ude00"') == "😀"


def test_pipes_devices_and_folders_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "zero", "folder", "missing"):
        path = tmp_path / name
        with pytest.raises(OSError, match=name):
            untrusted.read_bytes(path)
        assert atomic.read_json(path) is None
        assert list(read_rows(path)) == []
        assert LineTail(path).read() == []
        assert last_event(path, "end") is None


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as handle:
        handle.truncate(untrusted.MOST + 1)
    with pytest.raises(OSError, match="larger than 256 MB"):
        untrusted.read_bytes(path)
    with pytest.raises(OSError, match="larger than"):
        untrusted.read_text(path, 1 << 20)
