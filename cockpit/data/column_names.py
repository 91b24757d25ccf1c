"""List the names that published data sets give their columns, the most telling first.

Names are compared in lower case, with `-` as `_`.
"""

from __future__ import annotations

from collections.abc import Mapping

Names = tuple[str, ...]

MESSAGES: Names = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns")
PROMPT: Names = (
    "prompt",
    "question",
    "problem",
    "query",
    "instruction",
    "input",
    "user",
    "task",
    "messages",
    "conversations",
    "goal",
    "statement",
    "ctx",
)
INPUT: Names = ("input", "context", "knowledge", "passage")
SYSTEM: Names = ("system", "system_prompt")
HISTORY: Names = ("history",)
COMPLETION: Names = (
    "completion",
    "response",
    "output",
    "answer",
    "target",
    "assistant",
    "generation",
    "generated_text",
    "reply",
    "summary",
)
# A worked solution often has one of these names too: what it holds decides.
LONG_ANSWER: Names = ("solution", "generated_solution", "canonical_solution", "rationale", "reasoning")
# Thinking that stands beside the answer, in a column of its own.
REASONING: Names = (
    "reasoning_content",
    "thinking",
    "complex_cot",
    "cot",
    "chain_of_thought",
    "thought",
    "reasoning",
)
ANSWER: Names = (
    "answer",
    "final_answer",
    "ground_truth",
    "gold",
    "gold_answer",
    "reference_answer",
    "expected_answer",
    "answers",
    "answerkey",
    "answer_key",
    "correct_answer",
    "correct",
    "target",
    "solution",
    "canonical_solution",
    "code",
    "expected",
    "expected_output",
    "label",
)
CHOICES: Names = ("choices", "options", "endings")
TESTS: Names = ("tests", "test", "test_list", "unit_tests", "test_cases", "private_tests", "input_output")
CHOSEN: Names = (
    "chosen",
    "preferred",
    "accepted",
    "winner",
    "chosen_response",
    "response_chosen",
    "positive",
    "better",
    "chosen_messages",
)
REJECTED: Names = (
    "rejected",
    "dispreferred",
    "non_preferred",
    "loser",
    "rejected_response",
    "response_rejected",
    "negative",
    "worse",
    "rejected_messages",
)
LABEL: Names = (
    "label",
    "labels",
    "kto_tag",
    "desirable",
    "thumbs_up",
    "thumbsup",
    "is_good",
    "good",
    "liked",
    "feedback",
    "preferred",
    "rating",
)
REWARD: Names = ("reward", "rewards", "score", "reward_score", "return")
PASSED: Names = ("passed", "pass", "success", "solved", "is_correct", "correct")
GROUP: Names = ("group_id", "group", "prompt_id", "scenario_id", "task_id", "question_id")
TRAINABLE: Names = ("trainable", "loss_mask", "mask")
TOOLS: Names = ("tools", "functions")
IMAGES: Names = ("images", "image")
TEXT: Names = ("text", "content", "body", "document", "raw_content", "article", "passage", "sentence", "code")

USUAL: Mapping[str, Names] = {
    "messages": ("messages", "conversations", "conversation", "dialogue"),
    "prompt": ("prompt", "question", "instruction", "problem", "query", "ctx"),
    "completion": ("completion", "response", "output"),
    "answer": (
        "answer", "final_answer", "gold", "solution", "target", "ground_truth", "gold_answer", "reference_answer",
        "expected_answer",
    ),
    "chosen": ("chosen", "chosen_response", "preferred", "chosen_messages"),
    "rejected": ("rejected", "rejected_response", "dispreferred", "rejected_messages"),
    "label": ("label", "kto_tag", "desirable"),
    "reward": ("reward",),
    "passed": ("passed",),
    "group": ("group_id",),
    "trainable": ("trainable",),
    "policy_id": ("policy_id",),
    "system": ("system",),
    "history": ("history",),
    "reasoning": ("reasoning_content", "thinking"),
    "choices": CHOICES,
    "tools": ("tools", "functions"),
    "images": IMAGES,
    "text": ("text",),
    "id": ("id", "item_id", "uid"),
}  # fmt: skip
"""Column names that a reader takes without looking at what the columns hold, where no recipe names the columns.

The tuples above are for recognising a whole data set, which looks. The order here is the order in which a row is read.
"""
