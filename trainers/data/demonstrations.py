"""Demonstrations -> what TRL's SFT takes, with the loss on the assistant's tokens alone.

The rows are read twice and never all held in memory: once to see what there is (`selection`), once to convert them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cockpit.contract import CockpitError
from cockpit.data.examples import Example
from cockpit.data.messages import Message, spoken
from cockpit.data.rows import Row
from trainers.attempt.attempt import Attempt
from trainers.data.examples import no_shape, read_example, teaches
from trainers.data.prompts import knows_tools, template_switches, tool_fields, training_prompt
from trainers.data.selection import Learnable, Survey
from trainers.data.template_fields import unrendered


def sft_dataset(
    rows: Iterable[Row | Example], attempt: Attempt, tokenizer: Any
) -> tuple[list[Row], dict[str, Any]]:
    """Return TRL's rows and the SFTConfig settings that they need. Raises CockpitError for rows of no known shape."""
    made, settings = sft_rows(rows, attempt, tokenizer)
    return list(made), settings


def sft_rows(
    rows: Iterable[Row | Example], attempt: Attempt, tokenizer: Any
) -> tuple[Iterator[Row], dict[str, Any]]:
    """Return what `sft_dataset` does, but one row at a time; `rows` must be an iterable that can be read twice.

    One answer a row becomes prompt and completion. Conversations of several turns keep their form where the chat
    template marks what the assistant says, else they become one row for each of its turns.
    """
    survey = rows.survey if isinstance(rows, Learnable) else Survey.of(_demonstrations(rows, attempt))
    _check(survey, attempt, tokenizer.chat_template)
    if survey.rows == survey.texts:
        return ({"text": example.text} for example in _demonstrations(rows, attempt)), {}
    if survey.tool_text and knows_tools(tokenizer):
        attempt.notice("Tools and calls that stand in the text become the chat template's own.")
        survey = replace(survey, tools=True)
    for sentence in unrendered(tokenizer, survey.fields, attempt.recipe):
        attempt.notice(sentence, "warning")
    fold = survey.reasoning > 0 and "reasoning_content" not in (tokenizer.chat_template or "")
    if fold:
        attempt.notice(
            f"The chat template knows no reasoning_content, which {survey.reasoning:,} of {survey.rows:,} rows have: "
            "it stands in <think> tags before the answer."
        )
    chats = (_plain(with_fields(tokenizer, example), fold=fold) for example in _demonstrations(rows, attempt))
    if survey.masked:
        attempt.notice(
            "Loss on the messages that `trainable` or `weight` names: each became a row of its own."
        )
    elif survey.images:
        attempt.notice(_seen(survey))
    elif survey.several and "{% generation" in (tokenizer.chat_template or ""):
        attempt.notice(
            "Loss on the assistant's tokens of every turn, by the chat template's generation markers."
        )
        if survey.thinks_early and _strips_thinking(tokenizer, template_switches(attempt.recipe)):
            attempt.notice(
                f"The chat template strips the thinking of earlier turns: in {survey.thinks_early:,} of "
                f"{survey.rows:,} rows they are trained to answer without it. A row for each answer, with the turns "
                "before it, keeps it.",
                "warning",
            )
        beside = _switches(attempt)
        made = ({"messages": list(e.chat)} | beside | _tools(e, survey) for e in chats)
        return made, {"assistant_only_loss": True}
    elif survey.several:
        attempt.notice(
            "The chat template has no generation markers, so each of the assistant's turns became a row of its own."
        )
    pairs = (
        _pair(tokenizer, list(example.chat), cut, attempt) | _tools(example, survey)
        for example in chats
        for cut in learnt_turns(example)
    )
    if survey.images:
        from trainers.data.image_rows import in_text

        return (in_text(tokenizer, pair) for pair in pairs), {}
    return pairs, {}


def _seen(survey: Survey) -> str:
    each = ", and each of the assistant's turns became a row of its own" if survey.several else ""
    return (
        f"{survey.images:,} of {survey.rows:,} rows have images: they reach the model through its processor{each}. "
        "No row is cut (max_length), for a cut among an image's tokens would end the run."
    )


def _demonstrations(rows: Iterable[Row | Example], attempt: Attempt) -> Iterator[Example]:
    """Each row read; plain text has no chat. Raises CockpitError for a row that shows no answer."""
    for number, row in enumerate(rows, 1):
        if isinstance(row, Example):
            yield row
            continue
        example = read_example(row, number, attempt.recipe)
        if not teaches(example):
            raise no_shape(number, row, attempt.recipe)
        yield example


def _check(survey: Survey, attempt: Attempt, template: str | None) -> None:
    """Raise CockpitError for what this tokenizer would leave out of the training text."""
    file = attempt.recipe.data.train
    if survey.texts not in (0, survey.rows):
        raise CockpitError(
            "some rows are conversations or prompt and completion, others plain text",
            "Use one shape in a file.",
            file=file,
        )
    if template is None and survey.longest > 2:
        raise CockpitError(
            "this tokenizer has no chat template, so conversations of several turns can't be rendered",
            "Use prompt and completion, or a model with a chat template.",
            file=file,
        )
    for there, word, what in (
        (survey.calls, "tool_calls", "call tools"),
        (survey.tools, "tools", "name tools that may be called"),
    ):
        if there and word not in (template or ""):
            raise CockpitError(
                f"rows {what}, and this model's chat template leaves `{word}` out",
                "Use a model whose template renders them, or set trainer.chat_template_path.",
                file=file,
            )


def with_fields(tokenizer: Any, example: Example) -> Example:
    """The example with the tools and calls of its text as fields, where the template renders these."""
    chat, tools, places = tool_fields(tokenizer, example.chat, example.tools)
    mask = example.trainable
    return replace(
        example,
        chat=tuple(chat),
        tools=tools,
        trainable=None if mask is None else tuple(mask[place] for place in places),
    )


def _strips_thinking(tokenizer: Any, switches: Mapping[str, Any]) -> bool:
    """Whether the chat template leaves out what an earlier turn thinks, seen on a conversation of our own."""
    thinks = {"role": "assistant", "content": "b"}
    if "reasoning_content" in tokenizer.chat_template:
        thinks["reasoning_content"] = "xq7qx"
    else:
        thinks["content"] = "<think>\nxq7qx\n</think>\n\nb"
    chat = [
        {"role": "user", "content": "a"},
        thinks,
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    ]
    return "xq7qx" not in tokenizer.apply_chat_template(chat, tokenize=False, **switches)


def _plain(example: Example, *, fold: bool) -> Example:
    """The example; with `fold` its reasoning in tags within the text."""
    if not fold:
        return example
    return replace(
        example,
        chat=tuple(
            {key: value for key, value in turn.items() if key != "reasoning_content"}
            | {"content": spoken(turn)}
            for turn in example.chat
        ),
    )


def _pair(tokenizer: Any, chat: list[Message], cut: int, attempt: Attempt) -> Row:
    """The turns before `cut` as prompt, the assistant's turn at `cut` as completion."""
    head: Any = chat[:cut]
    prompt = training_prompt(tokenizer, head, attempt.recipe)
    if tokenizer.chat_template is None:
        return {"prompt": prompt, "completion": chat[cut]["content"]}
    return {"prompt": prompt, "completion": [chat[cut]]} | _switches(attempt)


def learnt_turns(example: Example) -> list[int]:
    """Positions of the answers that are learnt where each becomes a row of its own."""
    return [
        index
        for index, turn in enumerate(example.chat)
        if turn["role"] == "assistant"
        and index > 0
        and (example.trainable is None or example.trainable[index])
    ]


def _tools(example: Example, survey: Survey) -> Row:
    """The tools as TRL takes them: JSON text, for a table would mix the fields of all tools."""
    if not survey.tools:
        return {}
    return {"tools": json.dumps(example.tools, ensure_ascii=False) if example.tools else None}


def _switches(attempt: Attempt) -> dict[str, Any]:
    switches = template_switches(attempt.recipe)
    return {"chat_template_kwargs": switches} if switches else {}
