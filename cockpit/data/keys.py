"""Make the key that identifies a row by its question, ignoring case and blanks; the leak check compares these keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from cockpit.data.messages import messages_in
from cockpit.data.rows import (
    Columns,
    Prompt,
    as_chat,
    messages_of,
    normalise_text,
    prompt_of,
    value,
)


def keys_of(prompt: Prompt) -> list[str]:
    """Return the normalised texts of a prompt: what its users say, turn by turn and as a whole.

    A system prompt is left out, as all rows share it.
    """
    texts = [turn["content"] for turn in as_chat(prompt) if turn["role"] == "user"]
    return _normalised([*texts, "\n".join(texts)] if len(texts) > 1 else texts)


def prompt_keys(row: Mapping[str, Any], columns: Columns | None = None) -> list[str]:
    """Return the texts that identify what a row asks; of plain text the whole and each of its lines."""
    asked = (
        prompt_of(row, columns) if value(row, "prompt", columns) is not None else messages_of(row, columns)
    )
    found = keys_of(asked) if asked is not None else []
    if not found:  # a pair whose prompt is what both sides begin with
        sides: list[object] = [value(row, side, columns) for side in ("chosen", "rejected")]
        turns = [messages_in(cast("object", side)) or [] for side in sides if isinstance(side, list | dict)]
        found = [key for side in turns for key in keys_of(side)]
    if not found:
        plain = value(row, "text", columns) or value(row, "chosen", columns)
        found = _normalised([str(plain), *str(plain).splitlines()]) if plain is not None else []
    return list(dict.fromkeys(found))


def _normalised(texts: list[str]) -> list[str]:
    return [key for text in texts if (key := normalise_text(text))]
