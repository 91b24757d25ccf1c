"""What the inspection and the spot check see of a file is what the trainers train on: both read the same file here."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe
from cockpit.core.spotcheck.sides import target_of
from cockpit.data import needs
from cockpit.services.dataset.inspect import inspect
from cockpit.services.dataset.sources import open_source
from trainers.data.demonstrations import sft_dataset
from trainers.data.items import read_items
from trainers.data.overlap import Rows
from trainers.data.selection import learnable

TEMPLATE = SimpleNamespace(chat_template="{% generation %} tools tool_calls reasoning_content")
ASK, SAY = "2+2?", "4"


def seen_by_the_cockpit(path: Path) -> tuple[list[tuple[str, str]], str]:
    """The first row's turns and target, as inspect and the spot check read them (they must agree on the target)."""
    (_, row), *_ = open_source(str(path)).rows
    target = target_of(1, row, needs.read_as([row], "sft"))
    (example, *_) = inspect(str(path)).examples
    assert example.target == (target.text if target.raw is None else target.raw)
    return [(turn.role, turn.text) for turn in target.turns], str(example.target)


def seen_by_the_trainer(path: Path) -> tuple[list[tuple[str, str]], str]:
    """The same of the first row that TRL is given."""
    rows = Rows(path)
    columns = needs.read_as(list(rows), "sft")
    recipe = Recipe.parse(
        {"experiment_id": "exp_0001", "technique": "sft", "model": {"name_or_path": "none"}, "verifier": "exact",
         "data": {"train": str(path), "mini_eval": "m", "held_out": "h", "columns": columns}}
    )  # fmt: skip
    attempt: Any = SimpleNamespace(recipe=recipe, notice=lambda *_: None, extra_metrics={})
    made = sft_dataset(learnable(rows, attempt), attempt, TEMPLATE)[0][0]
    if "text" in made:
        return [], made["text"]
    chat = made.get("messages") or [*made["prompt"], *made["completion"]]
    return [(turn["role"], turn["content"]) for turn in chat[:-1]], chat[-1]["content"]


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def chat(who: str, said: str, **keys: str) -> dict[str, Any]:
    return {keys.get("role", "role"): who, keys.get("text", "content"): said}


PAIR = {"prompt": ASK, "completion": SAY}
USER = [("user", ASK)]
FILES: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "tabs": ("a.tsv", f"prompt\tcompletion\n{ASK}\t{SAY}\n", USER),
    "an array in .JSON": ("a.JSON", json.dumps([PAIR]), USER),
    "an array named .jsonl": ("a.jsonl", json.dumps([PAIR]), USER),
    "CSV with a byte order mark": ("a.csv", f"\ufeffprompt,completion\n{ASK},{SAY}\n", USER),
    "CSV with semicolons": ("a.csv", f"\ufeffprompt;completion\n{ASK};{SAY}\n", USER),
    "CSV with a cell of JSON": (
        "a.csv",
        'messages\n"' + json.dumps([chat("user", ASK), chat("assistant", SAY)]).replace('"', '""') + '"\n',
        USER,
    ),
    "the role prompter": ("a.jsonl", lines({"messages": [chat("prompter", ASK), chat("assistant", SAY)]}), USER),
    "the role chatgpt": ("a.jsonl", lines({"messages": [chat("user", ASK), chat("chatgpt", SAY)]}), USER),
    "the role developer": (
        "a.jsonl",
        lines({"messages": [chat("developer", "Be brief."), chat("user", ASK), chat("assistant", SAY)]}),
        [("system", "Be brief."), *USER],
    ),
    "the keys speaker and text": (
        "a.jsonl",
        lines({"conversation": [chat(r, t, role="speaker", text="text") for r, t in (("user", ASK), ("bot", SAY))]}),
        USER,
    ),
    "parts with value": (
        "a.jsonl",
        lines({"messages": [chat("user", ASK), {"role": "assistant", "content": [{"type": "text", "value": SAY}]}]}),
        USER,
    ),
    "a system prompt beside a conversation": (
        "a.jsonl",
        lines({"system": "Be brief.", "conversations": [chat("human", ASK, role="from", text="value"),
                                                        chat("gpt", SAY, role="from", text="value")]}),
        [("system", "Be brief."), *USER],
    ),
    "a turn after the last answer": (
        "a.jsonl", lines(
            {"messages": [chat("user", ASK), chat("assistant", SAY), chat("user", "Thanks")]},
            {"messages": [chat("user", ASK), chat("assistant", SAY)]},
        ), USER,
    ),
    "Dolly's context": (
        "a.jsonl", lines({"instruction": ASK, "context": "Think.", "response": SAY}), [("user", f"{ASK}\n\nThink.")],
    ),
    "history before the question": (
        "a.jsonl",
        lines({"query": ASK, "response": SAY, "history": [["1+1?", "2"]]}),
        [("user", "1+1?"), ("assistant", "2"), *USER],
    ),
    "choices, answered by their place": (
        "a.jsonl",
        lines({"question": ASK, "choices": ["3", "4 "], "answer": 1}),
        [("user", f"{ASK}\n\nA. 3\nB. 4 ")],
    ),
    "a worked solution beside the answer": (
        "a.jsonl", lines({"problem": ASK, "solution": "Count: 4", "answer": SAY}), USER,
    ),
    "columns of indexed values": ("a.json", json.dumps({n: {"0": v} for n, v in PAIR.items()}), USER),
    "rows under data": ("a.json", json.dumps({"version": 1, "data": [PAIR]}), USER),
    "one object over several lines": ("a.json", json.dumps(PAIR, indent=1), USER),
    "objects without line breaks": ("a.json", json.dumps(PAIR) * 3, USER),
    "text under another name": ("a.jsonl", lines({"body": SAY}), []),
    "NaN beside the columns": ("a.jsonl", '{"prompt": "2+2?", "completion": "4", "score": NaN}\n', USER),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_both_read_the_same_example(tmp_path: Path, name: str) -> None:
    file, content, before = FILES[name]
    path = tmp_path / file
    path.write_text(content, encoding="utf-8")
    cockpit = seen_by_the_cockpit(path)
    assert cockpit == seen_by_the_trainer(path)
    turns, target = cockpit
    assert turns == before
    assert target in (SAY, "B", "Count: 4")


def test_both_read_gzip_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(lines(PAIR).encode()))
    assert seen_by_the_cockpit(path) == seen_by_the_trainer(path) == (USER, SAY)


def test_both_read_parquet_and_arrow(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.Table.from_pylist([PAIR])
    parquet.write_table(table, tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    for name in ("a.parquet", "a.arrow"):
        assert seen_by_the_cockpit(tmp_path / name) == seen_by_the_trainer(tmp_path / name) == (USER, SAY)


READERS: tuple[Callable[[Path], object], ...] = (
    lambda path: list(open_source(str(path)).rows),
    lambda path: list(Rows(path)),
    lambda path: read_items(path, {}, name="held-out set"),
)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS"),
        ("a.jsonl", b"- question: a\n  answer: b\n", "YAML"),
        ("a.jsonl", b"{'question': 'a', 'answer': 'b'}\n", "Python literal"),
        ("a.jsonl", b'{"prompt": "a", "answer": "b"}\n{"prompt": "c", "ans', "cut off"),
        ("a.csv", b"prompt,answer\nWie gro\xdf?,1\n", "0xdf"),
        ("a.csv", b"prompt,answer\nwell, what?,1,\nand, then,this,too\n", "4 cells for 2 columns"),
        ("a.json", b'{"train": [{"prompt": "a"}], "test": [{"prompt": "b"}]}', "several splits"),
        ("a.jsonl", b"\xff\xfea\x00", "UTF-16"),
        ("a.json", b"<!DOCTYPE html><html></html>", "web page"),
        ("a.jsonl.zst", b"\x28\xb5\x2f\xfd", "zst"),
        ("a.jsonl.gz", gzip.compress(b'{"prompt": "a", "answer": "b"}\n' * 400, mtime=0)[:-20], "gzip"),
    ],
)
def test_both_refuse_the_same_with_one_sentence(tmp_path: Path, file: str, content: bytes, says: str) -> None:
    path = tmp_path / file
    path.write_bytes(content)
    told: list[str] = []
    for reader in READERS:
        with pytest.raises(CockpitError, match=says) as caught:
            reader(path)
        told.append(str(caught.value))
    assert len(set(told)) == 1
    assert caught.value.fix
