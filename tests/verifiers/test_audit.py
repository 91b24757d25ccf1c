"""An audit finds the verifiers that a policy would outwit, and has nothing against those that are sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.verifiers import load
from cockpit.verifiers.audit.audit import audit
from cockpit.verifiers.judges import ModuleJudge
from cockpit.verifiers.verdict import Found, Verdict

NUMBERS = [{"answer": gold} for gold in ("18", "1234", "-3", "0", "0.5", "12,000", "3/4", "… #### 7")]
WORDS = [{"answer": gold} for gold in ("Paris", "the cat sat", "x^2", "\\frac{1}{2}")]
CALLED = [{"name": "w", "arguments": {"city": "Rome", "d": 2}}, {"name": "t", "arguments": {}}]
CALLS = [{"answer": CALLED}, {"answer": []}]
MATHS = [{"answer": gold} for gold in ("18", "\\frac{1}{2}", "x^2", "50\\%", "10%", "10\\%")]
SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
CODE = [
    {"test_list": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"], "code": "def add(a, b):\n    return a + b"},
    {"tests": "assert f(2) == [1, 2]", "entry_point": "f"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "items"),
    [
        ("exact", NUMBERS), ("exact", WORDS), ("tagged:answer", NUMBERS), ("tagged:answer", WORDS),
        ("numeric", NUMBERS),
        ("boxed", NUMBERS), ("boxed", WORDS), ("hashes", NUMBERS), ("f1", WORDS), ("regex:(-?\\d+)", NUMBERS[:1]),
        ("choice", [{"answer": letter} for letter in "ABCD"]),
        ("choice:A", [{"answer": "A"}]), ("tool-call", CALLS), ("tagged:think", NUMBERS),
        ("json-schema", [{"schema": SCHEMA, "answer": '{"a": 1, "b": [1, 2]}'}]), ("tests", CODE),
        ("thinking=read/boxed", NUMBERS), ("math", MATHS),
    ],
)  # fmt: skip
def test_sound_verifiers_have_a_clean_audit(spec: str, items: list[dict[str, Any]]) -> None:
    found = audit(load(spec), items)
    assert found.ok, [(m.case, m.why) for m in found.mistakes]
    assert {"exploit", "unfinished"} - set(found.cases) <= (
        {"unfinished"} if spec == "tagged:think" else set()
    )
    assert (found.false_accepts, found.false_rejects, found.unchecked, found.rejected) == (0, 0, 0, 0)
    assert f"all {found.cases.total()} cases" in found.sentence()


LAX = """
def contains(completion, item):
    return str(item["answer"]) in completion

def last_word(completion, item):
    return completion.split()[-1:] == [str(item["answer"])]

def to_the_letter(completion, item):
    return completion == str(item["answer"])

def never(completion, item):
    return 0.0
"""


@pytest.fixture
def lax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"lax_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(LAX)
    monkeypatch.chdir(tmp_path)
    return name


def test_functions_of_ones_own_that_can_be_outwitted_or_are_too_strict_are_told(lax: str) -> None:
    contains = audit(load(f"{lax}:contains"), NUMBERS[:3])
    assert not contains.ok
    assert contains.false_accepts > 0
    assert contains.false_rejects == 0
    what = {mistake.case.what for mistake in contains.mistakes}
    assert {
        "the number with a digit more",
        "the right answer, then a wrong one",
    } <= what
    apart = {mistake.case.what for mistake in contains.doubtful}
    assert {"the answer in the thinking alone", "one over it"} <= apart
    assert not apart & what
    assert "may be meant so" in contains.sentence()
    assert contains.accepting_items == 3
    shown = [mistake.case.what for mistake in contains.examples()]
    assert set(shown[: len(what)]) == what, "each once before any twice"
    told = contains.as_dict()
    assert told["false_accepts"] == sum(kind["wrong"] for kind in told["cases"].values())
    strict = audit(load(f"{lax}:to_the_letter"), NUMBERS[:3])
    assert (strict.false_accepts, {mistake.case.kind for mistake in strict.mistakes}) == (0, {"formatting"})
    assert "rejects 3 right answers;" in strict.sentence()
    sound = audit(load(f"{lax}:last_word"), NUMBERS[:3])
    assert sound.false_rejects == 0


def test_gold_answers_that_fail_or_can_t_be_written_are_counted_apart(lax: str) -> None:
    never = audit(load(f"{lax}:never"), NUMBERS[:2])
    assert (never.rejected, never.false_rejects, never.ok) == (2, 2, False)
    assert "rejects 2 gold answers outright (first: the gold answer itself, item 1)" in never.sentence()
    assert {shown.case.what for shown in never.examples()} == {"the gold answer itself"}
    assert all(shown.why for shown in never.examples())
    unwritten = audit(load("regex:Answer: (\\d+)"), NUMBERS[:2])
    assert (unwritten.unchecked, unwritten.ok) == (2, False)
    assert "could not be audited" in unwritten.sentence()
    written = audit(load("regex:Answer: (\\d+)"), NUMBERS[:2], write=lambda answer: f"Answer: {answer}")
    assert written.ok


def test_tests_without_a_solution_are_no_proof_that_right_ones_pass() -> None:
    items = [{"prompt": "Add.", "tests": "assert add(1, 2) == 3", "entry_point": "add"}]
    found = audit(load("tests"), items)
    assert (found.unsolved, found.ok, found.false_accepts) == (1, True, 0)
    assert found.sentence().startswith("The verifier tests rejects all")
    assert "No right answer was tried: the data holds no solution." in found.sentence()


def test_a_function_of_ones_own_is_asked_of_few_items_and_for_a_bounded_time(
    lax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    verifier = load(f"{lax}:last_word")

    def ask(_: object, found: Found, item: dict[str, Any], gold: str) -> Verdict:
        calls.append(found.answer)
        right = found.answer.split()[-1:] == [gold]
        return Verdict(float(right), True, found.answer, "", None)

    monkeypatch.setattr(ModuleJudge, "judge", ask)
    items = [{"answer": str(n)} for n in range(100, 150)]
    few = audit(verifier, items, clock=lambda: 0.0)
    assert (few.items, few.unasked, few.unasked_items) == (8, 0, 0)
    assert len(calls) < 8 * 20
    calls.clear()
    late = audit(verifier, items, clock=lambda: 2.0 * len(calls))
    assert len(calls) == 30, "sixty seconds, at two a call"
    assert late.unasked_items > 0
    assert late.items + late.unasked_items == 8
    assert "were not asked about" in late.sentence()
