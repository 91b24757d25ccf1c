"""Looking at data: every shape and file format that the field uses, read without a word of configuration."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.core.dataset.lengths import bars
from cockpit.core.technique.data_facts import facts_of
from cockpit.core.technique.decision import advise
from cockpit.services.dataset.inspect import as_dict, inspect

Rows = list[dict[str, Any]]
USER, BOT = (
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "hello there, how are you doing"},
)
HUMAN, GPT = {"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}

SHAPES: list[tuple[str, Rows, str, dict[str, str]]] = [
    ("messages", [{"messages": [USER, BOT]}], "messages", {"messages": "messages"}),
    ("ShareGPT", [{"conversations": [HUMAN, GPT]}], "sharegpt", {"messages": "conversations"}),
    ("prompt and completion", [{"prompt": "Say hi.", "completion": "Hi, nice to meet you all today!"}],
     "prompt-completion", {"prompt": "prompt", "completion": "completion"}),
    ("Alpaca", [{"instruction": "Add", "input": "1 2", "output": "The sum of these two numbers is three."}],
     "alpaca", {"prompt": "instruction", "input": "input", "completion": "output"}),
    ("pairs", [{"prompt": "p", "chosen": "a good answer", "rejected": "a bad answer"}], "preference",
     {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}),
    ("pairs, implicit prompt", [{"chosen": [USER, BOT], "rejected": [USER, {**BOT, "content": "no"}]}], "preference",
     {"chosen": "chosen", "rejected": "rejected"}),
    ("pairs, LLaMA-Factory", [{"conversations": [HUMAN], "chosen": GPT, "rejected": {**GPT, "value": "no"}}],
     "preference", {"prompt": "conversations", "chosen": "chosen", "rejected": "rejected"}),
    ("labelled", [{"prompt": "p", "completion": "a good answer", "label": True},
                  {"prompt": "p", "completion": "a bad answer", "label": False}], "labelled",
     {"prompt": "prompt", "completion": "completion", "label": "label"}),
    ("GSM8K", [{"question": "1+1?", "answer": "One and one.\n#### 2"}], "question-answer",
     {"prompt": "question", "answer": "answer"}),
    ("MATH", [{"problem": "1+1?", "solution": "It is $\\boxed{2}$."}], "question-answer",
     {"prompt": "problem", "answer": "solution"}),
    ("scored trajectories", [{"messages": [USER, BOT], "reward": 1.0, "passed": True, "group_id": "g1"},
                             {"messages": [USER, BOT], "reward": 0.0, "passed": False, "group_id": "g1"}],
     "trajectories", {"messages": "messages", "reward": "reward", "passed": "passed", "group": "group_id"}),
    ("plain text", [{"text": "Once upon a time there was a text."}], "text", {"text": "text"}),
    ("prompts", [{"prompt": "Write a poem about the sea."}], "prompts", {"prompt": "prompt"}),
    ("nothing known", [{"x1": 3, "x2": 4}], "unknown", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "shape", "columns"), [case[1:] for case in SHAPES], ids=[c[0] for c in SHAPES]
)
def test_every_shape_is_recognised(tmp_path: Path, rows: Rows, shape: str, columns: dict[str, str]) -> None:
    seen = inspect(str(_jsonl(tmp_path / "data.jsonl", rows * 4)))
    assert seen.reading.shape == shape
    assert {role: seen.reading.columns.get(role) for role in columns} == columns
    assert seen.profile.rows == 4 * len(rows)
    assert bool(seen.profile.misfits.total) is (shape == "unknown")


def _jsonl(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _json(path: Path, rows: Rows) -> Path:
    path.write_text(json.dumps(rows, indent=1))
    return path


def _csv(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _gz(path: Path, rows: Rows) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def _parquet(path: Path, rows: Rows) -> Path:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed, so no Parquet file can be made")
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def _arrow_folder(path: Path, rows: Rows) -> Path:
    """What `Dataset.save_to_disk` leaves: an Arrow stream and its state."""
    pa = pytest.importorskip(
        "pyarrow", reason="pyarrow is not installed, so no `datasets` folder can be made"
    )
    path.mkdir()
    table = pa.Table.from_pylist(rows)
    with (
        pa.OSFile(str(path / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as out,
    ):
        out.write_table(table)
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [("d.jsonl", _jsonl), ("d.json", _json), ("d.csv", _csv), ("d.jsonl.gz", _gz), ("d.parquet", _parquet),
     ("folder", _arrow_folder)],
)  # fmt: skip
def test_every_file_format_gives_the_same_rows(
    tmp_path: Path, name: str, write: Callable[[Path, Rows], Path]
) -> None:
    rows = [{"question": f"What is {n}+1?", "answer": f"We add.\n#### {n + 1}"} for n in range(30)]
    seen = inspect(str(write(tmp_path / name, rows)))
    assert (seen.reading.shape, seen.profile.rows, seen.profile.answer_form) == (
        "question-answer",
        30,
        "hashes",
    )


def test_what_is_odd_is_counted_with_its_place(tmp_path: Path) -> None:
    fine = {"messages": [USER, BOT]}
    rows: Rows = [fine, fine, {"messages": [USER, {**BOT, "content": " "}]}, {"messages": [BOT, USER, BOT]},
                  {"messages": None}]  # fmt: skip
    profile = inspect(str(_jsonl(tmp_path / "d.jsonl", rows))).profile
    assert profile.duplicates.first == (2, 1)
    assert list(profile.empty.first.values()) == [3]
    assert list(profile.odd.first.values()) == [4]
    assert list(profile.misfits.first.values()) == [5]


def test_lengths_and_what_a_maximum_cuts(tmp_path: Path) -> None:
    rows = [{"prompt": "p" * 40, "completion": "c c" * (200 if n == 7 else 20)} for n in range(100)]
    seen = inspect(str(_jsonl(tmp_path / "d.jsonl", rows)), max_length=100)
    assert (seen.profile.lengths.longest, seen.profile.lengths.longest_row) == (640, 8)
    assert seen.truncated == pytest.approx(0.01)
    answer = as_dict(seen)
    assert sum(bar["n"] for bar in answer["lengths"]["histogram"]) == 100
    assert answer["lengths"]["histogram"][0]["n"], "no empty bars before the shortest"
    shown = [" ".join(text.split()) for text in bars([(0, 10, 1), (10, 20, 0), (20, 30, 0), (30, 40, 1)])]
    assert [text.split()[0] for text in shown] == ["0-9", "10-29", "30-39"]
    assert answer["truncated_is_estimate"]


def test_tokens_are_counted_where_a_tokenizer_is(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the tokenizers package is not installed")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    file = _jsonl(tmp_path / "d.jsonl", [{"prompt": "a a a", "completion": "a a"}] * 3)
    seen = inspect(str(file), tokenizer=str(tmp_path), max_length=4)
    assert (seen.profile.lengths.unit, seen.profile.lengths.longest, seen.truncated) == ("tokens", 5, 1.0)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("broken.jsonl", b'{"prompt": "a"}\n{"prompt": \n', r"broken\.jsonl:2"),
        ("list.jsonl", b"[1]\n[2]\n", "list.jsonl"),
        ("empty.jsonl", b"", "empty"),
        ("utf16.jsonl", '{"a": 1}'.encode("utf-16"), "UTF-16"),
        ("d.zip", b"PK", "Unpack it first"),
        ("d.parquet", b"nonsense", r"d\.parquet"),
        ("d.jsonl.gz", b"nonsense", "gzip"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CockpitError, match=says):
        inspect(str(tmp_path / name))


def test_a_missing_file_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "nothing.jsonl")]) == 2
    assert "there is no such data file" in capsys.readouterr().err


def test_hostile_content_stays_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"instruction\x1b[31m": "x", "prompt": "a \x1b]0;owned\x07 b", "completion": "c\x1b[2J"}] * 3
    assert main(["inspect", str(_jsonl(tmp_path / "d.jsonl", rows))]) == 0
    assert main(["advise", "--data", str(tmp_path / "d.jsonl"), "--yes"]) == 0
    assert "\x1b" not in capsys.readouterr().out


TEA = [
    f"Tea number {n} is warm, and a quiet cup of it makes a long evening a little shorter." for n in range(8)
]
SHORT = [f"My {n}th tea is warm." for n in range(8)]
LABELS = ["The review is positive.", "The review is negative."] * 4
ASK, SAYS = {"role": "user", "content": "Say it."}, "assistant"


@pytest.mark.parametrize(
    ("row", "texts", "shape", "technique"),
    [
        (lambda text: {"instruction": "Say it.", "input": "", "output": text}, TEA, "alpaca", "sft"),
        (lambda text: {"instruction": "Say it.", "input": "", "output": text}, SHORT, "alpaca", "sft"),
        (lambda text: {"question": "Say it.", "answer": text}, SHORT, "prompt-completion", "sft"),
        (lambda text: {"messages": [ASK], "answer": text}, TEA, "prompt-completion", "sft"),
        (lambda text: {"messages": [ASK, {"role": SAYS, "content": text}], "answer": text}, TEA, "messages", "sft"),
        (lambda text: {"prompt": "Say it.", "completion": text, "answer": text}, TEA, "prompt-completion", "sft"),
        (lambda text: {"prompt": "Say it.", "reward_model": {"ground_truth": text}}, TEA, "question-answer", "sft"),
        (lambda text: {"question": "Is it good?", "answer": text}, LABELS, "question-answer", "grpo"),
        (lambda text: {"messages": [ASK], "answer": text}, ["4", "5", "a cat", "7"] * 2, "question-answer", "grpo"),
    ],
)  # fmt: skip
def test_free_prose_is_nothing_that_a_program_checks(
    tmp_path: Path, row: Callable[[str], dict[str, Any]], texts: list[str], shape: str, technique: str
) -> None:
    """Wherever it stands, unless it is one of a few classes: then no exact verifier, and no RL, is proposed."""
    seen = inspect(str(_jsonl(tmp_path / "data.jsonl", [row(text) for text in texts])))
    assert seen.reading.shape == shape
    assert advise(facts_of(seen.profile, seen.examples)).technique == technique


CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


def talk(number: int, call: dict[str, Any] = CALL, **more: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": f"Add {number}."}
    return {"messages": [asked, {"role": "assistant", "content": "", "tool_calls": [call], **more}]}


def test_thinking_in_a_field_and_listed_tools_are_counted_and_measured(tmp_path: Path) -> None:
    bare = inspect(str(_jsonl(tmp_path / "bare.jsonl", [talk(1)])))
    whole = inspect(
        str(_jsonl(tmp_path / "whole.jsonl", [{**talk(1, reasoning_content="x" * 50), "tools": [ADD]}]))
    )
    told = as_dict(whole)
    assert (told["reasoning_rows"], told["tool_rows"]) == (1, 1)
    assert whole.profile.target_lengths.longest == bare.profile.target_lengths.longest + 50
    assert whole.profile.prompt_lengths.longest > bare.profile.prompt_lengths.longest + 50


@pytest.mark.parametrize(
    ("arguments", "name", "odd"),
    [
        ('{"a": 1}', "add", []),
        ("", "add", []),
        ('{"a": 1, "b"', "add", ["a call whose arguments are no JSON object"]),
        ('{"a": 1}', "sub", ["a call of a tool that the row does not list"]),
    ],
)
def test_odd_calls_are_told(tmp_path: Path, arguments: str, name: str, odd: list[str]) -> None:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    seen = inspect(str(_jsonl(tmp_path / "t.jsonl", [{**talk(1, call), "tools": [ADD]}])))
    assert list(seen.profile.odd.counts) == odd


@pytest.mark.parametrize("column", ["answer", "tool_calls"])
def test_gold_answers_may_be_calls_and_none_may_be_right(tmp_path: Path, column: str) -> None:
    rows = [{"prompt": f"Add {n}.", column: [CALL] if n else [], "tools": [ADD]} for n in range(5)]
    seen = inspect(str(_jsonl(tmp_path / "t.jsonl", rows)))
    assert (seen.reading.shape, seen.reading.columns["answer"]) == ("question-answer", column)
    assert (seen.profile.gold, seen.profile.misfits.total) == (5, 0)
    assert seen.profile.answer_form == "calls"


@pytest.mark.parametrize(
    ("answers", "note"),
    [
        ([0, 1, 2, 0], "counted from 0: 0 is A, 1 is B"),
        ([1, 3, 2, 1], "counts the 3 choices from 1"),
        (["A", "B", "C", "A"], ""),
        (["7", "8", "9", "7"], ""),
    ],
)
def test_how_a_numbered_choice_is_read_is_said(tmp_path: Path, answers: list[Any], note: str) -> None:
    rows = [{"question": f"{n}?", "choices": ["7", "8", "9"], "answer": a} for n, a in enumerate(answers)]
    notes = inspect(str(_jsonl(tmp_path / "d.jsonl", rows))).reading.notes
    assert [note in said for said in notes] == ([True] if note else [])
