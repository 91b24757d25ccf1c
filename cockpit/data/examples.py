"""One row as an example: the prompt's turns, the text to learn, and what stands beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from cockpit.data.columns import as_bool, as_number
from cockpit.data.messages import Turn, joined, text_of, turns_of
from cockpit.data.shapes import Reading

# Anthropic's HH data writes whole conversations as text, with these before each turn.
_HH_TURN = re.compile(r"\n\n(Human|Assistant):")


@dataclass(frozen=True, slots=True)
class Example:
    """What a trainer would make of a row.

    `prompt`: the turns before the target. `target`: the text to learn (chosen, completion, last assistant turn; the
    text itself for plain text), None where there is none. `rejected`: the worse answer of a pair. `label`: yes or
    no. `gold`: the answer to check against. `group`: what must stay together.
    """

    prompt: tuple[Turn, ...]
    target: str | None = None
    rejected: str | None = None
    label: bool | None = None
    reward: float | None = None
    passed: bool | None = None
    gold: str | None = None
    group: str | None = None
    whole: tuple[Turn, ...] = ()

    @property
    def prompt_text(self) -> str:
        """The prompt's texts, one below the other."""
        return joined(self.prompt)


class Misfit(ValueError):
    """A row that isn't of the shape of the others; the message says in what."""


def example_of(reading: Reading, row: Mapping[str, Any]) -> Example:
    """Read `row` as `reading` says. Raises Misfit where a needed column is missing, null or of another kind."""
    builder = _BUILDERS.get(reading.shape)
    if builder is None:
        raise Misfit("the data is of no known shape")
    return builder(reading, row)


def _value(reading: Reading, row: Mapping[str, Any], role: str) -> Any:
    column = reading.columns[role]
    if column not in row:
        raise Misfit(f"column {column!r} is missing")
    if row[column] is None:
        raise Misfit(f"column {column!r} is null")
    return row[column]


def _optional(reading: Reading, row: Mapping[str, Any], role: str) -> Any:
    column = reading.columns.get(role)
    return None if column is None else row.get(column)


def _turns(reading: Reading, row: Mapping[str, Any], role: str) -> tuple[Turn, ...]:
    """A column as turns; a bare text is one turn of the user's (of the assistant's for an answer)."""
    value = _value(reading, row, role)
    if isinstance(value, str):
        return (Turn("user" if role in ("prompt", "text") else "assistant", value),)
    turns = turns_of(value)
    if turns is None:
        raise Misfit(f"column {reading.columns[role]!r} holds neither text nor turns")
    return turns


def _prompt(reading: Reading, row: Mapping[str, Any]) -> tuple[Turn, ...]:
    """System prompt, history and prompt, in the order in which a template would get them."""
    turns = _turns(reading, row, "prompt")
    extra = _optional(reading, row, "input")
    if isinstance(extra, str) and extra.strip() and turns:
        turns = (*turns[:-1], Turn(turns[-1].role, f"{turns[-1].text}\n\n{extra}"))
    history = _optional(reading, row, "history")
    if isinstance(history, list):
        turns = (*_history(cast("list[object]", history)), *turns)
    system = _optional(reading, row, "system")
    return (Turn("system", system), *turns) if isinstance(system, str) and system.strip() else turns


def _history(pairs: Sequence[object]) -> list[Turn]:
    """LLaMA-Factory's `history`: a list of [instruction, response] pairs."""
    turns: list[Turn] = []
    for pair in pairs:
        if isinstance(pair, list) and len(cast("list[object]", pair)) == 2:
            asked, said = cast("list[object]", pair)
            turns += [Turn("user", str(asked)), Turn("assistant", str(said))]
    return turns


def _split_last(turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], str | None]:
    """A conversation as what comes before its last answer, and that answer."""
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "assistant":
            return turns[:index], turns[index].text
    return turns, None


def _conversation(reading: Reading, row: Mapping[str, Any]) -> Example:
    turns = _turns(reading, row, "messages")
    system = _optional(reading, row, "system")
    if isinstance(system, str) and system.strip():
        turns = (Turn("system", system), *turns)
    prompt, target = _split_last(turns)
    return Example(prompt, target, gold=_gold(reading, row), whole=turns)


def _completion(reading: Reading, row: Mapping[str, Any]) -> Example:
    prompt = _prompt(reading, row)
    said = _turns(reading, row, "completion")
    return Example(prompt, joined(said), whole=(*prompt, *said))


def _preference(reading: Reading, row: Mapping[str, Any]) -> Example:
    chosen, rejected = _turns(reading, row, "chosen"), _turns(reading, row, "rejected")
    if "prompt" in reading.columns:
        prompt = _prompt(reading, row)
        if len(chosen) > 1 and chosen[0].role != "assistant":  # both sides repeat the prompt
            prompt, chosen, rejected = _common(chosen, rejected)
    elif len(chosen) == len(rejected) == 1:
        prompt, chosen, rejected = _common_text(chosen[0].text, rejected[0].text)
    else:
        prompt, chosen, rejected = _common(chosen, rejected)
    return Example(
        prompt,
        joined(chosen),
        joined(rejected),
        gold=_gold(reading, row),
        whole=(*prompt, *(chosen or (Turn("assistant", ""),))),
    )


def _common(chosen: tuple[Turn, ...], rejected: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], ...]:
    """Split off the turns that both begin with; they never swallow an answer whole."""
    n = 0
    while n < min(len(chosen), len(rejected)) - 1 and chosen[n] == rejected[n]:
        n += 1
    return chosen[:n], chosen[n:], rejected[n:]


def _common_text(chosen: str, rejected: str) -> tuple[tuple[Turn, ...], ...]:
    """The same for texts: whole turns of HH's spelling, else up to the last blank both have in common."""
    shorter = min(len(chosen), len(rejected))
    n = next((i for i in range(shorter) if chosen[i] != rejected[i]), shorter)
    starts = [match.end() for match in _HH_TURN.finditer(chosen, 0, n) if match.group(1) == "Assistant"]
    if starts:
        n = starts[-1]
        parts = _HH_TURN.split(chosen[:n])
        roles = {"Human": "user", "Assistant": "assistant"}
        prompt = tuple(Turn(roles[parts[i]], parts[i + 1].strip()) for i in range(1, len(parts) - 1, 2))[:-1]
    else:
        n = chosen.rfind(" ", 0, n) + 1 if 0 < n < max(len(chosen), len(rejected)) else 0
        prompt = (Turn("user", chosen[:n].strip()),) if chosen[:n].strip() else ()
    return prompt, (Turn("assistant", chosen[n:].strip()),), (Turn("assistant", rejected[n:].strip()),)


def _labelled(reading: Reading, row: Mapping[str, Any]) -> Example:
    example = _conversation(reading, row) if "messages" in reading.columns else _completion(reading, row)
    label = as_bool(_value(reading, row, "label"))
    if label is None:
        raise Misfit(f"column {reading.columns['label']!r} is neither yes nor no")
    return Example(example.prompt, example.target, label=label, whole=example.whole)


def _question(reading: Reading, row: Mapping[str, Any]) -> Example:
    if "messages" in reading.columns:
        return _conversation(reading, row)
    prompt = _prompt(reading, row)
    gold = _gold(reading, row)
    if gold is None and "answer" in reading.columns and "tests" not in reading.columns:
        raise Misfit(f"column {reading.columns['answer']!r} is missing or null")
    # A gold answer with its working (GSM8K) is a text to learn as well.
    target = joined(_turns(reading, row, "completion")) if "completion" in reading.columns else gold
    said = () if target is None else (Turn("assistant", target),)
    return Example(prompt, target, gold=gold, whole=(*prompt, *said))


def _trajectory(reading: Reading, row: Mapping[str, Any]) -> Example:
    if "messages" in reading.columns:
        example = _conversation(reading, row)
    elif "prompt" in reading.columns:
        example = _completion(reading, row)
    else:
        said = _turns(reading, row, "completion")
        example = Example((), joined(said), whole=said)
    reward = as_number(_value(reading, row, "reward"))
    if reward is None:
        raise Misfit(f"column {reading.columns['reward']!r} is not a finite number")
    mask, messages = _optional(reading, row, "trainable"), _optional(reading, row, "messages")
    if isinstance(mask, list) and isinstance(messages, list):
        wanted, got = len(cast("list[object]", messages)), len(cast("list[object]", mask))
        if wanted != got:
            raise Misfit(f"column {reading.columns['trainable']!r} has {got} values for {wanted} messages")
    group = _optional(reading, row, "group")
    return Example(
        example.prompt,
        example.target,
        reward=reward,
        passed=as_bool(_optional(reading, row, "passed")),
        gold=_gold(reading, row),
        group=None if group is None else str(group),
        whole=example.whole,
    )


def _text(reading: Reading, row: Mapping[str, Any]) -> Example:
    text = text_of(_value(reading, row, "text"))
    if text is None:
        raise Misfit(f"column {reading.columns['text']!r} is not text")
    return Example((), text, whole=(Turn("text", text),))


def _prompts(reading: Reading, row: Mapping[str, Any]) -> Example:
    prompt = _prompt(reading, row)
    return Example(prompt, whole=prompt)


def _gold(reading: Reading, row: Mapping[str, Any]) -> str | None:
    """The gold answer as text: also from verl's `reward_model.ground_truth`, or the first of several."""
    value = _optional(reading, row, "answer")
    if isinstance(value, Mapping):
        value = cast("Mapping[str, Any]", value).get("ground_truth")
    if isinstance(value, list):
        first = cast("list[object]", value)[:1]
        turns = turns_of(cast("list[object]", value))
        return joined(turns) if turns else (str(first[0]) if first else None)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return None if value is None else str(value)


_BUILDERS = {
    "messages": _conversation,
    "sharegpt": _conversation,
    "prompt-completion": _completion,
    "alpaca": _completion,
    "preference": _preference,
    "labelled": _labelled,
    "question-answer": _question,
    "trajectories": _trajectory,
    "prompts": _prompts,
    "text": _text,
}
