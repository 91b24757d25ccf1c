"""A split as the rows of each slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.services.dataset.splitting import grouped, split


def parted(
    rows: Sequence[dict[str, Any]], sizes: Mapping[str, int], seed: int
) -> dict[str, list[dict[str, Any]]]:
    places = split(grouped(rows), sizes, seed=seed)
    apart = {place for held in places.values() for place in held}
    train = [row for place, row in enumerate(rows) if place not in apart]
    return {name: [rows[place] for place in held] for name, held in places.items()} | {"train": train}
