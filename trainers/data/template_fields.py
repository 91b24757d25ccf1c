"""Ask a chat template, by rendering a made-up conversation, which fields of a message it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.data.messages import Message

FIELDS = ("name", "tool_call_id")
"""Fields of a message that many templates leave out, which a person should know."""
_SIGN = "zqxj"
_CALL: Message = {"type": "function", "id": "a", "function": {"name": "f", "arguments": {}}}


def unrendered(tokenizer: Any, rows: Mapping[str, int], recipe: Recipe) -> list[str]:
    """Return a sentence for each field that the template leaves out; `rows` says how many rows have it.

    Raises CockpitError where it leaves out what tools answered: the answers would be learnt without what they rest on.
    """
    if tokenizer.chat_template is None:
        return []
    if rows.get("tool") and not _renders(tokenizer, "tool"):
        raise CockpitError(
            f"{rows['tool']} rows hold results of tools, and this model's chat template leaves them out",
            "Use a model whose template renders them, or set trainer.chat_template_path.",
            file=recipe.data.train,
        )
    return [
        f"The chat template leaves `{name}` of the messages out ({rows[name]} rows have it)."
        for name in FIELDS
        if rows.get(name) and not _renders(tokenizer, name)
    ]


def _renders(tokenizer: Any, name: str) -> bool:
    """Whether the template renders this field; yes where it takes no such conversation, for then the rows tell."""
    import jinja2

    asked: Message = {"role": "user", "content": "a"}
    chat: list[Message] = [asked | ({"name": _SIGN} if name == "name" else {})]
    if name != "name":
        call = _CALL | ({"id": _SIGN} if name == "tool_call_id" else {})
        result: Message = {"role": "tool", "name": "f", "tool_call_id": call["id"], "content": "1"}
        result |= {"content": _SIGN} if name == "tool" else {}
        chat += [{"role": "assistant", "content": "", "tool_calls": [call]}, result]
    try:
        return _SIGN in tokenizer.apply_chat_template(chat, tokenize=False)
    except (jinja2.TemplateError, TypeError, ValueError, KeyError):
        return True
