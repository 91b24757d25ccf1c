"""A tokenizer seen through what the spot check asks: ids with their places in the text, special tokens, end tokens."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import Any

from cockpit.contract import Recipe
from cockpit.data.images.seats import images_of
from trainers.data.prompts import as_template_takes
from trainers.model import new_tokens
from trainers.model.loading import locate as locate_model
from trainers.spotcheck.pictures import Pictures
from trainers.spotcheck.settings import max_length, template_of

SPECIAL, TRAINED, CUT = 1, 2, 4
"""What a piece of a rendered example is; the flags add up."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Encoded:
    """Token ids of `text` and the characters that each stands for; a token that the tokenizer added has none."""

    text: str
    ids: list[int]
    spans: list[Span]


class Tokens:
    """One tokenizer under one recipe."""

    def __init__(self, tokenizer: Any, recipe: Recipe) -> None:
        import jinja2

        self.tokenizer = tokenizer
        self.recipe = recipe
        self.template_errors = (jinja2.TemplateError, TypeError, ValueError, KeyError)
        template = template_of(recipe)
        if template is not None:
            tokenizer.chat_template = template
        added = getattr(tokenizer, "added_tokens_decoder", {})
        self.special_ids = {*tokenizer.all_special_ids, *(i for i, token in added.items() if token.special)}
        self.vocabulary: int | None = None
        """Rows of the model's embedding, as its configuration has it."""
        self.end_ids, self.max_positions = self._model_facts()
        self._training_template: str | None = None
        self.pictures = Pictures(tokenizer, recipe)

    def facts(self) -> dict[str, Any]:
        tokenizer = self.tokenizer
        probe = tokenizer("a")["input_ids"]
        return {
            "tokenizer": type(tokenizer).__name__,
            "bos": tokenizer.bos_token,
            "adds_bos": tokenizer.bos_token_id is not None and probe[:1] == [tokenizer.bos_token_id],
            "ends": [self.decode([token]) for token in sorted(self.end_ids)],
            "max_length": max_length(self.recipe),
            "max_positions": self.max_positions,
            "has_template": tokenizer.chat_template is not None,
            "trims": self._trims(),
        }

    def plain(self, text: str) -> Encoded:
        """Bare text, as TRL tokenizes it: with what the tokenizer adds."""
        return self._encode(text, special=True)

    def eval_prompt(self, text: str, images: list[str]) -> Encoded:
        """A rendered prompt as the scorer tokenizes it (trainers/model/generate.py)."""
        return self.seen(text, images, special=self.tokenizer.chat_template is None)

    def seen(self, text: str, images: list[str], *, special: bool = False) -> Encoded:
        """A rendered text with its images, each by its name in the text and with all of its tokens."""
        bare = self._encode(text, special=special)
        return Encoded(*self.pictures.spread(text, bare.ids, bare.spans, images)) if images else bare

    def chat(
        self, messages: list[Any], mask: bool = False, **kwargs: Any
    ) -> tuple[Encoded, list[int] | None]:
        """Messages by the chat template, with the assistant's mask where it is asked for."""
        if not mask:
            turns = as_template_takes(self.tokenizer, messages)
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, **kwargs)
            return self.seen(text, images_of(messages)), None
        template = self._template_with_markers()
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, chat_template=template, **kwargs)
        made = self.tokenizer.apply_chat_template(
            messages,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            chat_template=template,
            **kwargs,
        )
        return self._encode(text, special=False), list(made["assistant_masks"])

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def pieces(self, encoded: Encoded, mask: list[bool], kept: Span | None) -> list[list[Any]]:
        """`[text, flags]` of runs that are alike; together they are the whole text and every added token."""
        made: list[list[Any]] = []
        at = 0
        for index, (token, (begin, end)) in enumerate(zip(encoded.ids, encoded.spans, strict=True)):
            special = token in self.special_ids
            flags = SPECIAL * special + TRAINED * mask[index]
            if kept is not None and not kept[0] <= index < kept[1]:
                flags = flags & ~TRAINED | CUT
            if end <= begin and begin <= at:
                text = self.decode([token]) if special else ""
            else:
                text, at = encoded.text[at : max(at, end)], max(at, end)
            if text and made and made[-1][1] == flags and not special:
                made[-1][0] += text
            elif text:
                made.append([text, flags])
        if encoded.text[at:]:
            made.append([encoded.text[at:], made[-1][1] if made else 0])
        return made

    def _encode(self, text: str, *, special: bool) -> Encoded:
        if self.tokenizer.is_fast:
            made = self.tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)
            return Encoded(text, list(made["input_ids"]), [tuple(span) for span in made["offset_mapping"]])
        ids = list(self.tokenizer(text, add_special_tokens=special)["input_ids"])
        return Encoded(text, ids, self._walk(text, ids))

    def _walk(self, text: str, ids: list[int]) -> list[Span]:
        """Where each token of a slow tokenizer stands, by finding its text; what can't be found stands nowhere."""
        spans: list[Span] = []
        at = 0
        for token in ids:
            piece = self.decode([token])
            place = text.find(piece.strip() or piece, at, at + len(piece) + 16) if piece else -1
            end = at if place < 0 else place + len(piece.strip() or piece)
            spans.append((at, end))
            at = end
        return spans

    def _template_with_markers(self) -> str | None:
        """TRL's training variant of a template without generation markers; TRL is imported only for that."""
        if (
            "{% generation" in self.tokenizer.chat_template
            or "{%- generation" in self.tokenizer.chat_template
        ):
            return None
        if self._training_template is None:
            from trl.chat_template_utils import get_training_chat_template

            self._training_template = get_training_chat_template(self.tokenizer)
        return self._training_template

    def stop_is_trained(self) -> bool:
        """Whether the template's mask holds the token that ends an answer, by TRL's own check."""
        from trl.chat_template_utils import is_chat_template_stop_token_trained

        return is_chat_template_stop_token_trained(self.tokenizer, self._template_with_markers())

    def new_tokens(self, seen: set[int]) -> dict[str, Any] | None:
        """What is to be said of tokens among `seen` that the model has no embedding for, or none that was trained."""
        place = Path(locate_model(self.recipe.model.name_or_path))
        known = new_tokens.embedding_in(place) if place.is_dir() else None
        size = known[0] if known else self.vocabulary
        if size is None or new_tokens.trains_them(self.recipe):
            return None
        beyond = sorted(i for i in seen if i >= size)
        added = sorted(i for i in self.tokenizer.added_tokens_decoder if i < size)
        found = beyond or sorted(seen & {*new_tokens.untrained(added, known[1], size)} if known else ())
        if not found:
            return None
        return {
            "says": new_tokens.named(self.tokenizer, found), "text": self.decode(found[:1]),
            "rows": size, "beyond": bool(beyond), "mend": new_tokens.mend(found),
        }  # fmt: skip

    def _model_facts(self) -> tuple[set[int], int | None]:
        """Ids that end an answer (trainers/model/generate.py, `end_tokens`), and how many positions the model has."""
        from transformers import AutoConfig, GenerationConfig

        place = locate_model(self.recipe.model.name_or_path)
        ids: set[Any] = {self.tokenizer.eos_token_id}
        positions: int | None = None
        try:
            config: Any = AutoConfig.from_pretrained(
                place, trust_remote_code=self.recipe.model.trust_remote_code
            )
            text = config.get_text_config()
            positions = getattr(text, "max_position_embeddings", None)
            self.vocabulary = getattr(text, "vocab_size", None)
            ids |= _many(getattr(text, "eos_token_id", None))
        except (OSError, ValueError, KeyError):
            print(f"no model config beside the tokenizer of {place}")
        try:
            configured: Any = GenerationConfig.from_pretrained(place).eos_token_id
            ids = {self.tokenizer.eos_token_id, *_many(configured)} if configured is not None else ids
        except (OSError, ValueError):
            print(f"no generation config beside the tokenizer of {place}")
        return {token for token in ids if token is not None}, positions

    def _trims(self) -> bool:
        """Whether the template strips the blanks at the ends of what is said."""
        if self.tokenizer.chat_template is None:
            return False
        try:
            text = self.tokenizer.apply_chat_template([{"role": "user", "content": "ab  "}], tokenize=False)
        except self.template_errors:
            return False
        return "ab  " not in text


def _many(ids: Any) -> set[int]:
    return set() if ids is None else {*ids} if isinstance(ids, list) else {ids}


def leading(ids: list[int], token: int | None) -> int:
    """How many times `token` stands at the beginning of `ids`."""
    count = 0
    while token is not None and count < len(ids) and ids[count] == token:
        count += 1
    return count


def locate(text: str, target: str) -> Span | None:
    """Where `target` stands in the rendered `text`, its blanks at the ends left off; None where it doesn't."""
    said = target.strip()
    at = text.rfind(said) if said else -1
    return None if at < 0 else (at, at + len(said))


def split_common(left: str, right: str) -> tuple[str, str, str]:
    """The common beginning of two texts, and what is left of each without their common end."""
    before = commonprefix([left, right])  # noqa: RUF071 - character by character is meant
    a, b = left[len(before) :], right[len(before) :]
    tail = len(commonprefix([a[::-1], b[::-1]]))  # noqa: RUF071 - character by character is meant
    return before, a[: len(a) - tail], b[: len(b) - tail]


def contexts_differ(trained: Any, at_eval: Encoded, tokens: Tokens, asked: int) -> dict[str, Any] | None:
    """How the text before the answer differs between training and eval; None where it doesn't.

    Where eval ends early but training teaches the model to write what is missing (an empty thinking block, say), the
    two agree. `asked`: how much of the eval prompt is what was asked; the rest opens the answer.
    """
    text, prompt, answer, begun = trained.encoded.text, at_eval.text, trained.answer, 0
    context = {"between": False, "ids_only": False, "opening": False, "count": 1, "row": 0}
    if "text" in trained.example:  # whether the text or the tokenizer writes the BOS is another question
        begun = len(text) - len(_without(text, tokens.tokenizer.bos_token))
        asked -= len(prompt) - len(_without(prompt, tokens.tokenizer.bos_token))
        text, prompt = text[begun:], _without(prompt, tokens.tokenizer.bos_token)
        answer -= begun
    if not text.startswith(prompt):
        before, left, right = _first_blanks(*split_common(text[: max(answer, 0)], prompt))
        context["opening"] = asked <= len(before)
        return {**context, "train": left[:2000], "eval": right[:2000], "before": before[-200:]}
    missing = text[len(prompt) : answer] if trained.found else ""
    if missing and not _is_learnt(trained, begun + len(prompt), begun + answer, tokens):
        return {**context, "train": missing[:2000], "eval": "", "before": prompt[-200:], "between": True}
    ids = _ids_differ(trained.encoded.ids, at_eval.ids, tokens, prompt)
    return None if ids is None else {**context, **ids, "ids_only": True}


def _without(text: str, bos: str | None) -> str:
    while bos and text.startswith(bos):
        text = text[len(bos) :]
    return text


def _first_blanks(before: str, left: str, right: str) -> tuple[str, str, str]:
    """Where two texts differ in blanks alone, the first of them: what stands between need not be shown."""
    if (not left.strip() and not right.strip()) or "".join(left.split()) != "".join(right.split()):
        return before, left, right
    first, second = (text[: len(text) - len(text.lstrip())] for text in (left, right))
    return (before, first, second) if first != second else (before, left, right)


def _is_learnt(trained: Any, begin: int, end: int, tokens: Tokens) -> bool:
    """Whether training teaches the model to write what eval leaves out: an empty thinking block, say.

    Special tokens in it open the assistant's turn, which is the generation prompt's to write: a model that has to
    write them itself answers in another turn than it is scored and served in.
    """
    kept = range(trained.cut_first, trained.cut_last)
    inside = [i for i, (a, b) in enumerate(trained.encoded.spans) if b > begin and a < end and b > a]
    if any(trained.encoded.ids[i] in tokens.special_ids for i in inside):
        return False
    return all(trained.mask[i] for i in inside if i in kept)


def _ids_differ(train: list[int], at_eval: list[int], tokens: Tokens, prompt: str) -> dict[str, Any] | None:
    bos = tokens.tokenizer.bos_token_id
    left, right = train[leading(train, bos) :], at_eval[leading(at_eval, bos) :]
    if left[: len(right)] == right:
        return None
    at = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    return {
        "train": tokens.decode(left[at : at + 3]),
        "eval": tokens.decode(right[at : at + 3]),
        "before": prompt[-120:],
    }
