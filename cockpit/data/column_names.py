"""Under which names the field publishes its columns, the most telling first; compared in lower case, `-` as `_`."""

from __future__ import annotations

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
)
INPUT: Names = ("input", "context")
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
TEXT: Names = ("text", "content", "body", "document", "raw_content", "article", "passage", "sentence", "code")
