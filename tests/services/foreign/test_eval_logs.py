"""Two evaluation logs from elsewhere: Inspect, lm-eval and plain JSONL, paired by item; and what is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cockpit.services.foreign import eval_logs
from tests.support.cli import Cli

N = 60
Write = Callable[[Path, Sequence[bool]], Path]


def jsonl(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def plain(path: Path, right: Sequence[bool]) -> Path:
    return jsonl(path.with_suffix(".jsonl"), [{"id": k, "correct": ok} for k, ok in enumerate(right)])


def by_prompt(path: Path, right: Sequence[bool]) -> Path:
    return jsonl(
        path.with_suffix(".jsonl"), [{"prompt": f"{k}+1=?", "score": int(ok)} for k, ok in enumerate(right)]
    )


def lm_eval(path: Path, right: Sequence[bool]) -> Path:
    """As the harness writes it: a line a document and filter, the metrics by name."""
    folder = path.with_name(path.name + "-out")
    folder.mkdir()
    return jsonl(folder / "samples_gsm8k_2026-03-01T10-00-00.123456.jsonl", [
        {"doc_id": k, "doc": {"question": f"{k}+1=?", "answer": "x"}, "target": str(k), "arguments": {}, "filter": name,
         "resps": [["it is 3"]], "filtered_resps": ["3"], "doc_hash": f"h{k}", "metrics": ["exact_match"],
         "exact_match": float(ok and name == "strict-match")}
        for k, ok in enumerate(right) for name in ("strict-match", "flexible-extract")
    ]).parent  # fmt: skip


def samples(right: Sequence[bool]) -> list[dict[str, Any]]:
    return [
        {"id": k, "epoch": 1, "input": [{"role": "user", "content": f"{k}+1=?"}], "target": str(k), "metadata": {},
         "scores": {"match": {"value": "C" if ok else "I", "answer": "3"}}}
        for k, ok in enumerate(right)
    ]  # fmt: skip


HEADER = {"version": 2, "status": "success", "eval": {"task": "sums", "model": "openai/gpt"}}


def inspect_json(path: Path, right: Sequence[bool]) -> Path:
    path = path.with_suffix(".json")
    path.write_text(json.dumps({**HEADER, "samples": samples(right)}))
    return path


def inspect_eval(path: Path, right: Sequence[bool]) -> Path:
    path = path.with_suffix(".eval")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(HEADER))
        archive.writestr("summaries.json", json.dumps(samples(right)))
    return path


def inspect_samples(path: Path, right: Sequence[bool]) -> Path:
    path = path.with_suffix(".eval")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps(HEADER))
        for sample in samples(right):
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    return path


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, capsys)


@pytest.mark.parametrize("write", [plain, by_prompt, lm_eval, inspect_json, inspect_eval, inspect_samples])
def test_every_kind_is_paired_by_item_as_our_own_runs_are(cli: Cli, tmp_path: Path, write: Write) -> None:
    base = write(tmp_path / "base", [k < 20 for k in range(N)])
    run = write(tmp_path / "run", [k < 35 for k in range(N)][::-1][::-1])
    told = cli.json("compare", str(base), str(run))
    (pair,) = told["pairs"]
    assert [round(side["held_out_score"] * N) for side in told["experiments"]] == [20, 35]
    assert (pair["kind"], len(pair["won"]), len(pair["lost"])) == ("gained", 15, 0)
    assert pair["p"] == pytest.approx(2 / 2**15)
    assert pair["sentence"].startswith("Gained 0.250 on 60 paired items: 15 newly right, 0 newly wrong")


def test_items_of_one_log_alone_are_left_out_and_counted(cli: Cli, tmp_path: Path) -> None:
    base = plain(tmp_path / "base", [True] * 40)
    run = jsonl(
        tmp_path / "run.jsonl",
        [{"id": k, "passed": k % 2 == 0} for k in range(10, 43)] + [{"id": 9, "score": None}],
    )
    code, said = cli("compare", str(base), str(run))
    assert code == 0
    assert "10 items of base.jsonl are not in the other: left out." in said
    assert "3 items of run.jsonl are not in the other: left out." in said
    assert "1 item of run.jsonl has no score: left out." in said
    assert "on 30 items" in said


def test_empty_lines_and_ids_that_stand_twice_are_said(cli: Cli, tmp_path: Path) -> None:
    base = jsonl(tmp_path / "a.jsonl", [{"id": k, "score": 0.3} for k in range(30)])
    run = jsonl(tmp_path / "b.jsonl", [{"id": k, "score": 0.5} for k in (*range(30), 7)])
    run.write_text(run.read_text().replace("\n", "\n\n", 2))
    told = cli.json("compare", str(base), str(run))
    assert told["notes"] == [
        "2 empty lines of b.jsonl: left out.",
        "1 item of b.jsonl stands there more than once (7: 2 times), others not: an item's mean counts as one. Give "
        "different items different ids.",
    ]
    assert told["pairs"][0]["sentence"].startswith("Gained 0.200 on 30 paired items: 30 better, 0 worse")
    assert "samples each" not in cli("compare", str(base), str(run))[1]


def test_the_same_id_for_another_question_is_no_pair(cli: Cli, tmp_path: Path) -> None:
    base = jsonl(tmp_path / "a.jsonl", [{"id": k, "prompt": f"q{k}", "score": 1} for k in range(20)])
    run = jsonl(tmp_path / "b.jsonl", [{"id": k, "prompt": f"q{k % 15}", "score": 1} for k in range(20)])
    told = cli.json("compare", str(base), str(run))
    assert told["notes"] == ["5 items with the same id have another question in each: left out."]
    assert told["experiments"][0]["n_items"] == 15
    jsonl(tmp_path / "b.jsonl", [{"id": k, "prompt": f"p{k}", "score": 1} for k in range(20)])
    assert (
        "share 20 items by id, and each asks another"
        in cli.json("compare", str(base), str(run), code=2)["error"]
    )


def test_a_question_that_a_summary_cut_is_the_same_one(cli: Cli, tmp_path: Path) -> None:
    asks = [f"{k}: " + "word " * 20 for k in range(8)]
    base = jsonl(tmp_path / "a.jsonl", [{"id": k, "prompt": ask, "score": 1} for k, ask in enumerate(asks)])
    run = jsonl(
        tmp_path / "b.jsonl",
        [{"id": k, "prompt": ask[:30] + "...", "score": 1} for k, ask in enumerate(asks)],
    )
    assert cli.json("compare", str(base), str(run))["notes"] == []


def test_several_answers_an_item_are_one_item_each_with_pass_at_k(cli: Cli, tmp_path: Path) -> None:
    def epochs(path: Path, right: int) -> Path:
        rows = [{**one, "epoch": epoch} for epoch in range(4) for one in samples([epoch < right] * N)]
        path.write_text(json.dumps({**HEADER, "samples": rows}))
        return path

    told = cli.json("compare", str(epochs(tmp_path / "a.json", 1)), str(epochs(tmp_path / "b.json", 3)))
    (pair,) = told["pairs"]
    assert told["experiments"][0]["n_items"] == N
    assert [(one["k"], one["kind"]) for one in pair["pass_at"]["k"]] == [
        (1, "gained"),
        (2, "gained"),
        (4, "level"),
    ]
    assert "60 paired items" in pair["sentence"]


def test_groups_are_found_in_the_rows_or_named(cli: Cli, tmp_path: Path) -> None:
    def grouped(path: Path, right: int) -> Path:
        rows = [{"id": k, "score": int(k < right), "source": f"s{k // 5}", "topic": k // 6} for k in range(N)]
        return jsonl(path, rows)

    files = str(grouped(tmp_path / "a.jsonl", 10)), str(grouped(tmp_path / "b.jsonl", 30))
    assert "in 12 groups by source" in cli.json("compare", *files)["pairs"][0]["sentence"]
    assert (
        "in 10 groups by topic" in cli.json("compare", *files, "--cluster", "topic")["pairs"][0]["sentence"]
    )
    assert "groups" not in cli.json("compare", *files, "--cluster", "")["pairs"][0]["sentence"]
    assert "no column 'sorce'" in cli.json("compare", *files, "--cluster", "sorce", code=2)["error"]


def test_a_metric_can_be_chosen(cli: Cli, tmp_path: Path) -> None:
    rows = [{"id": k, "acc": k % 2, "f1": 0.5 + k / 100} for k in range(30)]
    a, b = jsonl(tmp_path / "a.jsonl", rows), jsonl(tmp_path / "b.jsonl", rows)
    assert cli.json("compare", str(a), str(b))["experiments"][0]["held_out_score"] == pytest.approx(0.5)
    chosen = cli.json("compare", str(a), str(b), "--metric", "f1")
    assert chosen["experiments"][0]["held_out_score"] == pytest.approx(0.645)
    harness = [lm_eval(tmp_path / name, [True] * 9) for name in "xy"]
    told = cli.json("compare", *map(str, harness))
    assert told["notes"] == [
        "Judged by exact_match,strict-match; --metric takes another: exact_match,flexible-extract."
    ]
    other = cli.json("compare", *map(str, harness), "--metric", "exact_match,flexible-extract")
    assert other["experiments"][0]["held_out_score"] == 0


SCORES = [
    (True, 1.0), (False, 0.0), (1, 1.0), (0.25, 0.25), ("C", 1.0), ("I", 0.0), ("P", 0.5), ("N", 0.0), ("true", 1.0),
    ("0.5", 0.5), (None, None), ("abc", None), (87.0, None), (-1, None), (float("nan"), None), (10**400, None),
    ([1], None), ({"value": 1}, None), ("9" * 9999, None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "wanted"), SCORES)
def test_what_counts_as_a_score(value: object, wanted: float | None) -> None:
    assert eval_logs.score_of(value) == wanted


def text(content: str | bytes, name: str = "bad.jsonl") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / name

    return write


def archive(**members: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "bad.eval", "w") as made:
            for name, content in members.items():
                made.writestr(f"{name}.json", content)
        return folder / "bad.eval"

    return write


REFUSED: list[tuple[Callable[[Path], Path], str]] = [
    (lambda folder: folder / "none.jsonl", "no such file"),
    (text(""), "no item of it has a score"),
    (text('{"id": 1, "score": 1}\n{"id": 2, "sc'), "bad.jsonl:2"),
    (text('{"id": 1, "text": "x"}\n'), "has no score: its columns are id, text"),
    (text('{"score": 1}\n'), "names no item"),
    (text('{"id": 1, "score": 87.5}\n'), "'87.5', which is no score of 0..1"),
    (text('{"id": 1, "score": NaN}\n'), "bad.jsonl"),
    (text('{"id": 1, "score": null}\n'), "no item of it has a score"),
    (text("[" * 100_000, "bad.json"), "nested too deeply"),
    (text(b"\xff\xfe\x00", "bad.json"), "is not JSON"),
    (text('{"results": {}, "configs": {}}', "bad.json"), "--log_samples"),
    (text('{"eval": {"task": "t"}, "results": {}}', "bad.json"), "has no samples"),
    (text(b"PK\x03\x04 and nothing more", "bad.eval"), "archive is broken"),
    (archive(other="{}"), "no header.json"),
    (archive(header="[" * 100_000), "nested too deeply"),
    (archive(header=json.dumps(HEADER), summaries='{"a": 1}'), "no item of it has a score"),
    (
        archive(header=json.dumps({"eval": {"task": "other"}}), summaries=json.dumps(samples([True]))),
        "no item",
    ),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
def test_what_is_no_log_is_refused_in_a_sentence(
    cli: Cli, tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    good = by_prompt(tmp_path / "good", [True] * 8)
    told = cli.json("compare", str(good), str(make(tmp_path)), code=2)
    assert says in f"{told['file']}:{told['line']} {told['error']} {told['mend']}"


def test_logs_of_different_tasks_or_metrics_are_not_compared(cli: Cli, tmp_path: Path) -> None:
    one, two = inspect_json(tmp_path / "a", [True] * 8), tmp_path / "b.json"
    two.write_text(one.read_text().replace('"sums"', '"products"'))
    assert "different tasks" in cli.json("compare", str(one), str(two), code=2)["error"]
    two.write_text(one.read_text().replace('"match"', '"judge"'))
    assert "no metric in common" in cli.json("compare", str(one), str(two), code=2)["error"]
    assert (
        "not both logs have the metric 'f1'"
        in cli.json("compare", str(one), str(one), "--metric", "f1", code=2)["error"]
    )
    assert "two at a time" in cli.json("compare", *[str(one)] * 3, code=2)["error"]
    assert "not compared with a file" in cli.json("compare", str(one), "exp_0001", code=2)["error"]


def test_more_than_fits_is_refused_before_it_is_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive's own figures are not believed: what comes out of it is counted."""
    monkeypatch.setattr(eval_logs, "MOST_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.eval"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("header.json", json.dumps(HEADER))
        made.writestr("summaries.json", "[" + " " * (8 << 20) + "]")
    assert "more than" in cli.json("compare", str(bomb), str(bomb), code=2)["error"]


def test_nothing_hostile_acts_on_the_terminal(cli: Cli, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07[red]\u202e\nnext"
    files = []
    for name, ok in (("a", True), ("b", False)):
        rows = [{"id": f"{k}{evil}", "prompt": evil, "completion": evil, "score": ok} for k in range(8)]
        files.append(str(jsonl(tmp_path / f"{name}.jsonl", rows)))
    code, said = cli("compare", *files)
    assert code == 0
    assert "\x1b" not in said
    assert "\u202e" not in said
