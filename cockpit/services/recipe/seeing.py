"""Refuse data with images where nothing would see them: before a draft is written, and before a workspace is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import SEEING
from cockpit.data.images.models import reads_images
from cockpit.data.images.refs import refs_in
from cockpit.services.dataset import measure

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

ADAPTER = "adapter_config.json"
SAMPLE = 300
"""Rows of a training file that are looked at where nothing else reads all of them."""


def refuse_blind_run(recipe: Recipe, file: str, row: int) -> None:
    """Raise CockpitError where this run would not see the images of its data; `row` is the first that has one."""
    if recipe.technique not in (*SEEING, "baseline", "custom"):
        raise CockpitError(
            f"row {row} has images, and {recipe.technique} is trained on text alone here",
            f"Train with {', '.join(SEEING)}, or leave rows with images out.",
            file=file,
        )
    refuse_blind_model(recipe.model.name_or_path, file, row)


def refuse_blind_model(model: str, file: str | Path, row: int) -> None:
    """Raise CockpitError where the model's configuration says that it reads text alone; silent where none is here."""
    config = _config_of(model)
    if config is not None and not reads_images(config):
        raise CockpitError(
            f"row {row} has images, and {model} reads text alone",
            "Choose a vision-language model, or leave rows with images out.",
            file=file,
        )


def first_with_images(rows: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the number (from 1) of the first row that has an image; None where none has."""
    return next((number for number, row in enumerate(rows, 1) if refs_in(row)), None)


def _config_of(model: str, depth: int = 0) -> Mapping[str, Any] | None:
    folder = Path(model).expanduser()
    adapter = atomic.read_object(folder / ADAPTER) if folder.is_dir() else None
    base = (adapter or {}).get("base_model_name_or_path")
    if isinstance(base, str) and base and depth < 3:
        return _config_of(base, depth + 1)
    config = measure.model_file(model, "config.json")
    return atomic.read_object(config) if config is not None else None
