"""The tools that a conversation may call, and the calls in it, in the form that chat templates render.

`tools_of` reads what stands in a column, `lifted` what stands as text in the turns: Hermes' and Qwen's tags, glaive's
function calls. A chat template that knows tools writes both in a form of its own, so that the text form would be learnt beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from cockpit.data.messages import Message, calls_of

Tools = tuple[dict[str, Any], ...]

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_GLAIVE_CALL = re.compile(r"<functioncall>\s*(\{.*\})", re.DOTALL)
_QUOTED = re.compile(r"(\"arguments\"\s*:\s*)'(.*)'\s*\}\s*$", re.DOTALL)
_RESULT = re.compile(r"<tool_response>(.*?)</tool_response>", re.DOTALL)
_TOOLS = re.compile(r"<tools>(.*?)</tools>", re.DOTALL)
# From the sentence that first speaks of the tags to the last of them: how to call, which the template says itself.
_INSTRUCTED = re.compile(r"(?:[^.!?\n]|\.(?=\S))*<tools>.*(?:</tool_call>|</tools>)", re.DOTALL)
_LISTED = re.compile(
    r",?\s*(?:with access to|you have access to) the following (?:functions|tools)[^{\[]*", re.I
)
_SIGNS = ("<tool", "<functioncall>", "following functions", "following tools")


def tools_of(value: object) -> list[dict[str, Any]] | None:
    """Read tools as OpenAI's list of `{"type": "function", "function": …}`, out of bare functions or JSON text too.

    None where the value is something else; Anthropic's `input_schema` becomes `parameters`.
    """
    if isinstance(value, str):
        if not value.strip():
            return []
        try:
            value = cast(object, json.loads(value))
        except (ValueError, RecursionError):
            return None
    if value is None:
        return []
    if isinstance(value, Mapping):
        value = [cast("Mapping[str, Any]", value)]
    if not isinstance(value, list):
        return None
    tools: list[dict[str, Any]] = []
    for item in cast("list[object]", value):
        found = tools_of(item) if isinstance(item, str) else _tool(item)
        if found is None:
            return None
        tools += found
    return tools


def _tool(item: object) -> list[dict[str, Any]] | None:
    if not isinstance(item, Mapping):
        return None
    tool = dict(cast("Mapping[str, Any]", item))
    function: object = tool.get("function", tool)
    if not isinstance(function, Mapping) or not isinstance(
        cast("Mapping[str, Any]", function).get("name"), str
    ):
        return None
    if "function" in tool:
        return [tool]
    if "input_schema" in tool and "parameters" not in tool:
        tool["parameters"] = tool.pop("input_schema")
    return [{"type": "function", "function": tool}]


def lifted(chat: Sequence[Message], tools: Tools = ()) -> tuple[list[Message], Tools]:
    """Return turns whose text forms of calls and results are fields, and the tools, those that a system turn lists too.

    What can't be read whole stays the text that it is.
    """
    if not spells_tools(chat):
        return list(chat), tools
    made: list[Message] = []
    for turn in chat:
        if turn["role"] == "assistant":
            made.append(_calling(turn))
        elif turn["role"] == "system":
            text, found = _without_tools(turn["content"])
            tools = tools or found
            if text:
                made.append(turn | {"content": text})
        else:
            made += _results(turn)
    return made, tools


def spells_tools(chat: Sequence[Message]) -> bool:
    """Whether some turn may spell out tools, a call or a result in its text."""
    return any(sign in turn["content"] for turn in chat for sign in _SIGNS)


def _calling(turn: Message) -> Message:
    said = str(turn["content"])
    calls: list[Message] = []
    for body in _CALL.findall(said):
        found = calls_of(body.strip())
        if not found:
            return turn
        calls += found
    rest = _CALL.sub("", said)
    match = _GLAIVE_CALL.search(rest)
    if match is not None and not calls:
        calls = calls_of(match[1]) or calls_of(_QUOTED.sub(_unquoted, match[1]))
        rest = rest[: match.start()] + rest[match.end() :] if calls else rest
    if not calls:
        return turn
    return turn | {"content": rest.strip(), "tool_calls": [*turn.get("tool_calls", ()), *calls]}


def _unquoted(match: re.Match[str]) -> str:
    """Glaive puts the arguments, JSON themselves, between single quotes."""
    inner = match[2].replace("\\'", "'")
    return f"{match[1]}{inner}}}" if inner.strip().startswith("{") else match[0]


def _results(turn: Message) -> list[Message]:
    said = str(turn["content"])
    found = _RESULT.findall(said)
    if not found or _RESULT.sub("", said).strip():
        return [turn]
    return [turn | {"role": "tool", "content": body.strip()} for body in found]


def _without_tools(text: str) -> tuple[str, Tools]:
    """A system prompt without its list of tools, and the tools; as it is where it lists none that can be read."""
    for body in reversed(_TOOLS.findall(text)):
        tools = _listed(body)
        if tools:
            return _INSTRUCTED.sub("", text, count=1).strip(), tools
    match = _LISTED.search(text)
    tools = _listed(text[match.end() :]) if match else ()
    return (text[: match.start()].strip(), tools) if match and tools else (text, ())


def _listed(text: str) -> Tools:
    """Tools as one JSON list, or as objects one after the other; none where anything else stands between."""
    made: list[dict[str, Any]] = []
    decoder = json.JSONDecoder()
    rest = text.strip()
    while rest:
        try:
            held, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return ()
        tools = tools_of(cast("object", held))
        if not tools:
            return ()
        made += tools
        rest = rest[end:].lstrip(", \t\r\n")
    return tuple(made)
