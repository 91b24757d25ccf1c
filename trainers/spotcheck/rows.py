"""Training rows as TRL makes token ids and labels of them, without TRL's ten seconds of import.

Follows `SFTTrainer._prepare_dataset` of TRL 1.16 step by step (tests/spot holds the two against each other): EOS is
added to plain text, the completion begins where prompt and prompt+completion part, labels follow the masks, and the
maximum length cuts at last.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import Any

from cockpit.contract import Recipe
from cockpit.contract.techniques import REWARDED
from cockpit.data.examples import Example
from cockpit.data.images.seats import split_at_places
from cockpit.data.messages import Message
from cockpit.data.rows import Row
from trainers.data.demonstrations import learnt_turns, sft_dataset, with_fields
from trainers.data.examples import no_shape, read_example, teaches
from trainers.data.prompts import template_switches, training_prompt
from trainers.spotcheck.settings import Settings
from trainers.spotcheck.tokens import Encoded, Tokens, leading, locate
from trainers.spotcheck.turns import Markers, by_role, lost_thoughts, unsaid


def training_examples(
    rows: list[Row], recipe: Recipe, tokenizer: Any, said: list[str] | None = None
) -> list[list[Row]]:
    """What TRL is given for each row: one example, one for each answer that is learnt, or none for a row left out.

    What a run would say of them in its log goes into `said`.
    """
    if not rows:
        return []
    if recipe.technique in REWARDED:
        prompts = (_prompt_only(row, recipe, tokenizer) for row in rows)
        return [[] if prompt is None else [prompt] for prompt in prompts]
    notices: list[str] = [] if said is None else said
    attempt: Any = SimpleNamespace(recipe=recipe, notice=lambda text, *_args, **_kw: notices.append(text))
    read = [_learnt(row, number, recipe) for number, row in enumerate(rows, 1)]
    made, settings = sft_dataset([example for example in read if example is not None], attempt, tokenizer)
    if not made:
        return [[] for _ in read]
    left = ({**example, "_settings": settings} for example in made)
    if "prompt" not in made[0]:
        return [[] if example is None else [next(left)] for example in read]
    return [
        [] if example is None else list(islice(left, len(learnt_turns(with_fields(tokenizer, example)))))
        for example in read
    ]


def _learnt(row: Row, number: int, recipe: Recipe) -> Example | None:
    """The example, None for one left out; the better answer of a pair without a prompt as the text that it is."""
    example = read_example(row, number, recipe)
    if example.unusable:
        return None
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


class Trained:
    """One example as token ids with a loss mask. `start`, `end`: the target's place in the text, in characters."""

    def __init__(self, tokens: Tokens, example: Row, recipe: Recipe, markers: Markers | None = None) -> None:
        self.tokens = tokens
        self.settings = Settings.of(recipe, example)
        self.example = example
        if "images" in example:
            self.encoded, self.mask, self.prompt_tokens = self._with_images()
        elif "prompt" in example:
            self.encoded, self.mask, self.prompt_tokens = self._pair()
        else:
            self.encoded, self.mask, self.prompt_tokens = self._whole()
        self.target = self._target()
        self.turns = self._turns(markers)
        place = locate(self.encoded.text, self.target)
        self.found = place is not None or not self.target.strip()  # a turn that calls a tool may say nothing
        self.start, self.end = (
            place or (self._answer_begins() if self.found else [len(self.encoded.text)]) * 2
        )
        self.cut_first, self.cut_last = self._cut()
        self.kept = [on and self.cut_first <= i < self.cut_last for i, on in enumerate(self.mask)]

    def _answer_begins(self) -> list[int]:
        return [begin for begin, _ in self.encoded.spans[self.prompt_tokens :][:1]] or [
            len(self.encoded.text)
        ]

    @property
    def answer(self) -> int:
        """Where the last answer begins in the text: of a text that was rendered already not where its target does."""
        if "text" in self.example and self.turns:
            at = self.encoded.text.rfind(self.turns[-1]["content"])
            return at if at > 0 else self.start
        return self.start

    def facts(self) -> dict[str, Any]:
        """The row in numbers (see cockpit.core.spotcheck.types.RowFacts)."""
        ids, kept = self.encoded.ids, self.kept
        ends, follows, after_end = self._ending()
        asked = sum(trained for role, (_, trained) in self.roles().items() if role != "assistant")
        return {
            "tokens": len(ids),
            "cut": len(ids) - (self.cut_last - self.cut_first),
            "bos": leading(ids, self.tokens.tokenizer.bos_token_id),
            "ends": ends,
            "follows": follows,
            "after_end": after_end,
            "trained": sum(kept),
            "trained_prompt": 0 if "text" in self.example else asked,
            "kept_chars": self._kept_chars(),
            "target_found": self.found,
            "unthought": lost_thoughts(self._learnt_turns(), self.encoded.text),
            "unsaid": [] if "text" in self.example else unsaid(self.turns, self.encoded.text),
        }

    def roles(self) -> dict[str, list[int]]:
        """Tokens of each role, and how many of them are trained."""
        return by_role(self.turns, self.encoded, self.kept)

    def shown(self) -> dict[str, Any]:
        """Pieces of text with what each is, the ids, and the place of the cut (a token, None where nothing is cut)."""
        kept = (self.cut_first, self.cut_last)
        whole = kept == (0, len(self.encoded.ids))
        return {
            "pieces": self.tokens.pieces(self.encoded, self.mask, None if whole else kept),
            "ids": self.encoded.ids,
            "tokens": len(self.encoded.ids),
            "trained": sum(self.kept),
            "cut_at": None if whole else (self.cut_first if self.settings.keep_end else self.cut_last),
            "target": [self.start, self.end] if self.found else None,
            "text": self.encoded.text,
        }

    def takes_in(self, earlier: Trained) -> bool:
        """Whether `earlier` is what this example begins with; then what it trains is marked here, too."""
        n = len(earlier.encoded.ids)
        if earlier.encoded.ids != self.encoded.ids[:n] or len(self.kept) > self.cut_last or self.cut_first:
            return False
        self.mask = [on or (i < n and earlier.mask[i]) for i, on in enumerate(self.mask)]
        self.kept = list(self.mask)
        return True

    def _ending(self) -> tuple[bool, str, str]:
        """Whether an end token is trained after the answer; what follows the answer instead; what follows the token."""
        ids, kept, end_ids = self.encoded.ids, self.kept, self.tokens.end_ids
        if "text" in self.example:
            last = next(
                (i for i in reversed(range(len(ids))) if kept[i] and self.tokens.decode([ids[i]]).strip()), -1
            )
            return last >= 0 and ids[last] in end_ids, "", ""
        after = [i for i, (a, _) in enumerate(self.encoded.spans) if a >= self.end]
        # A target that the template changed can't be found: then an end token anywhere in the answer counts.
        first = self.prompt_tokens if not self.found else after[0] if after else len(ids)
        end = next((i for i in range(first, len(ids)) if kept[i] and ids[i] in end_ids), None)
        if end is None:
            return False, self.tokens.decode([ids[i] for i in after if kept[i]][:8]), ""
        return (
            True,
            "",
            self.tokens.decode([ids[i] for i in range(end + 1, len(ids)) if kept[i]][:16]).strip(),
        )

    def _turns(self, markers: Markers | None) -> list[Message]:
        """The conversation as turns, out of whichever form it is trained in."""
        example = self.example
        if "text" in example:
            found = markers.turns_in(self.encoded.text, self.tokens.tokenizer.bos_token) if markers else None
            return found or []
        if "messages" in example:
            return list(example["messages"])
        turns: list[Message] = []
        for role, said in (("user", example["prompt"]), ("assistant", example.get("completion"))):
            turns += [{"role": role, "content": said}] if isinstance(said, str) else said or []
        return [_longest_text(turn) if "images" in turn else turn for turn in turns]

    def _learnt_turns(self) -> list[Message]:
        said = self.example.get("completion")
        return said if isinstance(said, list) else self.example.get("messages") or []

    def _with_images(self) -> tuple[Encoded, list[bool], int]:
        """Texts that were rendered by us, with images: nothing is added to them, and nothing cut off."""
        prompt, said, images = (self.example[name] for name in ("prompt", "completion", "images"))
        head, full = (self.tokens.seen(text, images) for text in (prompt, prompt + said))
        ends = [place for e in self.tokens.end_ids if (place := said.find(self.tokens.decode([e]))) >= 0]
        self.example = {**self.example, "prompt": head.text, "completion": said[: min(ends, default=None)]}
        self.settings = replace(self.settings, max_length=None)
        begin = _common(head.ids, full.ids)
        only = self.settings.completion_only
        return full, [not only or i >= begin for i in range(len(full.ids))], begin

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

    def _cut(self) -> tuple[int, int]:
        n, limit = len(self.encoded.ids), self.settings.max_length
        if limit is None or n <= limit or ("completion" not in self.example and "prompt" in self.example):
            return 0, n
        return (n - limit, n) if self.settings.keep_end else (0, limit)

    def _kept_chars(self) -> int:
        """How many of the target's characters survive the cut (counted from its beginning)."""
        if self.cut_last >= len(self.encoded.ids) and self.cut_first == 0:
            return max(0, self.end - self.start)
        if self.settings.keep_end:
            return max(0, self.end - self.start) if self.encoded.spans[self.cut_first][0] <= self.start else 0
        return max(0, min(self.end, self.encoded.spans[self.cut_last - 1][1]) - self.start)


def _longest_text(turn: Message) -> Message:
    """A turn with images as the text beside them that is longest: where an image stands, its name is shown."""
    texts = [held for kind, held in split_at_places(turn) if kind == "text"]
    return turn | {"content": max(texts, key=len, default="")}


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
