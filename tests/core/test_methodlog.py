"""The method log is written once per decision and otherwise belongs to people."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.core.methodlog import HEADER, Entry, append, for_people, has, parse

DATASET = Entry("dataset", "train.jsonl, 700 rows, sha256 0f3a…", "2026-11-22", "", "dataset/0f3a")
VERDICT = Entry("verdict", "gained 0.385 on 200 items", "2026-11-22", "exp_0002", "verdict/exp_0002")


def test_a_line_reads_as_a_sentence_and_carries_its_key() -> None:
    assert (
        VERDICT.line()
        == "- 2026-11-22 · verdict · exp_0002: gained 0.385 on 200 items <!-- k:verdict/exp_0002 -->"
    )
    assert for_people(VERDICT.line()) == ["- 2026-11-22 · verdict · exp_0002: gained 0.385 on 200 items"]


def test_the_first_entry_brings_the_header_and_a_retry_changes_nothing() -> None:
    text = append("", DATASET)
    assert text == HEADER + DATASET.line() + "\n"
    assert append(text, DATASET) == text
    assert parse(append(text, VERDICT)) == [DATASET, VERDICT]


def test_hand_edits_survive_and_a_reworded_line_still_counts_as_written() -> None:
    text = append(append("", DATASET), VERDICT)
    edited = text.replace("gained 0.385 on 200 items", "GRPO works!! see my notes").replace(
        "# Method log", "# My log"
    )
    edited += "\nfree text, *no* list item\n  - an indented thought"
    assert append(edited, VERDICT) == edited
    longer = append(edited, Entry("note", "next", key="n1"))
    assert longer == edited + "\n- note · next <!-- k:n1 -->\n"


def test_a_line_that_was_deleted_by_hand_comes_back_only_when_told_again() -> None:
    text = append(append("", DATASET), VERDICT)
    without = text.replace(VERDICT.line() + "\n", "")
    assert not has(without, "verdict/exp_0002")
    assert append(without, VERDICT) == text


def test_windows_line_ends_are_kept() -> None:
    text = "# Log\r\n\r\n- mine\r\n"
    assert append(text, VERDICT) == text + VERDICT.line() + "\r\n"


def test_parse_takes_what_people_write() -> None:
    text = "\n".join([
        "# heading", "", "* 2026-11-20 · constraint · no gated models", "- plain thought", "-", "- ",
        "+ exp_0007: looked odd", "not a list", "- 2026-11-21 · exp_0001: no kind <!-- k:x -->", "1. numbered",
    ])  # fmt: skip
    assert [(e.date, e.kind, e.experiment, e.text, e.key) for e in parse(text)] == [
        ("2026-11-20", "constraint", "", "no gated models", ""),
        ("", "note", "", "plain thought", ""),
        ("", "note", "exp_0007", "looked odd", ""),
        ("2026-11-21", "note", "exp_0001", "no kind", "x"),
    ]


@given(st.sampled_from(("decision", "verdict", "note")), st.text(max_size=200), st.text(max_size=40))
def test_any_text_stays_on_one_line_and_is_found_again(kind: str, text: str, key: str) -> None:
    entry = Entry(kind, text, "2026-11-22", "exp_0001", key)
    log = append("", entry)
    assert log.count("\n") == HEADER.count("\n") + 1
    assert log.count("<!-- k:") == 1
    assert append(log, entry) == log


def test_entries_without_a_key_are_told_apart_by_their_words() -> None:
    one, other = Entry("note", "a"), Entry("note", "b")
    log = append(append("", one), other)
    assert len(parse(log)) == 2
    assert append(log, Entry("note", "  a ")) == log
