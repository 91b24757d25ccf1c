"""Turns of a conversation, in whichever of the field's spellings they come.

OpenAI and TRL write `{"role": "user", "content": "…"}`, ShareGPT `{"from": "human", "value": "…"}`; contents may be
lists of parts. Everything else of the cockpit sees `Turn`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

Style = Literal["openai", "sharegpt"]

_ROLE_KEYS = ("role", "from", "speaker", "author")
_TEXT_KEYS = ("content", "value", "text", "message")
_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: `role` is system, user, assistant, tool or (an unknown one) as written.

    `calls` says that an assistant turn calls a tool, so that it may well have no text.
    """

    role: str
    text: str
    calls: bool = False


def turn_of(value: object) -> Turn | None:
    """Read one turn, or None where `value` isn't one."""
    if not isinstance(value, Mapping):
        return None
    turn = cast("Mapping[str, Any]", value)
    role_key = next((key for key in _ROLE_KEYS if isinstance(turn.get(key), str)), None)
    if role_key is None:
        return None
    calls = bool(turn.get("tool_calls") or turn.get("function_call"))
    for key in _TEXT_KEYS:
        if key in turn and key != role_key:
            text = text_of(turn[key])
            if text is not None:
                role = str(turn[role_key]).strip().lower()
                return Turn(_ROLES.get(role, role), text, calls or role in ("function_call", "tool_call"))
    return Turn("assistant", "", True) if calls else None


def text_of(content: object) -> str | None:
    """The text of a turn's content: a string, null, or a list of parts; None where it is none of these."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    for part in cast("list[object]", content):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            text = cast("Mapping[str, Any]", part).get("text")
            texts.append(text if isinstance(text, str) else "")
        else:
            return None
    return "\n".join(text for text in texts if text)


def turns_of(value: object) -> tuple[Turn, ...] | None:
    """Read a list of turns, or one turn standing alone; None where `value` is neither (an empty list is none)."""
    if isinstance(value, Mapping):
        turn = turn_of(cast("Mapping[str, Any]", value))
        return None if turn is None else (turn,)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        return None
    turns: list[Turn] = []
    for item in cast("Sequence[object]", value):
        turn = turn_of(item)
        if turn is None:
            return None
        turns.append(turn)
    return tuple(turns)


def style_of(value: object) -> Style:
    """Which spelling a list of turns uses."""
    first: object = value
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        first = cast("Sequence[object]", value)[0]
    return "sharegpt" if isinstance(first, Mapping) and "from" in first else "openai"


def odd_order(turns: Sequence[Turn], *, needs_answer: bool = True) -> tuple[str, ...]:
    """Name what is odd in the order of the roles; empty where nothing is.

    The chat templates of the field want an optional system turn first, then user and assistant in alternation
    (with tool turns after an assistant's call); several raise an error otherwise. `needs_answer`: the last turn
    is what is trained on, so that it must be the assistant's.
    """
    odd: list[str] = []
    before = ""
    for index, turn in enumerate(turns):
        if turn.role not in ("system", "user", "assistant", "tool"):
            odd.append(f"unknown role {turn.role[:20]!r}")
        elif turn.role == "system" and index:
            odd.append("system turn not first")
        elif turn.role == "assistant" and before in ("", "system"):
            odd.append("assistant speaks first")
        elif turn.role == before and turn.role in ("user", "assistant"):
            odd.append(f"two {turn.role} turns in a row")
        elif turn.role == "tool" and before not in ("assistant", "tool"):
            odd.append("tool turn without a call")
        before = turn.role
    if needs_answer and turns and turns[-1].role != "assistant":
        odd.append(f"ends with a {turns[-1].role[:20]} turn")
    return tuple(dict.fromkeys(odd))


def joined(turns: Iterable[Turn]) -> str:
    """The turns' texts, one below the other."""
    return "\n".join(turn.text for turn in turns)
