"""Delimiters and headers of CSV files, and reading in an interpreter that has the standard library alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.contract import CockpitError
from cockpit.data.reading.files import load_rows


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('prompt,"answer (a; b; c)"\nq,a\n', {"prompt": "q", "answer (a; b; c)": "a"}),
        ("prompt;answer\nq;1,5\n", {"prompt": "q", "answer": "1,5"}),
        ("prompt\tanswer\nq, r\ta\n", {"prompt": "q, r", "answer": "a"}),
        ('prompt,"answer\nin full"\nq,a\n', {"prompt": "q", "answer\nin full": "a"}),
        ('prompt;"answer\nin full"\nq;a\n', {"prompt": "q", "answer\nin full": "a"}),
        ("text\na; b\n", {"text": "a; b"}),
    ],
)
def test_a_header_is_parted_as_the_file_is(tmp_path: Path, text: str, wanted: dict[str, str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    assert load_rows(path) == [wanted]


def test_a_line_is_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,"b\nc"\n1,2,3\n')
    with pytest.raises(CockpitError) as caught:
        load_rows(path)
    assert caught.value.line == 3


def test_json_lines_are_read_without_the_quick_decoder(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text('{"prompt": "naïve", "answer": NaN}\n', encoding="utf-8")
    bad.write_text('{"a": 1}\n{"a": }\n')
    code = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from cockpit.data.reading.files import load_rows\n"
        "print(load_rows(sys.argv[1])[0]['prompt'] == 'na\\u00efve')\n"
        "try: load_rows(sys.argv[2])\n"
        "except Exception as error: print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(good), str(bad)], capture_output=True, text=True, check=False
    )
    with pytest.raises(CockpitError) as caught:
        load_rows(bad)
    assert said.stdout.splitlines() == ["True", str(caught.value)], said.stderr
