"""The processor of a vision-language model: what turns images and texts into what the model reads."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.data.images import opening
from cockpit.data.images.models import reads_images
from trainers.model.loading import cannot_load, hub_options, locate

_FILES = ("processor_config.json", "preprocessor_config.json")


@cache
def model_sees(name: str, trust: bool) -> bool:
    """Whether a model reads images, by its configuration; no where it has none that can be read."""
    from transformers import AutoConfig

    try:
        return reads_images(AutoConfig.from_pretrained(locate(name), trust_remote_code=trust).to_dict())
    except (OSError, ValueError, KeyError, CockpitError):
        return False  # whoever loads the model says why it can't be read


def load_processor(recipe: Recipe, tokenizer: Any, folder: str | None = None) -> Any:
    """The processor of `folder` (a checkpoint, which carries its own) or of the recipe's model, around `tokenizer`.

    Raises CockpitError where there is none, or where it needs what is not installed.
    """
    from transformers import AutoProcessor, ProcessorMixin

    place = locate(folder or recipe.model.name_or_path)
    if Path(place).is_dir() and not any((Path(place) / name).is_file() for name in _FILES):
        place = locate(recipe.model.name_or_path)
    try:
        processor: Any = AutoProcessor.from_pretrained(place, **hub_options(recipe, place))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load("processor", place, error) from error
    if not isinstance(processor, ProcessorMixin):
        raise CockpitError(
            "the data has images, and there is no processor beside this model",
            "Give the model's own folder with its processor_config.json or preprocessor_config.json.",
            file=place,
        )
    given: Any = processor
    given.tokenizer = tokenizer
    given.chat_template = tokenizer.chat_template
    return processor


def opened(refs: Iterable[str]) -> list[Any]:
    """The images themselves. Raises CockpitError naming the one that can't be opened."""
    return [opening.opened(ref) for ref in refs]


def encode(processor: Any, texts: list[str], images: list[list[str]]) -> Any:
    """Rendered prompts and their images, all of them with some or none, as tensors, padded on the left."""
    held = {"images": [opened(refs) for refs in images]} if any(images) else {}
    return processor(
        text=texts, padding=True, padding_side="left", return_tensors="pt", add_special_tokens=False, **held
    )
