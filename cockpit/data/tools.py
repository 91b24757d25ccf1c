"""The tools that a conversation may call, and the calls in it, in the form that chat templates render.

`tools_of` reads what stands in a column, `lifted` what stands as text in the turns: Hermes' and Qwen's tags, glaive's
function calls. A chat template that knows tools writes both in a form of its own, so that the text form would be learnt
beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from cockpit.data.messages import Message, calls_of

Tools = tuple[dict[str, Any], ...]

_LISTED = re.compile(r"(?:with access to|you have access to) the following (?:functions|tools)[^{\[]*", re.I)
_GLAIVE = "<functioncall>"
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


def lifted(chat: Sequence[Message], tools: Tools = ()) -> tuple[list[Message], Tools, list[int]]:
    """Return turns whose text forms of calls and results are fields, the tools, and each turn's place in `chat`.

    The tools are those that a system turn lists too. One turn may become several, and a system turn that is all tools
    none. What can't be read whole stays the text that it is.
    """
    if not spells_tools(chat):
        return list(chat), tools, list(range(len(chat)))
    made: list[Message] = []
    places: list[int] = []
    for place, turn in enumerate(chat):
        if turn["role"] == "assistant":
            made.append(_calling(turn))
        elif turn["role"] == "system":
            text, found = _without_tools(turn["content"])
            tools = tools or found
            if text:
                made.append(turn | {"content": text})
        else:
            made += _results(turn)
        places += [place] * (len(made) - len(places))
    return made, tools, places


def spells_tools(chat: Sequence[Message]) -> bool:
    """Whether some turn may spell out tools, a call or a result in its text."""
    return any(sign in turn["content"] for turn in chat for sign in _SIGNS)


def odd_calls(chat: Sequence[Message], tools: Sequence[Message]) -> list[str]:
    """What is odd about the calls of a conversation: arguments that can't be read, a tool that the row doesn't list."""
    listed = {tool["function"]["name"] for tool in tools if isinstance(tool.get("function"), Mapping)}
    functions = [call["function"] for turn in chat for call in turn.get("tool_calls", ())]
    found: list[str] = []
    if any(
        isinstance(function["arguments"], str) and function["arguments"].strip() for function in functions
    ):
        found.append("a call whose arguments are no JSON object")
    if listed and any(function["name"] not in listed for function in functions):
        found.append("a call of a tool that the row does not list")
    return found


def _calling(turn: Message) -> Message:
    said = str(turn["content"])
    bodies, rest = _between(said, "<tool_call>", "</tool_call>")
    calls: list[Message] = []
    for body in bodies:
        found = calls_of(body.strip())
        if not found:
            return turn
        calls += found
    head, mark, tail = rest.partition(_GLAIVE)
    if mark and not calls:
        body, close, after = tail.rpartition("}")
        calls = calls_of(body.strip() + close) or calls_of(_unquoted(body.strip() + close))
        rest = head + after
    if not calls:
        return turn
    return turn | {"content": rest.strip(), "tool_calls": [*turn.get("tool_calls", ()), *calls]}


def _unquoted(call: str) -> str:
    """Glaive puts the arguments, JSON themselves, between single quotes."""
    head, key, tail = call.partition('"arguments"')
    before, _, quoted = tail.partition("'")
    inner, _, after = quoted.rpartition("'")
    return head + key + before + inner.replace("\\'", "'") + after


def _results(turn: Message) -> list[Message]:
    bodies, rest = _between(str(turn["content"]), "<tool_response>", "</tool_response>")
    if not bodies or rest.strip():
        return [turn]
    return [turn | {"role": "tool", "content": body.strip()} for body in bodies]


def _without_tools(text: str) -> tuple[str, Tools]:
    """A system prompt without its list of tools, and the tools; as it is where it lists none that can be read.

    With the list goes what stands around it, from the sentence that first speaks of the tags to the last of them: how
    to call, which the template says itself.
    """
    for body in reversed(_between(text, "<tools>", "</tools>")[0]):
        tools = _listed(body)
        if tools:
            head = text[: text.find("<tools>")]
            begin = max(head.rfind(mark) for mark in (". ", "! ", "? ", "\n")) + 1
            end = max(text.rfind(tag) + len(tag) for tag in ("</tools>", "</tool_call>"))
            return (text[:begin] + text[end:]).strip(), tools
    match = _LISTED.search(text)
    tools = _listed(text[match.end() :]) if match else ()
    return (text[: match.start()].rstrip(" ,"), tools) if match and tools else (text, ())


def _between(text: str, begin: str, end: str) -> tuple[list[str], str]:
    """What stands between each pair of tags, and the text without them; an opening tag that is never closed is text."""
    bodies: list[str] = []
    rest: list[str] = []
    at = 0
    while (start := text.find(begin, at)) >= 0 and (close := text.find(end, start)) >= 0:
        bodies.append(text[start + len(begin) : close])
        rest.append(text[at:start])
        at = close + len(end)
    return bodies, "".join([*rest, text[at:]])


def _listed(text: str) -> Tools:
    """Tools as one JSON list, or as objects one after the other; none where anything else stands between."""
    made: list[dict[str, Any]] = []
    decoder = json.JSONDecoder()
    at = _next(text, 0)
    while at < len(text):
        try:
            held, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return ()
        tools = tools_of(cast("object", held))
        if not tools:
            return ()
        made += tools
        at = _next(text, end)
    return tuple(made)


def _next(text: str, at: int) -> int:
    """The place of the next character that is neither blank nor comma."""
    while at < len(text) and text[at] in ", \t\r\n":
        at += 1
    return at
