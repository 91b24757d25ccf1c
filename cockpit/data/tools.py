"""The tools that a conversation may call, in the form that chat templates render."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast


def tools_of(value: object) -> list[dict[str, Any]]:
    """Read tools as OpenAI's list of `{"type": "function", "function": …}`, out of bare functions or JSON text too."""
    if isinstance(value, str):
        try:
            value = cast(object, json.loads(value))
        except ValueError:
            return []
    if isinstance(value, Mapping):
        value = [cast("Mapping[str, Any]", value)]
    if not isinstance(value, list):
        return []
    tools: list[dict[str, Any]] = []
    for item in cast("list[object]", value):
        if isinstance(item, str):
            tools += tools_of(item)
        elif isinstance(item, Mapping):
            tool = dict(cast("Mapping[str, Any]", item))
            tools.append(tool if "function" in tool else {"type": "function", "function": tool})
    return tools
