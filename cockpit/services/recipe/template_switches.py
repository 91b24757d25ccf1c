"""Say which of a recipe's switches the model's chat template does not know: they would change nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.values import mapping
from cockpit.services.dataset import measure

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

_MOST_BYTES = 4_000_000


def noted(recipe: Recipe) -> Recipe:
    """The recipe with a reason beside every template switch that has no effect; as it is where nobody can tell."""
    asked = recipe.data.chat_template_kwargs
    text = template_of(recipe.model.name_or_path) if asked else None
    if text is None:
        return recipe
    unread = [name for name in asked if not re.search(rf"\b{re.escape(name)}\b", text)]
    whose = "the model's chat template does not read" if text else "the model has no chat template to read"
    reasons = {f"data.chat_template_kwargs.{name}": f"{whose} {name}: it changes nothing" for name in unread}
    return recipe.model_copy(update={"reasons": {**recipe.reasons, **reasons}}) if unread else recipe


def template_of(model: str) -> str | None:
    """The text of its chat templates, empty where it has none; None where its files are not on this machine."""
    config = _file(model, "tokenizer_config.json")
    if config is None:
        return None
    told = mapping(atomic.read_json(config))
    held: Any = told.get("chat_template")
    parts = cast("list[Any]", held) if isinstance(held, list) else [{"template": held}]
    texts = [str(mapping(part).get("template") or "") for part in parts]
    alone = _file(model, "chat_template.jinja")
    if alone is not None:
        texts.append(alone.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace"))
    return "\n".join(texts).strip()


def _file(model: str, name: str) -> Path | None:
    path = measure.model_file(model, name)
    try:
        return path if path is not None and path.is_file() else None
    except OSError:
        return None
