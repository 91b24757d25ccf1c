"""The names of columns: what a reader takes unseen is recognised, and what is only recognised is on the list here."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cockpit.data import column_names as names

RECOGNISED: Mapping[str, names.Names] = {
    "messages": names.MESSAGES,
    "prompt": names.PROMPT,
    "completion": names.COMPLETION,
    "answer": names.ANSWER,
    "chosen": names.CHOSEN,
    "rejected": names.REJECTED,
    "label": names.LABEL,
    "reward": names.REWARD,
    "passed": names.PASSED,
    "group": names.GROUP,
    "trainable": names.TRAINABLE,
    "system": names.SYSTEM,
    "history": names.HISTORY,
    "choices": names.CHOICES,
    "reasoning": names.REASONING,
    "tools": names.TOOLS,
    "images": names.IMAGES,
    "text": names.TEXT,
}
# Names that mean other things as well. They are taken only where what the columns hold says so; `cockpit new` then
# writes into the recipe, under data.columns, how they are read.
ONLY_RECOGNISED: Mapping[str, str] = {
    "messages": "dialog chat turns",
    "prompt": "input user task messages conversations goal statement",
    "completion": "answer target assistant generation generated_text reply summary",
    "answer": "answers answerkey answer_key correct_answer correct canonical_solution code expected expected_output "
    "label",
    "chosen": "accepted winner response_chosen positive better",
    "rejected": "non_preferred loser response_rejected negative worse",
    "label": "labels thumbs_up thumbsup is_good good liked feedback preferred rating",
    "reward": "rewards score reward_score return",
    "passed": "pass success solved is_correct correct",
    "group": "group prompt_id scenario_id task_id question_id",
    "trainable": "loss_mask mask",
    "system": "system_prompt",
    "reasoning": "complex_cot cot chain_of_thought thought reasoning",
    "text": "content body document raw_content article passage sentence code",
}


@pytest.mark.parametrize("role", RECOGNISED)
def test_a_name_is_read_unseen_or_listed_as_only_recognised(role: str) -> None:
    looked_at = ONLY_RECOGNISED.get(role, "").split()
    assert set(names.USUAL[role]) | set(looked_at) == set(RECOGNISED[role]), (
        "a new name goes into its tuple, and into USUAL where it never means anything else, else into the list here"
    )
    assert not set(names.USUAL[role]) & set(looked_at)


def test_what_is_not_recognised_by_a_shape_is_known() -> None:
    assert set(names.USUAL) - set(RECOGNISED) == {"id", "policy_id"}
