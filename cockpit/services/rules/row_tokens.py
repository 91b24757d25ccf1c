"""How long the rows of a run's training data are, in tokens: read when a finding asks, once for each content."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping
from cockpit.services.dataset.inspect import CHARACTERS_A_TOKEN, inspect

_ROWS = 5_000
_SHARE = 0.99


def of(recipe: Mapping[str, Any]) -> int | None:
    """Tokens that 99 in 100 rows fit in, without a chat template's own; None where the data can't be read."""
    data = mapping(recipe.get("data"))
    train, model = data.get("train"), mapping(recipe.get("model")).get("name_or_path")
    if not isinstance(train, str):
        return None
    return _measured(train, str(data.get("train_hash") or ""), str(model or ""))


@lru_cache(maxsize=32)
def _measured(train: str, _content: str, model: str) -> int | None:
    local = Path(model) / "tokenizer.json"
    try:
        seen = inspect(train, tokenizer=str(local) if local.is_file() else None, limit=_ROWS)
    except (CockpitError, OSError, ValueError):
        return None
    longest = seen.profile.lengths.quantile(_SHARE)
    return (longest if seen.measured.unit == "tokens" else -(-longest // CHARACTERS_A_TOKEN)) or None
