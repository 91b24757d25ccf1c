"""The tools that a conversation may call, in the form that chat templates render."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast


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
