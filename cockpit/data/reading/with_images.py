"""Look through data files for the first row that has an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cockpit.data.images.refs import refs_in
from cockpit.data.reading.files import iter_rows
from cockpit.data.rows import value


def first_with_image(
    paths: Iterable[str | None], columns: Mapping[str, str] | None = None
) -> tuple[str, int] | None:
    """Return file and number (from 1) of the first row that has an image; None where none has. Raises CockpitError."""
    mapped = "images" in (columns or {}).values()
    for path in dict.fromkeys(path for path in paths if path):
        for number, (_, row) in enumerate(iter_rows(path), 1):
            if refs_in(row) or (mapped and value(row, "images", columns)):
                return path, number
    return None
