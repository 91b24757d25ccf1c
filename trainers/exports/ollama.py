"""What a chat template comes to where it is linear: texts before and after each turn, which Ollama can be told of.

Ollama's templates are another language, and no program turns any Jinja template into one. Most templates only put
something before and after each turn: that is read off what they make of marked conversations, and believed where it
makes the same text of another conversation.
"""

from __future__ import annotations

from typing import Any

ROLES = ("system", "user", "assistant")
_MARKS = {role: f"\u241e{role}\u241e" for role in ROLES}
Turns = list[dict[str, str]]


def template_of(tokenizer: Any) -> dict[str, Any] | None:
    """`{"turns": {role: [before, after]}, "start", "prompt", "default"}`; None where it is not linear."""
    if tokenizer.chat_template is None:
        return None
    try:
        found = _read_off(tokenizer)
        agrees = found is not None and all(
            _written(found, turns) == _rendered(tokenizer, turns, prompt=True) for turns in _PROBES
        )
    except Exception:  # noqa: BLE001 - a template may raise anything of its own where a role doesn't suit it
        return None
    return found if agrees else None


_PROBES: tuple[Turns, ...] = (
    [{"role": "user", "content": "How are you?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}],
    [
        {"role": "user", "content": "a b"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d\n\ne"},
    ],
)


def _rendered(tokenizer: Any, turns: Turns, *, prompt: bool = False) -> str:
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt))


def _turn(role: str) -> dict[str, str]:
    return {"role": role, "content": _MARKS[role]}


def _read_off(tokenizer: Any) -> dict[str, Any] | None:
    """The texts round a user's, a system's and an assistant's turn, and the one that an answer begins after."""
    user = _turn("user")
    alone = _rendered(tokenizer, [user])
    answered = _rendered(tokenizer, [user, _turn("assistant")])
    twice = _rendered(tokenizer, [user, _turn("assistant"), user])
    asked = _rendered(tokenizer, [user], prompt=True)
    told = _rendered(tokenizer, [_turn("system"), user])
    before, mark, after = alone.partition(_MARKS["user"])
    if not mark or not (
        asked.startswith(alone) and answered.startswith(alone) and twice.startswith(answered)
    ):
        return None
    answer_before, _, answer_after = answered.removeprefix(alone).partition(_MARKS["assistant"])
    # What stands at the very beginning (a begin-of-text token, a system turn of the template's own) is part of no turn.
    own, _, end = twice.removeprefix(answered).partition(_MARKS["user"])
    if end != after or not before.endswith(own):
        return None
    start = before.removesuffix(own)
    system_before, mark, rest = told.partition(_MARKS["system"])
    system_after, _, end = rest.partition(own + _MARKS["user"])
    if not mark or end != after:
        return None
    first = _shared(start, system_before)
    return {
        "turns": {
            "system": [system_before[len(first) :], system_after],
            "user": [own, after],
            "assistant": [answer_before, answer_after],
        },
        "start": first,
        "default": start[len(first) :],
        "prompt": asked[len(alone) :],
    }


def _shared(one: str, other: str) -> str:
    """What both begin with, where `one` is no more than that; else nothing (a default system turn differs inside)."""
    return one if other.startswith(one) else ""


def _written(found: dict[str, Any], turns: Turns) -> str:
    made = found["start"]
    if turns[0]["role"] != "system":
        made += found["default"]
    for turn in turns:
        before, after = found["turns"][turn["role"]]
        made += before + turn["content"] + after
    return made + found["prompt"]
