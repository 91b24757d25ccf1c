"""What the parts of the screen say, as pure functions: values in, lines out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from cockpit.core.findings import Finding
from cockpit.core.scores import Delta, Score
from cockpit.services.workspace.workspace import ExperimentView
from cockpit.ui.backend.summary import GpuLine, Hardware, WorkspaceSnapshot
from cockpit.ui.dashboard import bars, tree
from cockpit.ui.findings.view import finding_lines
from cockpit.ui.pages import method
from cockpit.ui.run import answers
from cockpit.ui.text import log_lines
from cockpit.ui.text.glyphs import ASCII, UNICODE, wants_ascii
from cockpit.ui.text.lines import Line, fold, line, to_strip
from cockpit.ui.text.scores import delta_spans, number, score_spans, share


def plain_text(lines: Iterable[Line]) -> str:
    return "\n".join(item.plain for item in lines)


def _view(id_: str = "exp_0001", **fields: object) -> ExperimentView:
    base = ExperimentView(
        id=id_, parent=None, technique="sft", lora=False, hypothesis="an idea", created=0.0, status="draft",
        attempt=None, attempt_dir=None, model="m", verifier="exact",
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, ".000"), (0.7251, ".725"), (1.0, "1.000"), (float("nan"), "?"), (float("inf"), "?")],
)
def test_shares(value: float, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (12.0, "12"), (0.00012, "1.20e-4"), (123456.0, "1.23e5"), (1234.5, "1 234"),
     (float("nan"), "nan"), (float("-inf"), "-inf"), (-0.5, "-0.5"), (2.71828, "2.718")],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
    assert len(number(value)) <= 9


def test_a_score_never_stands_without_its_interval() -> None:
    for wide in (True, False):
        text = "".join(part for part, _ in score_spans(Score.of(0.32, 200), wide=wide, glyphs=UNICODE))
        assert text.startswith(".320")
        assert "[" in text or "±" in text
    assert score_spans(None, wide=True, glyphs=ASCII)[0][0] == "-"


@pytest.mark.parametrize(
    ("kind", "says"),
    [("gained", "▲ gained"), ("lost", "▼ lost"), ("level", "= level"), ("too_few", "? in the noise"),
     ("incomparable", "not comparable")],
)  # fmt: skip
def test_a_delta_says_in_words_what_it_is(kind: str, says: str) -> None:
    delta = Delta(kind, 0.1, 0.0, 0.2, 0.01, 200, "")  # type: ignore[arg-type]
    assert says in "".join(text for text, _ in delta_spans(delta, UNICODE))


# -- the tree ----------------------------------------------------------------------------------------------------------


def test_the_tree_draws_branches_and_cuts_deep_ones_from_the_left() -> None:
    views = [_view(f"exp_{n:04d}", depth=n) for n in range(8)]
    rows = tree.tree_lines(views, width=80, glyphs=UNICODE)
    assert rows[0].plain.startswith(" exp_0000")
    assert "└exp_0001" in rows[1].plain
    assert "…" in rows[7].plain
    assert "exp_0007" in rows[7].plain, "the name itself is never cut"
    starts = {row.plain.index(" SFT") for row in rows}
    assert len(starts) == 1, "columns stay columns"


def test_marks_are_signs_not_colours() -> None:
    views = [_view("exp_0001"), _view("exp_0002"), _view("exp_0003")]
    rows = tree.tree_lines(views, width=80, glyphs=ASCII, marked=["exp_0002"], pinned="exp_0003")
    assert [row.plain[0] for row in rows] == [" ", "+", "@"]


def test_a_hostile_hypothesis_is_one_harmless_line() -> None:
    rows = tree.tree_lines([_view(hypothesis="a\nb\x1b[2J\u202ec")], width=80, glyphs=UNICODE)
    assert len(rows) == 1
    assert "␛[2J" in rows[0].plain
    assert "\n" not in rows[0].plain


# -- bars --------------------------------------------------------------------------------------------------------------


def test_the_machine_says_what_is_tight_in_words() -> None:
    tight = Hardware(cpu=100, memory_used=23.0, memory_total=24.0, disk_free=3.2,
                     gpus=(GpuLine("H100", 90, 61, 80, 65),))  # fmt: skip
    text = bars.hardware_line(tight, UNICODE).plain
    for words in ("cpu 100 %", "nearly full", "gpu0 90 % 61/80 GB 65 C", "disk: 3.2 GB left"):
        assert words in text
    assert "no gpu" in bars.hardware_line(Hardware(), UNICODE).plain
    assert bars.hardware_line(None, UNICODE).plain == "hardware: not read yet"


@pytest.mark.parametrize("width", [30, 60, 80, 160])
def test_the_title_fits(width: int) -> None:
    snapshot = WorkspaceSnapshot(
        Path("/ws"), "a name", "/models/long/" + "m" * 60, "held_out.jsonl", "tagged:answer"
    )
    assert bars.title_line(snapshot, width, UNICODE).width <= max(width, 40)


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "wordwordword" * 9, "日本語" * 20, "a  b", "one\ntwo", "é" * 50]
)
@pytest.mark.parametrize("width", [1, 2, 5, 20])
def test_folded_text_fits_and_loses_no_word(text: str, width: int) -> None:
    lines = fold(text, width)
    assert all(cell_len(part) <= max(width, 2) for part in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_strip_is_as_wide_as_it_was_asked_to_be() -> None:
    source = line("日本語テキスト", " and \x1b[31m more")
    for width in range(30):
        assert to_strip(source, width, UNICODE).cell_length == width
        assert to_strip(source, width, ASCII, offset=3).cell_length == width


def test_a_progress_bar_shows_its_last_state() -> None:
    assert log_lines.log_line("10 %\r50 %\r90 %\n").plain == "90 %"


def test_a_log_of_any_length_is_dressed_line_by_line() -> None:
    dressed: list[str] = []

    def dress(text: str):
        dressed.append(text)
        return log_lines.log_line(text)

    lines = log_lines.LogLines([f"line {n}" for n in range(100_000)], dress)
    assert len(lines) == 100_000
    assert plain_text(lines[99_998:]) == "line 99998\nline 99999"
    assert lines[-1].plain == "line 99999"
    assert len(dressed) == 3


def test_the_method_log_of_one_experiment() -> None:
    text = [
        "# Method log",
        "",
        "- 2026-11-18 · target · m on h",
        "- 2026-11-18 · verdict · exp_0001: a",
        "- exp_0002: b",
        "my own words",
    ]
    assert method.about(text, "exp_0001") == [
        "2026-11-18 · target · m on h",
        "2026-11-18 · verdict · exp_0001: a",
    ]
    assert len(method.about(text, None)) == 3
    assert method.short("2026-11-18 · note · x\ny") == "note · x⏎y"
    assert method.entry_lines([], 40)[0].plain.startswith("nothing decided yet")


def test_findings_say_their_severity_in_a_word() -> None:
    for severity, word in (("block", "blocks"), ("alarm", "alarm"), ("warn", "warning"), ("info", "note")):
        found = Finding("rule", severity, "it is so", ("because",), "do that", "a source")  # type: ignore[arg-type]
        text = plain_text(finding_lines([found], width=60, glyphs=ASCII))
        assert f"{word}: it is so" in text
        assert "do that" in text


# -- answers -----------------------------------------------------------------------------------------------------------

ROWS = [
    {"item": "a", "passed": True, "parsed": "1", "score": 1.0},
    {"item": "b", "passed": False, "parsed": "2", "score": 0.0},
    {"item": "c", "passed": False, "parsed": None, "score": 0.0},
    {"item": "d", "passed": False, "parsed": "3", "score": 0.5},
]


def test_verdicts() -> None:
    assert [answers.verdict(row, UNICODE)[1] for row in ROWS] == ["right", "wrong", "unparsed", "0.5"]
    signs = {answers.verdict(row, ASCII)[0] for row in ROWS}
    assert len(signs) == 4, "each has a sign of its own, without colours and without Unicode"


def test_the_slices_of_a_full_pass_add_up() -> None:
    parts = {name: len(answers.in_slice(ROWS, name)) for name in ("all", "wrong", "unparsed", "right")}
    assert parts == {"all": 4, "wrong": 2, "unparsed": 1, "right": 1}


@pytest.mark.parametrize(
    "row",
    [{}, {"prompt": 3, "completion": None, "rewards": [1]}, {"prompt": [1, {"role": "x"}], "score": "?"}],
)
def test_odd_rows_are_shown_all_the_same(row: dict[str, object]) -> None:
    for lines in (
        answers.answer_lines([row], width=60, glyphs=UNICODE),
        answers.rollout_lines([row], width=60, glyphs=UNICODE),
        answers.item_lines(row, width=60, glyphs=UNICODE),
    ):
        assert lines
        assert all("\n" not in item.plain for item in lines)


def test_a_list_shows_what_the_last_user_asks_not_the_system_prompt() -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2=?"}]
    written = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2=?<|im_end|>\n<|im_start|>assistant\n"
    )
    for prompt in (turns, written):
        row = {"prompt": prompt, "completion": "4", "score": 1.0, "passed": True, "parsed": "4"}
        for lines in (answers.answer_lines, answers.rollout_lines):
            text = plain_text(lines([row], width=80, glyphs=UNICODE))
            assert ("2+2=?" in text, "Be brief" in text) == (True, False)
        assert "Be brief" in plain_text(answers.item_lines(row, width=80, glyphs=UNICODE))


def test_a_group_without_spread_is_named() -> None:
    rows = [{"group": "g", "score": 0.0, "completion": "x", "parsed": "1"} for _ in range(4)]
    assert "no spread" in plain_text(answers.rollout_lines(rows, width=120, glyphs=UNICODE))
    rows[0]["score"] = 1.0
    assert "no spread" not in plain_text(answers.rollout_lines(rows, width=120, glyphs=UNICODE))


# -- signs -------------------------------------------------------------------------------------------------------------


def test_every_sign_is_one_cell_wide_in_both_tables() -> None:
    for table in (UNICODE, ASCII):
        assert {sign: cell_len(sign) for sign in table[1:]} == dict.fromkeys(table[1:], 1)
    assert all(sign.isascii() for sign in ASCII[1:])


@pytest.mark.parametrize(
    ("env", "encoding", "ascii"),
    [({}, "utf-8", False), ({}, "ANSI_X3.4-1968", True), ({"COCKPIT_ASCII": "1"}, "utf-8", True),
     ({"COCKPIT_ASCII": "0"}, "ascii", False), ({"TERM": "linux"}, "utf-8", True)],
)  # fmt: skip
def test_which_terminals_get_ascii(env: dict[str, str], encoding: str, ascii: bool) -> None:
    assert wants_ascii(env, encoding) is ascii
