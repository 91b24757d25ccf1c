"""Prompts as the model sees them: one way for training, mini-eval and held-out pass alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cockpit.contract import Recipe
from cockpit.data.images.seats import split_at_places
from cockpit.data.messages import Message
from cockpit.data.rows import Prompt, Row, as_chat
from cockpit.data.tools import lifted


def with_system(prompt: Prompt, recipe: Recipe) -> list[Message]:
    """`prompt` as messages, below the recipe's system prompt where it brings none of its own."""
    chat = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    system = recipe.data.system_prompt
    if system and (not chat or chat[0]["role"] != "system"):
        return [{"role": "system", "content": system}, *chat]
    return chat


def plain(prompt: Prompt, recipe: Recipe) -> str:
    """A prompt for a model without a chat template: the text itself, ended by a line break."""
    text = prompt if isinstance(prompt, str) else "\n\n".join(turn["content"] for turn in prompt)
    if recipe.data.system_prompt:
        text = f"{recipe.data.system_prompt}\n\n{text}"
    return text if text[-1:].isspace() else text + "\n"


def template_switches(recipe: Recipe) -> dict[str, Any]:
    """Arguments for the chat template; a template that does not know them ignores them."""
    return dict(recipe.data.chat_template_kwargs)


def prompt_text(
    tokenizer: Any, prompt: Prompt, recipe: Recipe, tools: Sequence[Row] = (), *, opens: bool = True
) -> str:
    """The exact text that the model continues, special tokens included; `tools` are those that it may call.

    `opens`: with what opens the answer (the generation prompt), as the model sees it.
    """
    if tokenizer.chat_template is None:
        return plain(prompt, recipe)
    chat, tools, _ = tool_fields(tokenizer, as_chat(prompt), tools)
    return tokenizer.apply_chat_template(
        as_template_takes(tokenizer, with_system(chat, recipe)),
        tools=list(tools) or None,
        add_generation_prompt=opens,
        tokenize=False,
        **template_switches(recipe),
    )


def as_template_takes(tokenizer: Any, chat: Sequence[Message], *, parts: bool = False) -> list[Message]:
    """Turns as the chat template reads them: where one has images (or with `parts`), all contents are lists of parts.

    So they are, too, for a template that reads nothing else.
    """
    if not parts and not any("images" in turn for turn in chat) and not _wants_parts(tokenizer):
        return list(chat)
    return [
        {key: held for key, held in turn.items() if key != "images"}
        | {"content": [_part(*part) for part in split_at_places(turn)]}
        if isinstance(turn["content"], str)
        else turn
        for turn in chat
    ]


def _part(kind: str, held: str) -> Message:
    return {"type": "text", "text": held} if kind == "text" else {"type": "image"}


def _wants_parts(tokenizer: Any) -> bool:
    """Whether the template of a vision-language model leaves out, or refuses, content that is plain text."""
    template = str(tokenizer.chat_template or "")
    return "image" in template and not _renders_text(template, tokenizer)


def _renders_text(template: str, tokenizer: Any) -> bool:
    known: dict[str, bool] = tokenizer.__dict__.setdefault("_renders_text", {})
    if template not in known:
        import jinja2

        try:
            turns = [{"role": "user", "content": "zqxj"}]
            known[template] = "zqxj" in tokenizer.apply_chat_template(turns, tokenize=False)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError):
            known[template] = False
    return known[template]


def tool_fields(
    tokenizer: Any, chat: Sequence[Message], tools: Sequence[Row]
) -> tuple[list[Message], tuple[Row, ...], list[int]]:
    """Return turns and tools as the model's template takes them: tools and calls in the text become fields.

    With them the place in `chat` that each turn comes from.
    """
    if knows_tools(tokenizer):
        return lifted(chat, tuple(tools))
    return list(chat), tuple(tools), list(range(len(chat)))


def knows_tools(tokenizer: Any) -> bool:
    """Whether the chat template renders tools and the calls of them."""
    template = str(tokenizer.chat_template or "")
    return "tools" in template and "tool_calls" in template


def training_prompt(tokenizer: Any, prompt: Prompt, recipe: Recipe) -> Prompt:
    """What TRL is given as `prompt`, so that it renders what `prompt_text` renders."""
    return plain(prompt, recipe) if tokenizer.chat_template is None else with_system(prompt, recipe)


def answer_ids(
    tokenizer: Any, prompt: Prompt, said: str, recipe: Recipe, tools: Sequence[Row] = ()
) -> tuple[list[int], list[int]]:
    """Token ids of the prompt, and of the answer with its end token, as a policy reads and writes them."""
    bare = tokenizer.chat_template is None
    head = tokenizer(prompt_text(tokenizer, prompt, recipe, tools), add_special_tokens=bare)["input_ids"]
    tail = tokenizer(said, add_special_tokens=False)["input_ids"]
    return head, [*tail, tokenizer.eos_token_id]
