"""Turns of a conversation, in whichever of the field's spellings they come.

OpenAI and TRL write `{"role": "user", "content": "…"}`, ShareGPT `{"from": "human", "value": "…"}`; contents may be
lists of parts. All become a `Message`, which keeps what a chat template can render: tool calls, reasoning, names.
The judgement sees the same messages as `Turn`s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from cockpit.data.images.refs import IMAGE_PARTS, PLACEHOLDER, held_by, named_places

Style = Literal["openai", "sharegpt"]
Message = dict[str, Any]
"""`role`, `content` (text) and, where the row has them, `reasoning_content`, `tool_calls`, `tool_call_id`, `name`, and
`images`, one for each `<image>` in the text (see `cockpit.data.images.seats`).

`unread` names what stands in the turn and can't be carried: a video, a sound, a tool call that is none.
"""

THOUGHT = re.compile(r"<(think|thinking|reasoning)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
"""Thinking written into the text; its second group is what is thought."""
_ROLE_KEYS = ("role", "from", "speaker", "author")
_TEXT_KEYS = ("content", "value", "text", "message")
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_PLAIN_ROLES = frozenset(("system", "user", "assistant"))
_CALL_ROLES = ("function_call", "tool_call")
_KEPT = ("name", "tool_call_id")
_PART_TEXTS = ("text", "value", "content")
_REASONING_PARTS = ("reasoning", "thinking")
_CALL_PARTS = ("tool_call", "tool_calls", "tool_use", "function_call")
_RESULT_PARTS = ("tool_result", "tool_response")
_RESULT_IDS = ("tool_use_id", "tool_call_id")
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
    whole: str = ""
    """Where that is more than the text: its thinking before it, its calls below it."""

    @property
    def shown(self) -> str:
        """All that the turn says, for a person."""
        return self.whole or self.text


def message_of(value: object) -> Message | None:
    """Read one turn, or None where `value` isn't one."""
    if not isinstance(value, dict):
        return None
    turn = cast("dict[str, Any]", value)
    if len(turn) == 2 and turn.get("role") in _PLAIN_ROLES and isinstance(turn.get("content"), str):
        return {"role": turn["role"], "content": turn["content"]}  # as nearly all are
    role_key = next((key for key in _ROLE_KEYS if isinstance(turn.get(key), str)), None)
    if role_key is None:
        return None
    said = str(turn[role_key]).strip()
    role = _ROLES.get(said.lower(), said.lower())
    made: Message | None = None
    for key in _TEXT_KEYS:
        if key in turn and key != role_key and (made := _content(role, turn[key])) is not None:
            break
    called = cast("object", turn.get("tool_calls") or turn.get("function_call"))
    calls = calls_of(called)
    if made is None and not called:
        return None
    made = made or {"role": "assistant", "content": ""}
    if not made["content"] and isinstance(turn.get("refusal"), str):
        made["content"] = turn["refusal"]  # OpenAI's: then the content is null
    if said.lower() in _CALL_ROLES and (named := calls_of(made["content"])):
        made["content"], calls = "", [*named, *calls]
    reasoning = next((turn[key] for key in _REASONING_KEYS if isinstance(turn.get(key), str)), None)
    if reasoning:
        made["reasoning_content"] = reasoning
    if calls:
        made["tool_calls"] = [*made.get("tool_calls", ()), *calls]
    elif called:
        made["unread"] = "tool_calls"
    if turn.get("images") and isinstance(turn["images"], list) and "images" not in made:
        made["images"] = [*cast("list[object]", turn["images"])]
    return made | {key: turn[key] for key in _KEPT if isinstance(turn.get(key), str)}


def _content(role: str, content: object) -> Message | None:
    """A message with this content: text, null, or a list of parts; None where it is none of these."""
    if content is None or isinstance(content, str):
        return {"role": role, "content": content or ""}
    if not isinstance(content, list):
        return None
    made: Message = {"role": role, "content": ""}
    texts: list[str] = []
    thoughts: list[str] = []
    results: list[Message] = []
    images: list[object] = []
    for part in cast("list[object]", content):
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, dict):
            return None
        piece = cast("Mapping[str, Any]", part)
        kind = str(piece.get("type") or "text").lower()
        text = next((t for key in (*_PART_TEXTS, kind) if isinstance(t := piece.get(key), str)), None)
        if kind in _CALL_PARTS:
            calls = calls_of(_call_in(piece))
            made["tool_calls"] = [*made.get("tool_calls", ()), *calls]
            if not calls:
                made["unread"] = kind
        elif kind in _REASONING_PARTS:
            thoughts.append(text or "")
        elif kind in _RESULT_PARTS:
            said = text if text is not None else text_of(piece.get("content")) or ""
            of = next((piece[key] for key in _RESULT_IDS if isinstance(piece.get(key), str)), None)
            results.append({"role": "tool", "content": said} | ({"tool_call_id": of} if of else {}))
        elif kind in IMAGE_PARTS:
            held, place = held_by(piece), piece.get("index")
            images.append(piece[held] if held else place if isinstance(place, int) else None)
            texts.append(PLACEHOLDER)
        elif kind.endswith("text") or (text is not None and kind == "refusal"):
            texts.append(text or "")
        else:
            made["unread"] = kind
    made["content"] = "\n".join(text for text in texts if text)
    if images:  # nothing stands between an image and the text beside it
        made["content"] = (
            made["content"].replace(f"{PLACEHOLDER}\n", PLACEHOLDER).replace(f"\n{PLACEHOLDER}", PLACEHOLDER)
        )
        made["images"] = images
    if results and not made["content"]:
        made, *results = *results[-1:], *results[:-1]
    if results:
        made["before"] = results
    if any(thoughts):
        made["reasoning_content"] = "\n".join(thoughts)
    return made


def _call_in(part: Mapping[str, Any]) -> object:
    """What a part that calls a tool holds: the call itself, or under one of the names for it."""
    held = next((part[key] for key in (*_CALL_PARTS, *_PART_TEXTS) if part.get(key)), None)
    return held if held is not None else part


def calls_of(value: object) -> list[Message]:
    """Read tool calls in OpenAI's form out of one call, a list of them, or JSON text of either; empty for others.

    Arguments become an object, as chat templates want them; text that isn't JSON stays text.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, dict):
        value = [cast("Mapping[str, Any]", value)]
    if not isinstance(value, list):
        return []
    calls: list[Message] = []
    for item in cast("list[object]", value):
        if not isinstance(item, dict):
            return []
        call = cast("Mapping[str, Any]", item)
        inner = call.get("function")
        held = cast("Mapping[str, Any]", inner) if isinstance(inner, dict) else call
        name = held.get("name")
        if not isinstance(name, str) or not ({"arguments", "input", "parameters"} & set(held)):
            return []
        given: object = next(held[key] for key in ("arguments", "input", "parameters") if key in held)
        known = _parsed(given) if isinstance(given, str) else given
        function: Message = {"name": name, "arguments": known if isinstance(known, dict) else given}
        made: Message = {"type": "function", "function": function}
        if isinstance(call.get("id"), str):
            made["id"] = call["id"]
        calls.append(made)
    return calls


def _parsed(text: str) -> object:
    """JSON in a text; None where it is none."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return cast(object, json.loads(text))
    except (ValueError, RecursionError):
        return None


def messages_in(value: object) -> list[Message] | None:
    """Read a list of turns, or one turn standing alone; None where `value` is neither (an empty list is none)."""
    if isinstance(value, dict):
        value = [cast("Mapping[str, Any]", value)]
    if not isinstance(value, list | tuple) or not value:
        return None
    made: list[Message] = []
    for item in cast("Sequence[object]", value):
        message = message_of(item)
        if message is None:
            return None
        made += [*message.pop("before", ()), message]
    return made


_SPEAKS = re.compile(r"^[ \t]*(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE):", re.MULTILINE)
_SPEAKERS = {"SYSTEM": "system", "USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool"}


def transcript(text: str) -> list[Message] | None:
    """Read glaive's transcripts, `USER: … ASSISTANT: … FUNCTION RESPONSE: …`; None for any other text."""
    parts = _SPEAKS.split(text)
    if parts[0].strip() or not {"USER", "ASSISTANT"} <= set(parts[1::2]):
        return None
    ends = "<|endoftext|>"
    return [
        {"role": _SPEAKERS[who], "content": said.strip().removesuffix(ends).strip()}
        for who, said in zip(parts[1::2], parts[2::2], strict=True)
    ]


# Anthropic's HH data writes whole conversations as text, with these before each turn.
HH_TURN = re.compile(r"\n\n(Human|Assistant):")


def hh_turns(text: str) -> list[Message]:
    """Read a conversation in Anthropic's HH spelling; of other text there are no turns."""
    parts = HH_TURN.split(text)
    return [
        {"role": "user" if parts[i] == "Human" else "assistant", "content": parts[i + 1].strip()}
        for i in range(1, len(parts) - 1, 2)
    ]


def unread_keys(value: object) -> Iterator[str]:
    """Yield the keys of turns that hold something and are read by nobody, turn by turn."""
    turns = cast("list[object]", value) if isinstance(value, list) else [value]
    for item in turns:
        if not isinstance(item, dict):
            continue
        turn = cast("Message", item)
        if (len(turn) == 2 and "content" in turn) or not any(key in turn for key in _ROLE_KEYS):
            continue  # as nearly all are; or it is no turn
        texts = [turn[key] for key in _TEXT_KEYS if turn.get(key) not in _NOTHING]
        for key, held in turn.items():
            if held in _NOTHING or key in _READ_KEYS:
                continue
            if key not in _TEXT_KEYS or held != texts[0]:
                yield str(key)


def weights_of(value: object) -> list[float] | None:
    """Read how much each turn counts (`weight`, `loss_weight`, `train`, …); None where no turn says so."""
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    turns = [cast("Message", item) if isinstance(item, dict) else Message() for item in items]
    if all(_WEIGHT_KEYS.isdisjoint(turn) for turn in turns):
        return None
    found = [[turn[key] for key in _WEIGHT_KEYS & turn.keys() if turn[key] is not None] for turn in turns]
    weights = [
        1.0 if not each or not isinstance(each[0], bool | int | float) else float(each[0]) for each in found
    ]
    return weights if any(found) else None


_WEIGHT_KEYS = frozenset(("weight", "loss_weight", "train", "trainable", "loss"))
_READ_KEYS = _WEIGHT_KEYS.union(
    _ROLE_KEYS, _REASONING_KEYS, _KEPT, ("tool_calls", "function_call", "refusal", "type", "images")
)
_NOTHING: tuple[object, ...] = (None, "", [], {}, False)


def as_turns(messages: Iterable[Message]) -> tuple[Turn, ...]:
    """Messages as the judgement sees them, images by their names."""
    made: list[Turn] = []
    images = 0
    for message in messages:
        role, text, calls = message["role"], message["content"], bool(message.get("tool_calls"))
        if refs := message.get("images"):
            text = named_places(text, refs, images)
            images += len(refs)
        made.append(Turn(role, text, calls, _whole(message) if len(message) > 2 else ""))
    return tuple(made)


def _whole(message: Message) -> str:
    thinks, calls = message.get("reasoning_content"), message.get("tool_calls")
    return spoken({**message, "content": written(message)}) if thinks or calls else ""


def turns_of(value: object) -> tuple[Turn, ...] | None:
    """Read a list of turns, or one turn standing alone; None where `value` is neither."""
    messages = messages_in(value)
    return None if messages is None else as_turns(messages)


def text_of(content: object) -> str | None:
    """Return the text of a turn's content: a string, null, or a list of parts; None where it is none of these."""
    made = _content("user", content)
    return None if made is None else str(made["content"])


def style_of(value: object) -> Style:
    """Say which spelling a list of turns uses."""
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


def spoken(message: Message) -> str:
    """A message as text alone: its reasoning, where it has a field of its own, in `<think>` tags before the answer."""
    thought, said = message.get("reasoning_content"), str(message["content"])
    return f"<think>\n{thought}\n</think>\n\n{said}" if thought else said


def written(message: Message) -> str:
    """A message's text, and below it what it calls, as Hermes writes calls: what is judged, and shown as its answer."""
    calls = [call["function"] for call in message.get("tool_calls", ())]
    texts = [f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>" for call in calls]
    return "\n".join(text for text in (str(message["content"]), *texts) if text)


def thought_of(message: Message) -> str:
    """What a turn thinks before it answers, in a field of its own or in tags; empty where it doesn't."""
    own = message.get("reasoning_content")
    if isinstance(own, str) and own.strip():
        return own.strip()
    said = str(message["content"])
    inline = THOUGHT.search(said) if "</" in said else None
    return inline[2].strip() if inline else ""


def joined(turns: Iterable[Turn]) -> str:
    """The turns' texts, one below the other."""
    return "\n".join(turn.text for turn in turns)
