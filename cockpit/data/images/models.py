"""Tell by a model's config.json whether it reads images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

_INNER = ("thinker_config", "text_config", "llm_config")


def reads_images(config: Mapping[str, Any]) -> bool:
    """Whether this configuration describes a model with an eye: one that has a part for images."""
    inner = [config, *(config[name] for name in _INNER if isinstance(config.get(name), Mapping))]
    return any(cast("Mapping[str, Any]", part).get("vision_config") is not None for part in inner)
