"""What stands in the thinking is no answer, and thinking that never ends never passes, whatever stands in it."""

from __future__ import annotations

import pytest

from cockpit.verifiers import load, thinking

FORMS = [
    ("exact", "18"), ("tagged:answer", "<answer>18</answer>"), ("numeric", "18"), ("boxed", "\\boxed{18}"),
    ("hashes", "#### 18"), ("choice", "(B)"), ("f1", "18"), ("regex:answer: (\\w+)", "answer: 18"),
    ("regex:^(\\d+)$", "18"), ("tool-call", '{"name": "f", "arguments": {}}'),
]  # fmt: skip
GOLD = {"choice": "B", "tool-call": '[{"name": "f", "arguments": {}}]'}


@pytest.mark.parametrize(("spec", "answer"), FORMS)
def test_thinking_is_no_answer_to_any_verifier(spec: str, answer: str) -> None:
    verifier, item = load(spec), {"answer": GOLD.get(spec, "18")}
    wrong = "(C)" if spec == "choice" else answer.replace("18", "17").replace('"f"', '"g"')
    assert verifier(f"<think>perhaps {wrong}</think>\n{answer}", item).passed
    assert verifier(f"perhaps {wrong}\n</think>\n{answer}", item).passed, "the prompt opened it"
    for unfinished in (
        f"<think>{answer}",
        f"<think>\n{answer}\n",
        f"{answer}\n<think>or",
        f"</think>{answer}<think>",
    ):
        verdict = verifier(unfinished, item)
        assert verdict.score == 0.0
        assert "never closed" in verdict.why
    for inside in (f"<think>{answer}</think>", f"<think>{answer}</think>\n{wrong}", f"{answer}</think>"):
        assert verifier(inside, item).score < 1.0, inside


@pytest.mark.parametrize(("spec", "answer"), [form for form in FORMS if form[0] != "regex:^(\\d+)$"])
def test_an_option_reads_the_answer_in_the_thinking_but_not_an_unfinished_one(spec: str, answer: str) -> None:
    verifier, item = load(f"thinking=read/{spec}"), {"answer": GOLD.get(spec, "18")}
    assert verifier(f"<think>{answer}</think>", item).passed
    assert not verifier(f"<think>{answer}", item).passed
    assert verifier.fingerprint != load(spec).fingerprint
    assert load(verifier.spec).spec == verifier.spec


@pytest.mark.parametrize(("spec", "answer"), FORMS)
def test_thinking_that_the_prompt_began_must_be_closed_too(spec: str, answer: str) -> None:
    item = {"answer": GOLD.get(spec, "18")}
    verifier = load(spec).after("<|user|>How many?<|assistant|><think>\n")
    assert not verifier(answer, item).passed
    assert "never closed" in verifier(f"so it is {answer}", item).why
    assert verifier(f"perhaps\n</think>\n{answer}", item).passed
    for prompt in ("<|assistant|>", "<think>\n\n</think>\n\n", "say <think> first\n<|assistant|>"):
        assert load(spec).after(prompt)(answer, item).passed, prompt
    assert load("tagged:think").after("<think>")("<think>18</think>", {"answer": "18"}).passed


@pytest.mark.parametrize("marks", thinking.MARKS)
def test_the_marks_of_every_family_count(marks: tuple[str, str]) -> None:
    opening, closing = marks
    assert load("numeric")(f"{opening}17{closing}18", {"answer": "18"}).passed
    assert not load("numeric")(f"{opening}18{closing} done", {"answer": "18"}).passed
    assert not load("numeric")(f"{opening}18".upper(), {"answer": "18"}).passed


def test_a_mark_that_is_talked_about_opens_nothing_and_a_tag_of_ones_own_is_the_answer() -> None:
    assert load("numeric")("Write `<think>` first. 18", {"answer": "18"}).passed
    assert load("tagged:think")("<think>18</think>", {"answer": "18"}).passed
    assert load("numeric")("<think><think>17</think>18", {"answer": "18"}).passed, (
        "one that the template opened twice"
    )


def test_a_pattern_may_ask_for_the_thinking_but_not_take_its_answer_from_it() -> None:
    text, item = "<think>17 or 18</think><answer>18</answer>", {"answer": "18"}
    assert load("regex:^<think>.*?</think><answer>(.*?)</answer>$")(text, item).passed
    verdict = load("regex:(\\d+)</think>")(text, item)
    assert not verdict.parsed
    assert "thinking=read/regex" in verdict.why


def test_places_point_into_the_completion_and_gold_answers_lose_their_thinking() -> None:
    text = "<think>\\boxed{17}</think> so \\boxed{ 18 }"
    verdict = load("boxed")(text, {"answer": "<think>17?</think>\n#### 18"})
    assert verdict.passed
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == "18"
