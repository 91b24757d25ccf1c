"""What the policy that a run begins with answers: kept in the workspace's cache, for it is the same in the next run.

Only the first round of a run is kept: later policies are that run's own. The key holds all that an answer hangs on: the
weights by content, the prompts, the decoding settings and the seed, the number format, and the versions that generate.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cockpit.contract import Recipe
from cockpit.contract.recipe import GenerationSettings
from trainers.common import cache, ranks
from trainers.common.generate import Completion
from trainers.common.loading import ADAPTER, base_of, device, locate
from trainers.common.summary import weights_key


def begun(
    recipe: Recipe,
    model: Any,
    asked: list[Any],
    settings: GenerationSettings,
    seed: int,
    build: Callable[[], list[Completion]],
) -> list[Completion]:
    """The answers of the untrained policy to `asked`, from the cache where another run had them; else of `build`.

    Not kept: what several processes sample together, and a model that is known by a hub's name alone.
    """
    weights = _weights(recipe)
    if weights is None or ranks.WORLD > 1:
        return build()
    parts = {
        "policy": weights,
        "dtype": str(model.dtype),
        "device": device().partition(":")[0],
        "asked": cache.key({"asked": asked}),
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers")},
    }
    return cache.cached(
        cache.root(_attempt()),
        "rollouts",
        parts,
        build=build,
        save=lambda said, folder: cache.save_rows(map(asdict, said), folder),
        load=lambda folder: [Completion(**row) for row in cache.load_rows(folder)],
    )


def _weights(recipe: Recipe) -> list[str] | None:
    """Content of the weights that the run begins with: an adapter's, and its base's."""
    place = locate(recipe.model.warm_start or recipe.model.name_or_path)
    if not Path(place).is_dir():
        return None
    folders = [place]
    if (Path(place) / ADAPTER).is_file():
        folders.append(base_of(place, recipe))
    if not all(Path(folder).is_dir() for folder in folders):
        return None
    return [weights_key(Path(folder)) for folder in folders]


def _attempt() -> Path:
    return Path(os.environ["COCKPIT_ATTEMPT_DIR"])
