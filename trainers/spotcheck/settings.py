"""Pick the settings of a recipe's trainer section that decide which tokens are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract import CockpitError, Recipe
from cockpit.data.rows import Row

MAX_LENGTH = 1024
"""SFTConfig's own default."""


@dataclass(frozen=True)
class Settings:
    """The fields of SFTConfig that decide what tokens are trained on."""

    max_length: int | None
    keep_end: bool
    completion_only: bool
    assistant_only: bool
    text_field: str

    @staticmethod
    def of(recipe: Recipe, example: Row) -> Settings:
        given = {**example.get("_settings", {}), **recipe.trainer}
        only = given.get("completion_only_loss")
        return Settings(
            max_length=cast("int | None", given.get("max_length", MAX_LENGTH)),
            keep_end=given.get("truncation_mode") == "keep_end",
            completion_only=("prompt" in example and "completion" in example) if only is None else bool(only),
            assistant_only=bool(given.get("assistant_only_loss", False)),
            text_field=str(given.get("dataset_text_field", "text")),
        )


def max_length(recipe: Recipe) -> int | None:
    """The length that training cuts at; None for no limit."""
    return cast("int | None", recipe.trainer.get("max_length", MAX_LENGTH))


def template_of(recipe: Recipe) -> str | None:
    """The chat template that the recipe's trainer section names (`chat_template_path`), read."""
    path = recipe.trainer.get("chat_template_path")
    if not isinstance(path, str):
        return None
    if path.endswith((".jinja", ".j2")):
        try:
            return Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CockpitError(
                f"trainer.chat_template_path can't be read: {error}", "Correct it.", file=path
            ) from error
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    return tokenizer.chat_template
