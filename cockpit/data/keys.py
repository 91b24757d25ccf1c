"""Make the key that identifies a row by its question, ignoring case and blanks; the leak check compares these keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cockpit.data.images.refs import PLACEHOLDER, identity, refs_in
from cockpit.data.messages import Message, hh_turns, messages_in
from cockpit.data.rows import (
    Columns,
    Prompt,
    as_chat,
    bare_question,
    choices_of,
    messages_of,
    normalise_text,
    prompt_of,
    split_texts,
    value,
)


@dataclass(frozen=True)
class Keys:
    """The normalised texts of what one row asks.

    `whole`: all that may stand in another row. `bare`: its question without the choices or the passage below it. Two
    bare questions say nothing: many passages are asked for their title. One that is all that another row asks does.
    """

    whole: tuple[str, ...]
    bare: tuple[str, ...] = ()


class Asked:
    """What the rows of one side ask, so that the rows of the other can be looked up; of equal ones the first counts."""

    def __init__(self, rows: Iterable[tuple[str, Keys]]) -> None:
        self._whole: dict[str, str] = {}
        self._bare: dict[str, str] = {}
        for name, keys in rows:
            for key in keys.whole:
                self._whole.setdefault(key, name)
            for key in keys.bare:
                self._bare.setdefault(key, name)

    def met(self, keys: Keys) -> Iterator[tuple[str, str]]:
        """Yield name and text of each row here that asks what a row with these keys asks."""
        for key in keys.whole:
            if (name := self._whole.get(key, self._bare.get(key))) is not None:
                yield name, key
        for key in keys.bare:
            if (name := self._whole.get(key)) is not None:
                yield name, key


def keys_of(prompt: Prompt) -> list[str]:
    """Return the normalised texts of a prompt: what its users say, turn by turn and as a whole.

    A system prompt is left out, as all rows share it.
    """
    texts = [turn["content"] for turn in as_chat(prompt) if turn["role"] == "user"]
    return _normalised([*texts, "\n".join(texts)] if len(texts) > 1 else texts)


def item_keys(prompt: Prompt, row: Mapping[str, Any], columns: Columns | None = None) -> Keys:
    """Return the keys of an item to be scored: `prompt` is what is asked, `row` where it stands."""
    bare = bare_question(row, columns)
    return _seen(Keys((*keys_of(prompt), *_reordered(bare, row, columns)), tuple(_bare(bare))), row)


def row_keys(row: Mapping[str, Any], columns: Columns | None = None) -> Keys:
    """Return the keys of a row of any shape: its prompt, every turn of its users, what both sides of a pair begin with.

    Of text that is nothing else, the whole and each of its lines.
    """
    prompt = prompt_of(row, columns) if value(row, "prompt", columns) is not None else None
    found = [key for asked in (prompt, messages_of(row, columns)) if asked for key in keys_of(asked)]
    sides: list[object] = [value(row, side, columns) for side in ("chosen", "rejected")]
    for side in sides:  # each side may repeat the prompt, or hold turns of its own
        found += keys_of(_turns(side))
    if prompt is None and not found and all(isinstance(side, str) for side in sides):
        shared, _, _ = split_texts(*cast("list[str]", sides))
        found += keys_of(shared) if shared else []
        found += _of_text(sides[0])
    if not found:
        plain: object = value(row, "text", columns) or sides[0]
        found = [*keys_of(_turns(plain)), *_of_text(plain)]
    bare = bare_question(row, columns)
    found += _reordered(bare, row, columns)
    return _seen(Keys(tuple(dict.fromkeys(found)), tuple(_bare(bare))), row)


def _seen(keys: Keys, row: Mapping[str, Any]) -> Keys:
    """The keys with the row's images in them: one question about two images is two questions."""
    images = " ".join(identity(ref) for ref in refs_in(row))
    if not images:
        return keys

    def with_images(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{text.replace(PLACEHOLDER, ' ').strip()} {images}" for text in texts)

    return Keys(with_images(keys.whole), with_images(keys.bare))


def prompt_keys(row: Mapping[str, Any], columns: Columns | None = None) -> list[str]:
    """Return the texts that identify what a row asks, as it asks it: those of `row_keys` but for bare questions."""
    return list(row_keys(row, columns).whole)


def _turns(said: object) -> list[Message]:
    """The turns of a conversation, as a list or in Anthropic's HH spelling; none of anything else."""
    if isinstance(said, str):
        return hh_turns(said)
    return (messages_in(cast("object", said)) or []) if isinstance(said, list | dict) else []


def _of_text(plain: object) -> list[str]:
    return [] if plain is None else _normalised([str(plain), *str(plain).splitlines()])


def _bare(bare: str | None) -> list[str]:
    return _normalised([bare] if bare is not None else [])


def _reordered(bare: str | None, row: Mapping[str, Any], columns: Columns | None) -> list[str]:
    """A question with its choices in any order: shuffled ones are the same question."""
    choices = choices_of(row, columns) if bare is not None else []
    return _normalised(["\n".join([bare, *sorted(choices)])]) if bare is not None and choices else []


def _normalised(texts: list[str]) -> list[str]:
    return [key for text in texts if (key := normalise_text(text))]
