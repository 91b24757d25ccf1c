"""Training rows as TRL makes token ids and labels of them, without TRL's ten seconds of import.

Follows `SFTTrainer._prepare_dataset` of TRL 1.16 step by step (tests/spot holds the two against each other): EOS is
added to plain text, the completion begins where prompt and prompt+completion part, labels follow the masks, and the
maximum length cuts at last.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from cockpit.contract import Recipe
from cockpit.contract.techniques import REWARDED
from cockpit.data.examples import Example
from cockpit.data.rows import Row
from trainers.data.demonstrations import sft_dataset
from trainers.data.examples import no_shape, read_example, teaches
from trainers.data.prompts import template_switches, training_prompt
from trainers.spotcheck.settings import Settings
from trainers.spotcheck.tokens import Encoded, Tokens, leading, locate


def training_examples(
    rows: list[Row], recipe: Recipe, tokenizer: Any, said: list[str] | None = None
) -> list[Row | None]:
    """What TRL is given for each row: the last of its examples where a row becomes several; None for one left out.

    What a run would say of them in its log goes into `said`.
    """
    if not rows:
        return []
    if recipe.technique in REWARDED:
        return [_prompt_only(row, recipe, tokenizer) for row in rows]
    notices: list[str] = [] if said is None else said
    attempt: Any = SimpleNamespace(recipe=recipe, notice=lambda text, *_args, **_kw: notices.append(text))
    read = [_learnt(row, number, recipe) for number, row in enumerate(rows, 1)]
    examples, settings = sft_dataset(read, attempt, tokenizer)
    attempt.notice = lambda *_args, **_kw: None
    if len(examples) != len(rows):
        several = [sft_dataset([example], attempt, tokenizer)[0] for example in read]
        examples = [each[-1] | ({"_earlier": each[:-1]} if each[1:] else {}) for each in several]
    return [{**example, "_settings": settings} for example in examples]


def _learnt(row: Row, number: int, recipe: Recipe) -> Example:
    """The example; the better answer of a pair without a prompt as the text that it is."""
    example = read_example(row, number, recipe)
    if example.rejected is not None and example.prompt is None:
        return replace(example, chat=(), text=example.said)
    if not teaches(example):
        raise no_shape(number, row, recipe)
    return example


def _prompt_only(row: Row, recipe: Recipe, tokenizer: Any) -> Row | None:
    prompt = read_example(row, 0, recipe).question
    if prompt is None:
        return None
    switches = template_switches(recipe)
    beside = {"chat_template_kwargs": switches} if switches else {}
    return {"prompt": training_prompt(tokenizer, prompt, recipe), "_settings": {}} | beside


_TRIES = 20
"""Places of one text in a row that are looked at."""


class Trained:
    """One example as token ids with a loss mask. `start`, `end`: the target's place in the text, in characters."""

    def __init__(self, tokens: Tokens, example: Row, recipe: Recipe) -> None:
        self.tokens = tokens
        self.recipe = recipe
        self.settings = Settings.of(recipe, example)
        self.example = example
        if "prompt" in example:
            self.encoded, self.mask, self.prompt_tokens = self._pair()
        else:
            self.encoded, self.mask, self.prompt_tokens = self._whole()
        self.target = self._target()
        place = locate(self.encoded.text, self.target) if self.target else self._calls_place()
        self.found = place is not None
        self.start, self.end = place or (len(self.encoded.text), len(self.encoded.text))
        self.cut_first, self.cut_last = self._cut()

    def facts(self) -> dict[str, Any]:
        """The row in numbers (see cockpit.core.spotcheck.types.RowFacts)."""
        ids, end_ids = self.encoded.ids, self.tokens.end_ids
        kept = [on and self._is_kept(i) for i, on in enumerate(self.mask)]
        after = [i for i, (a, _) in enumerate(self.encoded.spans) if a >= self.end]
        # A target that the template changed can't be found: then an end token anywhere in the answer counts.
        first_after = self.prompt_tokens if not self.found else after[0] if after else len(ids)
        ends = any(kept[i] and ids[i] in end_ids for i in range(first_after, len(ids)))
        follows = self.tokens.decode([ids[i] for i in after if kept[i]][:8]) if not ends else ""
        return {
            "tokens": len(ids),
            "cut": len(ids) - (self.cut_last - self.cut_first),
            "bos": leading(ids, self.tokens.tokenizer.bos_token_id),
            "ends": ends,
            "follows": follows,
            "trained": sum(kept),
            "trained_prompt": self._on_prompt(kept),
            "kept_chars": self._kept_chars(),
            "target_found": self.found,
        }

    def shown(self) -> dict[str, Any]:
        """Pieces of text with what each is, the ids, and the place of the cut (a token, None where nothing is cut)."""
        self._add_earlier()
        kept = (self.cut_first, self.cut_last)
        whole = kept == (0, len(self.encoded.ids))
        return {
            "pieces": self.tokens.pieces(self.encoded, self.mask, None if whole else kept),
            "ids": self.encoded.ids,
            "tokens": len(self.encoded.ids),
            "trained": sum(on and self._is_kept(i) for i, on in enumerate(self.mask)),
            "cut_at": None if whole else (self.cut_first if self.settings.keep_end else self.cut_last),
            "target": [self.start, self.end] if self.found else None,
            "text": self.encoded.text,
        }

    def _add_earlier(self) -> None:
        """Mark what the row's other examples train, each of which is a beginning of this one."""
        for example in self.example.get("_earlier", ()):
            other = Trained(
                self.tokens, {**example, "_settings": self.example.get("_settings", {})}, self.recipe
            )
            shared = _common(other.encoded.ids, self.encoded.ids)
            self.mask[:shared] = [
                a or b for a, b in zip(self.mask[:shared], other.mask[:shared], strict=True)
            ]

    def _pair(self) -> tuple[Encoded, list[bool], int]:
        tokens, example = self.tokens, self.example
        kwargs = _template_arguments(example)
        prompt, said = example["prompt"], example.get("completion")
        if isinstance(prompt, str):
            if said is None:
                head = full = tokens.plain(prompt)
            else:
                eos = tokens.tokenizer.eos_token or ""
                said = said if eos and said.endswith(eos) else said + eos
                head, full = tokens.plain(prompt), tokens.plain(prompt + said)
            assistant = None
        else:
            head, _ = tokens.chat(prompt, add_generation_prompt=True, **kwargs)
            if said is None:
                full, assistant = head, None
            else:
                full, assistant = tokens.chat([*prompt, *said], self.settings.assistant_only, **kwargs)
        begin = _common(head.ids, full.ids)
        mask = [not self.settings.completion_only or i >= begin for i in range(len(full.ids))]
        if assistant is not None:
            mask = [on and bool(marked) for on, marked in zip(mask, assistant, strict=True)]
        if said is None:
            mask = [False] * len(full.ids)  # the model's own rollouts are trained on, not this
        return full, mask, begin

    def _whole(self) -> tuple[Encoded, list[bool], int]:
        tokens, example = self.tokens, self.example
        if "messages" in example:
            kwargs = _template_arguments(example)
            full, assistant = tokens.chat(example["messages"], self.settings.assistant_only, **kwargs)
            return full, [bool(a) for a in assistant] if assistant is not None else [True] * len(full.ids), 0
        text = str(example[self.settings.text_field if self.settings.text_field in example else "text"])
        eos = tokens.tokenizer.eos_token or ""
        full = tokens.plain(text if eos and text.endswith(eos) else text + eos)
        return full, [True] * len(full.ids), 0

    def _target(self) -> str:
        said = self.example.get("completion")
        if isinstance(said, str):
            return said
        turns = said if said is not None else self.example.get("messages")
        if turns:
            return str(next((turn["content"] for turn in reversed(turns) if turn["role"] == "assistant"), ""))
        return str(self.example["text"]) if "text" in self.example else ""

    def _calls_place(self) -> tuple[int, int] | None:
        """Where an answer that only calls tools stands: from its first trained token to its end token.

        None where the template writes other calls than the data has.
        """
        turns = self.example.get("completion") or self.example.get("messages")
        calls = turns[-1].get("tool_calls") if isinstance(turns, list) else None
        if not calls:
            return None
        ends = [
            i for i, token in enumerate(self.encoded.ids) if self.mask[i] and token in self.tokens.end_ids
        ]
        last = ends[-1] if ends else len(self.mask)
        first = last
        while first and self.mask[first - 1]:
            first -= 1
        spans = self.encoded.spans[first:last]
        if not spans:
            return None
        start, end = spans[0][0], spans[-1][1]
        text = self.encoded.text[start:end]
        names = [str(call["function"]["name"]) for call in calls]
        return (start, end) if all(name in text for name in names) else None

    def _cut(self) -> tuple[int, int]:
        n, limit = len(self.encoded.ids), self.settings.max_length
        if limit is None or n <= limit or ("completion" not in self.example and "prompt" in self.example):
            return 0, n
        return (n - limit, n) if self.settings.keep_end else (0, limit)

    def _is_kept(self, index: int) -> bool:
        return self.cut_first <= index < self.cut_last

    def _on_prompt(self, kept: list[bool]) -> int:
        """Trained tokens that lie in what the user (or the system) says; template markers around them don't count."""
        if "text" in self.example:
            return 0
        turns = self.example.get("prompt") or self.example.get("messages") or []
        texts = (
            [turns] if isinstance(turns, str) else [t["content"] for t in turns if t["role"] != "assistant"]
        )
        count = at = 0
        for text in texts:
            found = self._least_trained(text.strip(), at, kept) if text.strip() else None
            if found is not None:
                at, trained = found
                count += trained
        return count

    def _least_trained(self, text: str, at: int, kept: list[bool]) -> tuple[int, int] | None:
        """Where this text ends and how many of its tokens are trained: where none is, for answers may hold it too."""
        first: tuple[int, int] | None = None
        place = self.encoded.text.find(text, at)
        for _ in range(_TRIES):
            if place < 0:
                break
            end = place + len(text)
            trained = sum(
                on and place <= a and b <= end and b > a
                for on, (a, b) in zip(kept, self.encoded.spans, strict=True)
            )
            if not trained:
                return end, 0
            first = first or (end, trained)
            place = self.encoded.text.find(text, end)
        return first

    def _kept_chars(self) -> int:
        """How many of the target's characters survive the cut (counted from its beginning)."""
        if self.cut_last >= len(self.encoded.ids) and self.cut_first == 0:
            return max(0, self.end - self.start)
        if self.settings.keep_end:
            return max(0, self.end - self.start) if self.encoded.spans[self.cut_first][0] <= self.start else 0
        return max(0, min(self.end, self.encoded.spans[self.cut_last - 1][1]) - self.start)


def _template_arguments(example: Row) -> Row:
    """What TRL hands to the chat template beside the messages."""
    tools = example.get("tools")
    return {**({"tools": json.loads(tools)} if tools else {}), **example.get("chat_template_kwargs", {})}


def _common(left: list[int], right: list[int]) -> int:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return length
