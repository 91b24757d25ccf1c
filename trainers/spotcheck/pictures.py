"""Images in a rendered text as the model sees them: a run of tokens for each, shown by its size and name."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from cockpit.contract import Recipe
from cockpit.data.images.opening import Size, size_of
from cockpit.data.images.refs import name_of


class Pictures:
    """What the processor of one model makes of images; nothing is loaded before there is one."""

    def __init__(self, tokenizer: Any, recipe: Recipe) -> None:
        self.tokenizer = tokenizer
        self.recipe = recipe
        self._runs: dict[Size, list[int]] = {}

    @cached_property
    def processor(self) -> Any:
        """The model's processor. Raises CockpitError where it has none."""
        from trainers.model.vision import load_processor

        return load_processor(self.recipe, self.tokenizer)

    @cached_property
    def place(self) -> str:
        """What the chat template writes where an image is seen."""
        own = getattr(self.processor, "boi_token", None) or getattr(self.processor, "image_token", None)
        return str(own or "<image>")

    def tokens_of(self, size: Size) -> list[int]:
        """The tokens that an image of this size becomes: a blank one of the same size has as many."""
        if size not in self._runs:
            from PIL import Image

            blank = Image.new("RGB", size)
            made = self.processor(text=[self.place], images=[[blank]], add_special_tokens=False)
            self._runs[size] = list(made["input_ids"][0])
        return self._runs[size]

    def spread(
        self, text: str, ids: list[int], spans: list[tuple[int, int]], refs: list[str]
    ) -> tuple[str, list[int], list[tuple[int, int]]]:
        """The text with each image by its name, and the tokens with all those that the image becomes."""
        mark = self.tokenizer.convert_tokens_to_ids(self.place)
        left = iter(enumerate(refs, 1))
        made_ids: list[int] = []
        made_spans: list[tuple[int, int]] = []
        parts: list[str] = []
        at = moved = 0
        for token, (begin, end) in zip(ids, spans, strict=True):
            number, ref = next(left, (0, "")) if token == mark else (0, "")
            if not number:
                made_ids.append(token)
                made_spans.append((begin + moved, end + moved))
                continue
            size = size_of(ref, file=self.recipe.data.train)
            run = self.tokens_of(size)
            s = "s" * (len(run) != 1)
            shown = f"[image {number}: {size.width}x{size.height}, {name_of(ref)}, {len(run)} token{s}]"
            parts += [text[at:begin], shown]
            made_ids += run
            made_spans += [(begin + moved, begin + moved + len(shown))] * len(run)
            moved += len(shown) - (end - begin)
            at = end
        return "".join([*parts, text[at:]]), made_ids, made_spans
