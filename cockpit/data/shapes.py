"""Recognise what a data set is from its rows: the shapes that the field uses, and which column is read as what.

Names differ from one publisher to the next (`question`, `problem`, `query`), so a column is known by its name and
by what it holds. The shapes are those of TRL's "Dataset formats and types", Alpaca, ShareGPT, LLaMA-Factory's
preference and KTO files, and evo's scored trajectories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cockpit.data.column_names import (
    ANSWER,
    CHOICES,
    CHOSEN,
    COMPLETION,
    GROUP,
    HISTORY,
    IMAGES,
    INPUT,
    LABEL,
    LONG_ANSWER,
    MESSAGES,
    PASSED,
    PROMPT,
    REASONING,
    REJECTED,
    REWARD,
    SYSTEM,
    TESTS,
    TEXT,
    TOOLS,
    TRAINABLE,
)
from cockpit.data.columns import (
    Column,
    Columns,
    are_calls,
    are_numbers,
    columns_of,
    is_answer,
    is_filled,
    is_said,
    is_talk,
    is_text,
)
from cockpit.data.messages import as_turns, calls_of, transcript, turns_of
from cockpit.data.numbers import as_number
from cockpit.data.remarks import EXPORTS, remarks
from cockpit.data.rows import gold_of, ranked
from cockpit.verifiers.toolcalls import GOLD_COLUMNS

Shape = Literal[
    "messages",
    "sharegpt",
    "prompt-completion",
    "alpaca",
    "preference",
    "labelled",
    "question-answer",
    "trajectories",
    "prompts",
    "text",
    "unknown",
]
SHOWN: Mapping[Shape, str] = {
    "messages": "conversations (messages)",
    "sharegpt": "conversations (ShareGPT)",
    "prompt-completion": "prompts with completions",
    "alpaca": "demonstrations (Alpaca: instruction, input, output)",
    "preference": "preference pairs (chosen, rejected)",
    "labelled": "answers with a yes/no label (KTO)",
    "question-answer": "questions with an answer that can be checked",
    "trajectories": "scored trajectories (reward)",
    "prompts": "prompts without answers",
    "text": "plain text",
    "unknown": "nothing that a trainer could use as it is",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the data was read as.

    `columns`: role -> column, e.g. `{"prompt": "conversations", "chosen": "chosen"}`. `unused`: columns without a
    role. `implicit_prompt`: the prompt of a preference pair is what both sides begin with.
    """

    shape: Shape
    columns: Mapping[str, str]
    why: str
    unused: tuple[str, ...] = ()
    implicit_prompt: bool = False
    notes: tuple[str, ...] = field(default=())
    is_export: bool = False
    """Whether it is of no shape because another program wrote it in a form of its own."""
    unchecked: str = ""
    """Why no program can check these answers by their text; empty where one may."""

    @property
    def shown(self) -> str:
        """The shape for a person."""
        return SHOWN[self.shape]


@dataclass(slots=True)
class _Found:
    """Columns given a role so far."""

    columns: Columns
    roles: dict[str, str] = field(default_factory=dict[str, str])

    def take(self, role: str, names: Sequence[str], fits: Callable[[Column], bool]) -> bool:
        """Give `role` to the first of `names` that is there, free, and holds what fits."""
        by_name = {name.lower().replace("-", "_").strip(): name for name in self.columns}
        for wanted in names:
            name = by_name.get(wanted)
            if name and name not in self.roles.values() and fits(self.columns[name]):
                self.roles[role] = name
                return True
        return False

    def reading(self, shape: Shape, why: str, *notes: str, implicit_prompt: bool = False) -> Reading:
        """The reading with these roles."""
        unused = tuple(name for name in self.columns if name not in self.roles.values())
        return Reading(
            shape, dict(self.roles), why, unused, implicit_prompt, tuple(note for note in notes if note)
        )


def recognise(rows: Iterable[Mapping[str, Any]]) -> Reading:
    """Say what these rows are (a few hundred of them are enough); `unknown`, with what is missing, if nothing."""
    columns = columns_of(rows)
    for rule in _RULES:
        reading = rule(_Found(columns))
        if reading is not None:
            reading = _with_images(reading, columns)
            notes, unchecked = remarks(reading.columns, reading.unused, columns)
            return replace(reading, notes=(*reading.notes, *notes), unchecked=unchecked or reading.unchecked)
    return _unknown(columns)


def _with_images(reading: Reading, columns: Columns) -> Reading:
    """The reading with the column of the images, where there is one: they may stand beside any shape."""
    named = next((name for name in IMAGES if name in reading.unused and columns[name].filled), None)
    if named is None:
        return reading
    unused = tuple(name for name in reading.unused if name != named)
    return replace(reading, columns={**reading.columns, "images": named}, unused=unused)


def _take_beside(found: _Found) -> None:
    """Give their roles to what may stand beside any prompt."""
    found.take("system", SYSTEM, is_text)
    found.take("history", HISTORY, is_filled)
    found.take("tools", TOOLS, is_filled)


def _called(column: Column) -> bool:
    """Calls, or none where none is right."""
    values = column.values[:50]
    return any(calls_of(value) for value in values) and all(
        calls_of(value) or value == [] for value in values
    )


def _trajectories(found: _Found) -> Reading | None:
    if not found.take("reward", REWARD, lambda c: are_numbers(c) or _all_numeric(c)):
        return None
    if not found.take("messages", MESSAGES, is_talk):
        if not found.take("completion", COMPLETION, is_said):
            return None
        found.take("prompt", PROMPT, is_said)
    weak = found.roles["reward"].lower() not in ("reward", "rewards")
    found.take("passed", PASSED, lambda c: c.is_binary)
    found.take("group", GROUP, is_filled)
    found.take("trainable", TRAINABLE, is_filled)
    if weak and "prompt" not in found.roles and not {"passed", "group"} & set(found.roles):
        return None  # a conversation with a quality score beside it
    found.take("answer", ANSWER, is_answer)
    note = f"`{found.roles['reward']}` is read as the reward." if weak else ""
    return found.reading("trajectories", "Each answer comes with its reward.", note)


def _all_numeric(column: Column) -> bool:
    return column.is_mostly("text") and all(as_number(value) is not None for value in column.values)


def _preference(found: _Found) -> Reading | None:
    if found.take("ranked", ("completions", "responses", "candidates", "generations"), _scored):
        if not found.take("prompt", PROMPT, is_said):
            return None
        note = "The best-scored answer is read as the preferred one, the worst-scored as the rejected one."
        said = found.roles["ranked"]
        return found.reading("preference", f"Each row has several scored answers (`{said}`).", note)
    if not (found.take("chosen", CHOSEN, is_said) and found.take("rejected", REJECTED, is_said)):
        return None
    pair = f"Each row has a preferred answer (`{found.roles['chosen']}`) and a worse one"
    if found.take("prompt", (*PROMPT, *MESSAGES), is_said):
        found.take("system", SYSTEM, is_text)
        found.take("input", INPUT, is_text)
        found.take("answer", ANSWER, is_answer)
        return found.reading("preference", f"{pair} to the prompt in `{found.roles['prompt']}`.")
    note = "The prompt is implicit: what chosen and rejected both begin with is read as the prompt."
    return found.reading("preference", f"{pair}, without a prompt column.", note, implicit_prompt=True)


def _scored(column: Column) -> bool:
    """Whether each value is a list of answers with their scores."""
    return column.is_mostly("list", "turns") and any(ranked({"completions": v}) for v in column.values)


def _labelled(found: _Found) -> Reading | None:
    if not found.take("label", LABEL, lambda c: c.is_binary):
        return None
    label = found.columns[found.roles["label"]]
    if found.take("messages", MESSAGES, is_talk):
        return found.reading(
            "labelled", f"Each conversation has a yes or no in `{label.name}` for its last answer."
        )
    if not found.take("prompt", PROMPT, is_said):
        return None
    names = COMPLETION if label.is_mostly("bool") else tuple(n for n in COMPLETION if n != "text")
    if not found.take("completion", (*names, *ANSWER), lambda c: is_said(c) and not c.is_binary):
        return None
    found.take("input", INPUT, is_text)
    found.take("system", SYSTEM, is_text)
    return found.reading("labelled", f"Each answer has a yes or no in `{label.name}`.")


def _alpaca(found: _Found) -> Reading | None:
    if not (
        found.take("prompt", ("instruction",), is_text) and found.take("completion", COMPLETION, is_text)
    ):
        return None
    found.take("input", INPUT, lambda c: c.is_mostly("text") or c.filled == 0)
    _take_beside(found)
    found.take("reasoning", REASONING, is_text)
    columns = ", ".join(f"`{name}`" for name in found.roles.values())
    return found.reading("alpaca", f"Instructions with the answer to give ({columns}).")


def _conversations(found: _Found) -> Reading | None:
    if not found.take("messages", MESSAGES, is_talk):
        return None
    column = found.columns[found.roles["messages"]]
    found.take("system", SYSTEM, is_text)
    found.take("tools", TOOLS, is_filled)
    prompts_only = all(_ends_open(value) for value in column.values)
    if prompts_only:
        found.roles["prompt"] = found.roles.pop("messages")
        return _by_its_answers(found) if _take_gold(found) else None
    if found.take("answer", tuple(n for n in ANSWER if n not in LONG_ANSWER), _gold):
        return found.reading(
            "question-answer", f"Worked conversations with the answer in `{found.roles['answer']}`."
        )
    if column.is_mostly("text"):
        return found.reading(
            "messages", f"Conversations in `{column.name}`, as text with `USER:` and `ASSISTANT:`."
        )
    style = "`from` and `value`" if column.sharegpt else "`role` and `content`"
    shape: Shape = "sharegpt" if column.sharegpt else "messages"
    return found.reading(shape, f"Conversations in `{column.name}`, as turns with {style}.")


def _ends_open(value: object) -> bool:
    turns = as_turns(transcript(value) or ()) if isinstance(value, str) else turns_of(value)
    return bool(turns) and turns[-1].role != "assistant"


def _take_gold(found: _Found) -> bool:
    """Give the role of the gold answer, or of the unit tests, to a column."""
    choices = found.take("choices", CHOICES, is_filled)
    tests = "tests" in found.roles or found.take("tests", TESTS, is_filled)
    gold = found.take("answer", ANSWER, is_answer) or found.take("answer", (*ANSWER, *GOLD_COLUMNS), _called)
    if not gold:
        gold = found.take("answer", ("reward_model",), lambda c: c.is_mostly("object"))
    return gold or tests or (choices and found.take("answer", ("label",), is_answer))


def _question_answer(found: _Found) -> Reading | None:
    has_tests = found.take("tests", TESTS, is_filled)
    if not found.take("prompt", (*PROMPT, "text") if has_tests else PROMPT, is_said):
        return None
    found.take("input", ("context", "passage"), is_text)
    _take_beside(found)
    prompt = found.roles["prompt"]
    if "tools" in found.roles and found.take("completion", ("answers", "answer", *COMPLETION), are_calls):
        said = found.roles["completion"]
        return found.reading("prompt-completion", f"Prompts (`{prompt}`) with the calls to make (`{said}`).")
    names = tuple(n for n in COMPLETION if n not in ANSWER)
    if not has_tests and found.take("completion", (*names, *LONG_ANSWER), is_said):
        found.take("reasoning", REASONING, is_text)
        if found.take("answer", tuple(n for n in ANSWER if n not in LONG_ANSWER), _gold):
            return found.reading(
                "question-answer",
                f"Prompts (`{prompt}`) with a worked completion and the answer in `{found.roles['answer']}`.",
            )
        if found.roles["completion"].lower() in names:
            return found.reading("prompt-completion", f"Prompts (`{prompt}`) with the completion to give.")
        del found.roles["completion"]  # only a `solution`: its form decides what it is
    return _by_its_answers(found) if _take_gold(found) else None


def _by_its_answers(found: _Found) -> Reading:
    """Questions with answers: checkable ones make it verifiable, long prose makes it demonstrations."""
    prompt = found.roles["prompt"]
    if "answer" not in found.roles:
        return found.reading("question-answer", f"Tasks (`{prompt}`) with unit tests to check an answer by.")
    answer = found.roles["answer"]
    if {"choices", "tests"} & set(found.roles) or _checkable(found.columns[answer]):
        return found.reading(
            "question-answer", f"Questions (`{prompt}`) whose answer (`{answer}`) a program can check."
        )
    if found.columns[answer].is_mostly("object"):  # no text to learn as it stands: a reference, for a judge
        asked = found.reading("question-answer", f"Questions (`{prompt}`) with a reference (`{answer}`).")
        return replace(asked, unchecked="answers are in prose")
    found.roles["completion"] = found.roles.pop("answer")
    return found.reading(
        "prompt-completion",
        f"Questions (`{prompt}`) with answers in prose (`{answer}`), which no program can check.",
    )


def _checkable(column: Column) -> bool:
    """Whether the answers are of forms that a program can compare; an object of another program's always is."""
    from cockpit.data.answer_formats import checkable

    plain = [value for value in column.values if not calls_of(value)]
    texts = [gold for value in plain if (gold := gold_of({"answer": value})) is not None]
    return checkable(texts) or len(texts) < 0.2 * len(column.values)


def _gold(column: Column) -> bool:
    """Answers that stand beside worked ones, to check these by."""
    return is_answer(column) and _checkable(column)


def _classification(found: _Found) -> Reading | None:
    """`text` with `label`: each text's class is the answer."""
    if not found.take("prompt", ("text", "sentence", "content", "review", "premise", "sentence1"), is_text):
        return None
    if not found.take("answer", ("label", "labels", "class", "category", "label_text"), is_answer):
        return None
    note = f"Classes in `{found.roles['answer']}` are read as the answer to `{found.roles['prompt']}`."
    return found.reading("question-answer", "Texts with a class, which a program can check.", note)


def _prompts(found: _Found) -> Reading | None:
    if not found.take("prompt", PROMPT, is_said):
        return None
    return found.reading(
        "prompts", f"Prompts in `{found.roles['prompt']}`, and nothing that says what is right."
    )


def _plain(found: _Found) -> Reading | None:
    if found.take("text", TEXT, is_text):
        return found.reading("text", f"Text in `{found.roles['text']}`, without prompt or answer.")
    only = [column for column in found.columns.values() if column.is_mostly("text")]
    if len(found.columns) == 1 and only:
        found.roles["text"] = only[0].name
        return found.reading("text", f"One column of text, `{only[0].name}`.")
    return None


def _unknown(columns: Columns) -> Reading:
    known = next(((why, fix) for has, why, fix in EXPORTS if has <= set(columns)), None)
    if known is not None:
        return Reading("unknown", {}, known[0], tuple(columns), notes=(known[1],), is_export=True)
    names = ", ".join(f"`{name}`" for name in list(columns)[:12]) or "none"
    return Reading(
        "unknown",
        {},
        f"The columns ({names}) are of no shape that a trainer reads.",
        tuple(columns),
        notes=(
            "Wanted is one of: messages; prompt and completion; instruction and output; chosen and rejected; "
            "prompt, completion and label; question and answer; text. Rename the columns to these.",
        ),
    )


_RULES: tuple[Callable[[_Found], Reading | None], ...] = (
    _preference,
    _trajectories,
    _labelled,
    _alpaca,
    _conversations,
    _question_answer,
    _classification,
    _prompts,
    _plain,
)
