"""Read one row as an example: the prompt, the answer to learn, and what comes with them; the same for every reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.data.column_names import USUAL
from cockpit.data.images.refs import COLUMNS
from cockpit.data.images.seats import Unseated, images_of, seated
from cockpit.data.labels import as_bool
from cockpit.data.messages import (
    Message,
    Turn,
    as_turns,
    joined,
    messages_in,
    spoken,
    text_of,
    weights_of,
    written,
)
from cockpit.data.numbers import as_number
from cockpit.data.rows import (
    SEVERAL,
    Columns,
    Prompt,
    answer_of,
    answer_turns,
    as_chat,
    column_of,
    conversation,
    gold_of,
    prompt_of,
    ranked,
    split_texts,
    value,
)
from cockpit.data.shapes import Reading
from cockpit.data.tools import tools_of

_MEDIA = frozenset(("videos", "video", "audios", "audio", "pixel_values"))
_WEIGHTS = ("loss_weight", "sample_weight", "example_weight")
_ROLES = ("chosen", "rejected", "label", "reward", "passed", "group", "policy_id", "tools")
_BESIDE = frozenset((*_ROLES, *SEVERAL, *(name for role in _ROLES for name in USUAL[role])))
"""Columns without which a row is nothing but a demonstration: most are, and the others need not be looked for."""
PASSED = 1.0
"""A trajectory without `passed` counts as passed from this reward on."""


@dataclass(slots=True)
class Example:
    """One row, read.

    `prompt`: what stands before the answer; `question`: what is asked where an answer is sampled. `said`: the answer
    to learn (of a pair the better one), `rejected` the worse one. `chat`: prompt and answer as turns. `text`: plain
    text, which is learnt whole. `gold`: the answer to check against. `trainable`: per message of `chat`, whether it is
    learnt (None: the trainer decides). `group`: what stays together. `policy`: the id of the policy that sampled it.
    `unusable`: why every run leaves it out (and counts it); then it has no `said`.
    """

    number: int = 0
    prompt: Prompt | None = None
    question: Prompt | None = None
    said: str | None = None
    rejected: str | None = None
    label: bool | None = None
    reward: float | None = None
    passed: bool | None = None
    gold: str | None = None
    group: str | None = None
    policy: str | None = None
    chat: tuple[Message, ...] = ()
    trainable: tuple[bool, ...] | None = None
    tools: tuple[Message, ...] = ()
    text: str | None = None
    unusable: str | None = None

    @property
    def good(self) -> bool | None:
        """Whether the answer is one to learn, as far as the row says so; None where it doesn't."""
        if self.label is not None:
            return self.label
        if self.passed is not None:
            return self.passed
        return None if self.reward is None else self.reward >= PASSED

    @property
    def target(self) -> str | None:
        """The text to learn; None where there is none."""
        return self.said if self.said is not None else self.text

    @property
    def thought(self) -> str:
        """The thinking of the answer to learn that stands in a field of its own; empty where there is none."""
        own: object = self.chat[-1].get("reasoning_content") if self.chat and self.said is not None else None
        return own if isinstance(own, str) else ""

    @property
    def asked(self) -> tuple[Turn, ...]:
        """The turns before the answer."""
        return as_turns(as_chat(self.prompt))

    @property
    def whole(self) -> tuple[Turn, ...]:
        """Every turn of the row."""
        if self.text is not None:
            return (Turn("text", self.text),)
        return as_turns(self.chat or as_chat(self.prompt))

    @property
    def images(self) -> list[str]:
        """The images of its turns, in order."""
        return images_of(self.chat or as_chat(self.prompt))

    @property
    def prompt_text(self) -> str:
        """The prompt's texts, one below the other."""
        return joined(self.asked)


PARTED = "whose chosen and rejected part before their last turn"
"""A pair has one prompt: these two answers have none in common."""


class Misfit(ValueError):
    """A row that can't be an example of its data set; the message says why, `fix` what to do."""

    def __init__(self, why: str, fix: str = "Mend the row, or leave it out.") -> None:
        super().__init__(why)
        self.fix = fix


class Unusable(Misfit):
    """A row that every run leaves out, with a count."""


def read_example(row: Mapping[str, Any], columns: Columns | None = None, number: int = 0) -> Example:
    """Read one row; what it does not have is None. Raises Misfit for what would be trained otherwise than it says."""
    plain = _BESIDE.isdisjoint(row) and not any(ours in _BESIDE for ours in (columns or {}).values())
    pair = None if plain else _sides(row, columns)
    if pair is not None:
        made = _pair(row, columns, *pair)
    else:
        made = _single(row, columns)
    _refuse_media(row, made)
    gold = gold_of(row, columns)
    made.number, made.gold = number, gold
    made.question = (prompt_of(row, columns) if gold is not None else None) or made.prompt
    _seat_images(row, made, columns)
    _refuse_settings(row, columns)
    if plain:
        return made
    group, policy = value(row, "group", columns), value(row, "policy_id", columns)
    made.group, made.policy = (None if held is None else str(held) for held in (group, policy))
    tools = tools_of(value(row, "tools", columns))
    if tools is None:
        raise Misfit(
            f"`{column_of(row, 'tools', columns)}` holds no tools that can be read",
            "Write them as a list of functions with their names, as objects or as JSON text.",
        )
    made.tools = tuple(tools)
    if pair is None:
        made.label = as_bool(value(row, "label", columns))
        made.reward = as_number(value(row, "reward", columns))
        made.passed = as_bool(value(row, "passed", columns))
    return made


def numbered_example(
    row: Mapping[str, Any], number: int, columns: Columns | None = None, *, file: str | Path | None = None
) -> Example:
    """Read row `number` of a file. Raises CockpitError naming it."""
    try:
        return read_example(row, columns, number)
    except Misfit as misfit:
        raise CockpitError(f"row {number}: {misfit}", misfit.fix, file=file) from None


def _single(row: Mapping[str, Any], columns: Columns | None) -> Example:
    """A demonstration, a labelled or scored answer, a prompt, or plain text."""
    chat = conversation(row, columns)
    if chat is None:
        prompt = prompt_of(row, columns)
        said = answer_of(row, columns) if prompt is None else None
        if said is not None:  # a scored answer whose prompt nobody kept
            return Example(said=written(said[-1]), chat=tuple(said))
        text = text_of(value(row, "text", columns)) if prompt is None else None
        return Example(prompt=prompt, text=text or None)
    mask = _mask(row, columns, chat)
    last = max((at for at, turn in enumerate(chat) if turn["role"] == "assistant"), default=-1)
    if last < 0:
        return Example(prompt=prompt_of(row, columns), chat=tuple(chat), trainable=mask)
    # What follows the assistant's last turn has nothing to learn.
    said = tuple(chat[: last + 1])
    return Example(
        prompt=list(said[:-1]) or None,
        said=written(said[-1]),
        chat=said,
        trainable=None if mask is None else mask[: last + 1],
    )


def _mask(row: Mapping[str, Any], columns: Columns | None, chat: list[Message]) -> tuple[bool, ...] | None:
    """Which messages are learnt: evo's `trainable`, or the weight that each of the assistant's turns carries."""
    given = cast("object", value(row, "trainable", columns))
    held: object = value(row, "messages", columns)
    if given is None:
        weights = weights_of(held)
        if weights is None:
            return None
        if part := next((w for w in weights if w not in (0.0, 1.0)), None):
            raise Misfit(
                f"a message has the weight {part:g}", "The loss takes a message whole or not at all: 0 or 1."
            )
        before = len(chat) - len(weights)
        learns = [turn["role"] == "assistant" for turn in chat[max(before, 0) :]]
        given = cast("object", [w and on for w, on in zip(weights, learns, strict=False)])
    turns = len(chat)
    values = cast("list[object]", given) if isinstance(given, list) else None
    raw = cast("list[object]", held) if isinstance(held, list) else None
    wanted = len(raw) if raw is not None else turns
    if values is None or len(values) != wanted:
        got = type(cast("object", given)).__name__ if values is None else len(values)
        raise Misfit(
            f"`trainable` has {got} values for {wanted} messages",
            "Give one true or false a message, or null.",
        )
    if raw is not None and turns > wanted + 1:  # some hold several tool results, each a message of its own
        values = [v for turn, v in zip(raw, values, strict=True) for _ in messages_in([turn]) or ()]
        wanted = len(values)
    # A system prompt from a column of its own stands in front, and is never learnt.
    return (*(False for _ in range(turns - wanted)), *(bool(v) for v in values))


def _sides(row: Mapping[str, Any], columns: Columns | None) -> tuple[object, object] | None:
    """The better and the worse answer of a row that has both."""
    chosen, rejected = value(row, "chosen", columns), value(row, "rejected", columns)
    return (chosen, rejected) if chosen is not None and rejected is not None else ranked(row)


def _pair(row: Mapping[str, Any], columns: Columns | None, chosen: object, rejected: object) -> Example:
    """A preference pair; where there is no prompt, what both sides begin with is the prompt."""
    prompt = prompt_of(row, columns)
    if prompt is None and isinstance(chosen, str) and isinstance(rejected, str):
        prompt, chosen, rejected = split_texts(chosen, rejected)
    better, worse = answer_turns(chosen), answer_turns(rejected)
    if better is None or worse is None:
        raise Misfit("chosen or rejected holds neither text nor turns")
    if prompt is None or (
        len(better) > 1 and better[0]["role"] != "assistant"
    ):  # both sides repeat the prompt
        shared = 0
        while shared < min(len(better), len(worse)) - 1 and better[shared] == worse[shared]:
            shared += 1
        before = [turn for turn in as_chat(prompt)[:1] if turn["role"] == "system" and better[0] != turn]
        prompt = [*before, *better[:shared]] if shared else prompt
        better, worse = better[shared:], worse[shared:]
    head = as_chat(prompt)
    if len(better) > 1 or len(worse) > 1:
        return Example(prompt=head or None, unusable=PARTED)
    if better[-1].get("images") or worse[-1].get("images"):
        raise Misfit("one of its two answers holds an image, and answers are text", "Leave the row out.")
    if better[-1].get("tool_calls") or worse[-1].get("tool_calls"):
        raise Misfit(
            "one of its two answers calls a tool, and pairs are learnt as text alone",
            "Learn the better answers with SFT, as messages.",
        )
    return Example(
        prompt=head or None,
        said=spoken(better[-1]),
        rejected=spoken(worse[-1]),
        chat=(*head, *better),
    )


def _refuse_media(row: Mapping[str, Any], example: Example) -> None:
    """Raise Misfit for what no trainer here sees: an answer to a sound that isn't there is learnt blind."""
    turns = example.chat or as_chat(example.prompt)
    unread = next((str(turn["unread"]) for turn in turns if "unread" in turn), None)
    column = None if _MEDIA.isdisjoint(row) else next((name for name in _MEDIA if row.get(name)), None)
    if unread == "tool_calls":
        raise Misfit(
            "a message has `tool_calls` that can't be read",
            "Each call needs a name and arguments (an object, or its JSON text).",
        )
    if unread is not None or column is not None:
        what = f"a message holds a part of type {unread!r}" if unread is not None else f"it has {column!r}"
        raise Misfit(
            f"{what}, and these trainers learn from text and images alone",
            "Leave out rows with sound or video.",
        )


def _seat_images(row: Mapping[str, Any], example: Example, columns: Columns | None) -> None:
    """Put the row's images into the turns that they stand in. Raises Misfit for those that have no place there."""
    plain = example.chat or as_chat(example.prompt)
    column: object = None
    if (columns and "images" in columns.values()) or any(name in row for name in COLUMNS):
        column = value(row, "images", columns)
    if not column and not any(turn.get("images") for turn in plain):
        return
    try:
        turns = seated(plain, column)
        asked = seated(as_chat(example.question), column, whole=False)
    except Unseated as error:
        raise Misfit(str(error), error.fix) from None
    if images_of(turns) == []:
        return
    if example.text is not None or not plain:
        raise Misfit("it has images and no question that they could stand in", "Write it as messages.")
    before = len(as_chat(example.prompt))
    if example.prompt is not None:
        example.prompt = turns[:before]
    if example.chat:
        example.chat = tuple(turns)
    if example.question is not None:
        example.question = asked


def _refuse_settings(row: Mapping[str, Any], columns: Columns | None) -> None:
    """Raise Misfit for what a row says of its own training and the whole run alone can have."""
    if row.get("chat_template_kwargs"):
        raise Misfit(
            "it has `chat_template_kwargs` of its own, and a run renders every row and prompt with the same ones",
            "Set them for the run (data.chat_template_kwargs, or enable_thinking), and leave the column out.",
        )
    weight = next((name for name in _WEIGHTS if row.get(name) is not None), None)
    if weight is not None and weight not in (columns or {}) and as_number(row[weight]) != 1.0:
        raise Misfit(
            f"`{weight}` is {row[weight]!r}, and the loss takes every row alike",
            "Leave out rows that shall not count, and the column; or write a weight of 0 or 1 into each message.",
        )


def example_of(reading: Reading, row: Mapping[str, Any]) -> Example:
    """Read `row` as `reading` says. Raises Misfit where a needed column is missing, null or of another kind."""
    if reading.shape == "unknown":
        raise Misfit("the data is of no known shape")
    for role, column in reading.columns.items():
        if role in _NEEDED.get(reading.shape, ()) and row.get(column) is None:
            raise Misfit(f"column {column!r} is {'null' if column in row else 'missing'}")
    example = read_example(row, {column: role for role, column in reading.columns.items()})
    if example.unusable:
        raise Unusable(
            f"it is one {example.unusable}",
            "Let both begin with the same turns, and differ in the last answer alone.",
        )
    if "label" not in reading.columns:
        example.label = None
    if "reward" not in reading.columns:
        example.reward = None
    if lacking := _lacks(reading, example):
        raise Misfit(f"column {reading.columns.get(lacking, lacking)!r} {_LACKING[lacking]}")
    return example


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "sharegpt": ("messages",),
    "prompt-completion": ("prompt", "completion"),
    "alpaca": ("prompt", "completion"),
    "preference": ("prompt", "chosen", "rejected"),
    "labelled": ("prompt", "completion", "messages", "label"),
    "question-answer": ("prompt", "messages", "completion"),
    "trajectories": ("messages", "completion", "reward"),
    "prompts": ("prompt",),
    "text": ("text",),
}
_LACKING = {
    "messages": "holds neither text nor turns",
    "prompt": "holds neither text nor turns",
    "completion": "holds neither text nor turns",
    "label": "is neither yes nor no",
    "reward": "is not a finite number",
    "answer": "is missing or null",
    "text": "is not text",
}


def _lacks(reading: Reading, example: Example) -> str | None:
    """The role that this example of the shape lacks; None where it has all."""
    roles = reading.columns
    if "messages" in roles and not example.chat:
        return "messages"
    if "prompt" in roles and "rejected" not in roles and example.prompt is None and not example.chat:
        return "prompt"
    if "completion" in roles and example.said is None:
        return "completion"
    if reading.shape == "labelled" and example.label is None:
        return "label"
    if reading.shape == "trajectories" and example.reward is None:
        return "reward"
    if reading.shape == "text" and example.text is None:
        return "text"
    asks = reading.shape == "question-answer" and "answer" in roles and "messages" not in roles
    return "answer" if asks and example.gold is None and "tests" not in roles else None
