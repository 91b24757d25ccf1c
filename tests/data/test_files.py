"""Reading data files: what is good is read whole, what is bad is named with its place."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from pathlib import Path

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.data.reading import opening
from cockpit.data.reading.files import iter_rows, load_rows
from cockpit.services.dataset import datasets
from cockpit.services.dataset.sources import open_source

ROWS = [{"prompt": "1+1=?", "answer": "2"}, {"prompt": "naïve ☕?", "answer": "ja"}]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "\n".join(json.dumps(row) for row in ROWS)),
        ("bom.jsonl", "\ufeff" + "\n\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n"),
        ("dos.jsonl", "\r\n".join(json.dumps(row) for row in ROWS) + "\r\n"),
        ("a.json", json.dumps(ROWS, indent=2)),
        ("lines.json", "\n".join(json.dumps(row) for row in ROWS)),
        ("a.csv", "prompt,answer\n1+1=?,2\nnaïve ☕?,ja\n"),
        ("a.tsv", "prompt\tanswer\n1+1=?\t2\nnaïve ☕?\tja\n"),
        *(
            (f"lines.{name}", "\n".join(json.dumps(row) for row in ROWS))
            for name in ("csv", "txt", "parquet")
        ),
        ("array.csv", json.dumps(ROWS)),
    ],
)
def test_the_usual_files_are_read(tmp_path: Path, name: str, content: str) -> None:
    assert load_rows(write(tmp_path / name, content)) == ROWS


def test_parquet_is_read_where_pyarrow_is_there(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert load_rows(tmp_path / "a.parquet") == ROWS
    with pytest.raises(CockpitError, match="not a Parquet file"):
        load_rows(write(tmp_path / "b.parquet", b"nonsense"))


@pytest.mark.parametrize(
    ("content", "says", "line"),
    [
        ('{"a": 1}\n{"a": \n', "this line is not JSON", 2),
        ('{"a": 1}\n\n[1, 2]\n', "this row is an array", 3),
        ('"text"\n', "this row is a string", 1),
        ("null\n", "this row is null", 1),
        (b'{"a": 1}\n\xff\xfe\x00binary\x1b[2J\n', "not UTF-8 text", 2),
        ("\x1b]0;pwned\x07\n", "not JSON", 1),
        ("[" * 100_000 + "\n", "", 1),
        ("", "is empty", None),
        (" \n\n", "is empty", None),
    ],
)
def test_a_bad_file_is_named_with_its_line(
    tmp_path: Path, content: str | bytes, says: str, line: int | None
) -> None:
    path = write(tmp_path / "bad.jsonl", content)
    with pytest.raises(CockpitError) as caught:
        load_rows(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.line == line
    assert "\x1b" not in str(caught.value)
    assert caught.value.fix


def test_a_bad_array_csv_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    for path, says in [
        (write(tmp_path / "a.json", '[{"a": 1},\n{"a": }]'), "not a JSON array"),
        (write(tmp_path / "b.json", "[1]"), "a number or boolean"),
        (write(tmp_path / "c.csv", b"a,b\n\xff,1\n"), "not a CSV file"),
        (write(tmp_path / "d.jsonl", "a,b\n1,2\n"), "a table"),
        (_bomb(tmp_path / "bomb.jsonl.gz"), "over 500 times its size"),
        (_pipe(tmp_path / "pipe.jsonl"), "a pipe or a device"),
        (Path("/dev/zero"), "a pipe or a device"),
        (tmp_path, "a folder"),
        (tmp_path / "none.jsonl", "no such data file"),
    ]:
        with pytest.raises(CockpitError, match=says) as caught:
            load_rows(path)
        assert str(path) in str(caught.value)


def _bomb(path: Path) -> Path:
    with gzip.open(path, "wb") as handle:
        for _ in range(200):
            handle.write(b" " * ((1 << 20) - 1) + b"\n")
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_what_a_file_is_in_spite_of_its_name_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", json.dumps(ROWS[0]))
    assert open_source(str(path)).notes == ("rows.csv is JSON in spite of its name, and is read as that.",)
    assert open_source(str(write(tmp_path / "rows.jsonl", json.dumps(ROWS[0])))).notes == ()


def test_a_line_has_a_bounded_length() -> None:
    held = opening.lines(io.BytesIO(b"short\n" + b"a" * 3000), Path("a.jsonl"), most=1000)
    assert next(held) == b"short\n"
    with pytest.raises(CockpitError, match="this line is longer than"):
        next(held)


def test_iter_rows_reads_no_further_than_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"a": 1}\nbroken\n')
    assert next(iter_rows(path)) == (1, {"a": 1})


def test_the_content_hash_is_that_of_sha256sum(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b"x" * 3_000_000)
    assert datasets.content_hash(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    with pytest.raises(CockpitError, match="can't be read"):
        datasets.content_hash(tmp_path / "none")


def test_the_rows_hash_knows_content_not_order() -> None:
    turned = [dict(reversed(row.items())) for row in reversed(ROWS)]
    assert datasets.rows_hash(ROWS) == datasets.rows_hash(turned)
    assert datasets.rows_hash(ROWS) != datasets.rows_hash([*ROWS, ROWS[0]])


@pytest.mark.parametrize(
    ("name", "need", "count", "reading"),
    [
        ("gsm8k_train.jsonl", "grpo", 120, {"question": "prompt"}),
        ("gsm8k_test.jsonl", "items", 40, {"question": "prompt"}),
        ("gsm8k_train.jsonl", "sft", 120, {"question": "prompt"}),
        ("alpaca.json", "sft", 60, {"instruction": "prompt", "output": "completion"}),
        ("pairs.json", "dpo", 60, {"conversations": "messages"}),
        ("labelled.json", "kto", 60, {}),
    ],
)
def test_files_of_public_shapes_are_understood(
    shapes: Path, name: str, need: str, count: int, reading: dict[str, str]
) -> None:
    rows = load_rows(shapes / name)
    assert len(rows) == count
    assert datasets.read_as(shapes / name, need) == reading
