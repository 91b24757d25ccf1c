"""What may group the items is kept beside their score."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cockpit.contract import AttemptWriter
from trainers.data.items import Item
from trainers.report.summary import write_columns


def kept(root: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    items = [Item(str(row["id"]), row["prompt"], "", row) for row in rows]
    write_columns(cast("Any", SimpleNamespace(out=AttemptWriter(root))), root / "held_out", items)
    path = root / "held_out" / "columns.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else None


def test_short_values_that_repeat_are_kept_and_no_question(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": k, "prompt": f"{k}+1=?", "source": f"s{k // 2}", "page": "long " * 40, "hard": True}
        for k in range(4)
    ]
    del rows[3]["source"]
    rows[3]["level"] = 1
    assert kept(tmp_path, rows) == [
        {"item": "0", "source": "s0"}, {"item": "1", "source": "s0"}, {"item": "2", "source": "s1"}, {"item": "3"},
    ]  # fmt: skip


def test_where_nothing_repeats_nothing_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, [{"id": k, "prompt": f"{k}"} for k in range(4)]) is None
