"""The decision tree: a table of situations, the technique that each must end in, and those that must not."""

from __future__ import annotations

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.core.technique.decision import advise, keys, parse_answers
from cockpit.core.technique.ends import ENDS
from cockpit.core.technique.facts import RANKED, Facts
from cockpit.core.technique.tree import NODES

QA = Facts(shape="question-answer", rows=7000, form="hashes", gold_answers=True, has_demonstrations=True)
TINY = Facts(shape="question-answer", rows=620, form="short", gold_answers=True, verifier="tagged:answer",
             gold_accepted=1.0, base_score=0.32, base_items=200, base_parsed=0.4)  # fmt: skip
PAIRS = Facts(shape="preference", rows=300)
LABELS = Facts(shape="labelled", rows=300, labels_good=0.5)
DEMOS = Facts(shape="alpaca", rows=999, has_demonstrations=True)
SCORED = Facts(shape="trajectories", rows=500, passed=0.4)


@pytest.mark.parametrize(
    ("facts", "answers", "technique"),
    [
        # The source text's table: verifiable, pairs, demonstrations, a scorer with SFT's stability.
        (QA, {}, "grpo"),
        (TINY, {}, "grpo"),
        (PAIRS, {}, "dpo"),
        (LABELS, {}, "kto"),
        (DEMOS, {}, "sft"),
        (QA, {"stability": "yes"}, "rft"),
        (SCORED, {}, "rft"),
        # The twigs.
        (QA, {"drift": "yes"}, "rloo"),
        (PAIRS, {"start": "base"}, "orpo"),
        (PAIRS, {"room": "no"}, "orpo"),
        (Facts(shape="preference", lora=True), {}, "dpo"),
        (Facts(shape="preference", instruct=False), {}, "orpo"),
        (Facts(shape="labelled", labels_good=1.0), {}, "sft"),
        (Facts(shape="text", rows=100), {}, "sft"),
        # Demonstrations with something that can check them are verifiable after all.
        (DEMOS, {"verifier": "yes"}, "grpo"),
        (Facts(shape="messages", has_demonstrations=True, verifier="boxed", gold_accepted=1.0), {}, "grpo"),
        # A base that never scores: a short SFT first where there are worked answers, none where there aren't.
        (QA, {"base": "never"}, "sft"),
        (Facts(shape="question-answer", form="number", gold_answers=True), {"base": "never"}, None),
        # None of these is the answer: knowledge, a ceiling, a better prompt.
        (QA, {"missing": "knowledge"}, None),
        (Facts(shape="question-answer", form="choice", verifier="choice", gold_accepted=1.0, base_score=0.10,
               base_items=400, base_parsed=0.99, random_score=0.25), {}, None),
        (QA, {"prompting": "enough"}, None),
        (Facts(shape="question-answer", form="hashes", base_score=0.98, base_items=200), {}, None),
        (Facts(shape="labelled", labels_good=0.0), {}, None),
        (Facts(shape="trajectories", passed=0.0), {}, None),
    ],
)  # fmt: skip
def test_each_situation_ends_in_its_technique(
    facts: Facts, answers: dict[str, str], technique: str | None
) -> None:
    advice = advise(facts, answers)
    assert not advice.undecided
    assert advice.technique == technique
    assert advice.name == (technique or "none")
    assert {rank.technique for rank in advice.ranked} == set(RANKED)
    if technique:
        assert advice.ranked[0].technique == technique
        assert advice.ranked[0].fit == "best"
    else:
        assert advice.instead, "where none fits it says what to do instead"
    assert advice.why
    assert advice.source
    assert all(step.because for step in advice.path)
    assert all(branch.why for branch in advice.not_taken)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        # Unparsed answers say nothing about knowledge, so a low score alone must not end in `knowledge`.
        (Facts(shape="question-answer", form="choice", base_score=0.0, base_items=200, base_parsed=0.1,
               random_score=0.25), "the form is what is missing"),
        # Inside the noise of the chance level.
        (Facts(shape="question-answer", form="choice", base_score=0.22, base_items=50, base_parsed=1.0,
               random_score=0.25), "0.22 of 50 is not below 0.25"),
        # Greedy 0 is no proof that sampled answers never pass.
        (Facts(shape="question-answer", form="hashes", base_score=0.0, base_items=200), "greedy only"),
    ],
)  # fmt: skip
def test_what_must_not_end_the_tree_early(facts: Facts, why: str) -> None:
    assert advise(facts).technique == "grpo", why


def test_the_comfortable_choice_is_named_when_it_is_about_to_be_made() -> None:
    assert any("comfortable" in text for text in advise(QA, {"intend": "sft"}).warnings)
    assert not any("comfortable" in text for text in advise(QA, {"intend": "grpo"}).warnings)
    assert not any("comfortable" in text for text in advise(QA).warnings)
    assert not any("comfortable" in text for text in advise(DEMOS, {"intend": "sft"}).warnings)


@pytest.mark.parametrize(
    ("facts", "fires", "says"),
    [
        (TINY, True, "Start the RL from the base"),
        (DEMOS, False, "Start the RL from the base"),
        (Facts(shape="question-answer", form="hashes", sft_runs_at_zero=2), True, "class of technique is wrong"),
        (Facts(shape="question-answer", form="hashes", sft_runs_at_zero=1), False, "class of technique is wrong"),
        (Facts(shape="question-answer", form="hashes", base_score=0.0, base_items=9), True, "Measure sampled answers"),
        (Facts(shape="question-answer", form="hashes", base_score=0.0, base_items=9, base_sampled=0.1), False,
         "Measure sampled answers"),
        (Facts(shape="question-answer", form="hashes", base_score=0.3), True, "for a competent base"),
        (Facts(shape="question-answer", form="hashes", base_score=0.025), False, "for a competent base"),
        (Facts(shape="question-answer", form="hashes", base_score=0.025), True,
         "not yet competent here: it passes 2.5%, so at most 18% of the groups of 8"),
        (Facts(shape="question-answer", form="hashes", base_score=0.025, base_sampled=0.2), False, "not yet competent"),
        (Facts(shape="labelled", labels_good=0.9), True, "undesirable_weight"),
        (Facts(shape="labelled", labels_good=0.5), False, "desirable_weight"),
        (Facts(shape="preference", identical_pairs=0.2), True, "both sides are the same"),
        (Facts(shape="preference", rows=30), True, "rows are few"),
        (Facts(shape="preference", rows=300), False, "rows are few"),
        (Facts(shape="question-answer", form="hashes", base_score=0.1, base_any_form=0.8), True, "in any form"),
        (Facts(shape="question-answer", form="hashes", base_score=0.7, base_any_form=0.8), False, "in any form"),
    ],
)  # fmt: skip
def test_cautions_fire_where_they_apply(facts: Facts, fires: bool, says: str) -> None:
    assert any(says in text for text in advise(facts).warnings) is fires


def test_it_asks_only_what_it_cannot_see() -> None:
    blind = advise(Facts())
    assert blind.undecided
    assert [question.key for question in blind.questions] == ["signal"]
    asked = {question.key for question in advise(TINY).questions}
    assert "signal" not in asked
    assert "base" not in asked, "the base's own score answers that"
    assert {question.key for question in advise(QA, {key: node.default for key, node in keys().items()
                                                     if node.default}).questions} == set()  # fmt: skip


def test_answers_are_checked_by_name() -> None:
    with pytest.raises(CockpitError, match="no question 'colour'"):
        advise(QA, {"colour": "red"})
    with pytest.raises(CockpitError, match="base=perhaps"):
        advise(QA, {"base": "perhaps"})
    with pytest.raises(CockpitError, match="intend=magic"):
        advise(QA, {"intend": "magic"})
    with pytest.raises(CockpitError, match="no answer"):
        parse_answers(["base"])
    assert parse_answers(["Base=NEVER"]) == {"base": "never"}


def test_the_tree_is_whole() -> None:
    places = {node.id for node in NODES} | {end.id for end in ENDS}
    reached = {option.then for node in NODES for option in node.options}
    assert reached <= places, "an option that leads nowhere"
    assert places - reached == {"signal"}, "a place that nothing leads to"
    for node in NODES:
        assert node.source
        assert node.matters
        assert not node.default or node.option(node.default), node.id
    for end in ENDS:
        assert end.source
        named = [rank.technique for rank in end.ranked]
        assert len(named) == len(set(named)), end.id
        assert end.technique is None or named[:1] == [end.technique], end.id


def test_rows_that_list_tools_are_for_what_shows_them_while_it_samples() -> None:
    advice = advise(Facts(shape="messages", rows=60, verifier="tool-call", gold_accepted=1.0, tools=True))
    assert advice.technique == "rft"
    assert {rank.technique for rank in advice.ranked if rank.fit == "impossible"} == {"grpo", "rloo", "ppo"}
