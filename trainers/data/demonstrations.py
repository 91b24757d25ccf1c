"""Rows of demonstrations -> what TRL's SFT takes, with the loss on the assistant's tokens alone."""

from __future__ import annotations

from typing import Any

from cockpit.contract import CockpitError
from trainers.attempt.attempt import Attempt
from trainers.data.prompts import template_switches, training_prompt
from trainers.data.rows import Message, Row, column, messages_of, prompt_of


def sft_dataset(rows: list[Row], attempt: Attempt, tokenizer: Any) -> tuple[list[Row], dict[str, Any]]:
    """TRL rows, and the settings of SFTConfig that they need. Raises CockpitError naming the row that fits nothing.

    One answer a row becomes prompt and completion. Conversations of several turns keep their form where the chat
    template marks what the assistant says, else they become one row for each of its turns.
    """
    chats = [_conversation(row, number, attempt) for number, row in enumerate(rows, 1)]
    if all(chat is None for chat in chats):
        return [{"text": str(row["text"])} for row in rows], {}
    if any(chat is None for chat in chats):
        raise CockpitError(
            "some rows are conversations or prompt and completion, others plain text",
            "Use one shape in a file.",
            file=attempt.recipe.data.train,
        )
    turns = [chat for chat in chats if chat is not None]
    masks = [_mask(row, chat, attempt) for row, chat in zip(rows, turns, strict=True)]
    several = any(sum(turn["role"] == "assistant" for turn in chat) > 1 for chat in turns)
    if tokenizer.chat_template is None and any(len(chat) > 2 for chat in turns):
        raise CockpitError(
            "this tokenizer has no chat template, so conversations of several turns can't be rendered",
            "Use prompt and completion, or a model with a chat template.",
            file=attempt.recipe.data.train,
        )
    masked = any(mask is not None for mask in masks)
    if masked:
        attempt.notice("Loss on the messages that `trainable` names: each became a row of its own.")
    elif several and "{% generation" in (tokenizer.chat_template or ""):
        attempt.notice(
            "Loss on the assistant's tokens of every turn, by the chat template's generation markers."
        )
        return [{"messages": chat} | _switches(attempt) for chat in turns], {"assistant_only_loss": True}
    if several and not masked:
        attempt.notice(
            "The chat template has no generation markers, so each of the assistant's turns became a row of its own."
        )
    return [
        _pair(tokenizer, chat, cut, attempt)
        for chat, mask in zip(turns, masks, strict=True)
        for cut in _answers(chat)
        if mask is None or mask[cut]
    ], {}


def _mask(row: Row, chat: list[Message], attempt: Attempt) -> list[bool] | None:
    """Which messages are learnt (a scored trajectory's `trainable`); None where the row leaves it to us."""
    mask = column(row, "trainable", attempt.recipe.data.columns)
    return [bool(value) for value in mask] if isinstance(mask, list) and len(mask) >= len(chat) else None


def _conversation(row: Row, number: int, attempt: Attempt) -> list[Message] | None:
    """One row as messages that end with the assistant; None for plain text."""
    columns = attempt.recipe.data.columns
    chat = messages_of(row, columns)
    if chat is None:
        prompt = prompt_of(row, columns)
        said = column(row, "completion", columns)
        if said is None:
            said = column(row, "answer", columns)
        if prompt is None and isinstance(row.get("text"), str):
            return None
        if prompt is None or said is None:
            raise _no_shape(row, number, attempt)
        head = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        text = said[-1].get("content", "") if isinstance(said, list) else str(said)
        chat = [*head, {"role": "assistant", "content": text}]
    while chat and chat[-1]["role"] != "assistant":
        chat = chat[:-1]
    if len(chat) < 2:
        raise _no_shape(row, number, attempt)
    return chat


def _pair(tokenizer: Any, chat: list[Message], cut: int, attempt: Attempt) -> Row:
    """The turns before `cut` as prompt, the assistant's turn at `cut` as completion."""
    head: Any = chat[:cut]
    prompt = training_prompt(tokenizer, head, attempt.recipe)
    if tokenizer.chat_template is None:
        return {"prompt": prompt, "completion": chat[cut]["content"]}
    return {"prompt": prompt, "completion": [chat[cut]]} | _switches(attempt)


def _answers(chat: list[Message]) -> list[int]:
    return [index for index, turn in enumerate(chat) if turn["role"] == "assistant" and index > 0]


def _switches(attempt: Attempt) -> dict[str, Any]:
    switches = template_switches(attempt.recipe)
    return {"chat_template_kwargs": switches} if switches else {}


def _no_shape(row: Row, number: int, attempt: Attempt) -> CockpitError:
    return CockpitError(
        f"row {number} has no demonstration to learn from: its columns are {', '.join(row)}",
        "It needs messages, or prompt and completion (question and answer, instruction and output), or text; "
        "name the columns under data.columns.",
        file=attempt.recipe.data.train,
    )
