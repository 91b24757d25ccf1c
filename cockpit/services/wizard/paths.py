"""Complete the name of a file or folder that somebody types, as a shell does."""

from __future__ import annotations

import os
from pathlib import Path

_MOST = 5_000
"""Names in a folder that are looked at."""


def completed(text: str) -> str | None:
    """`text` as far as the names on the disk lead it on: to the next place where they part; None where they don't.

    A folder that is the only one ends on a slash. Hidden names are offered where the text asks for them.
    """
    if not text.strip() or text != text.strip():
        return None
    folder, _, begun = text.rpartition("/")
    place = Path(folder or ("/" if text.startswith("/") else ".")).expanduser()
    names: list[str] = []
    try:
        with os.scandir(place) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST:
                    return None
                if entry.name.startswith(begun) and (begun.startswith(".") or not entry.name.startswith(".")):
                    names.append(entry.name + ("/" if entry.is_dir() else ""))
    except OSError:
        return None
    common = os.path.commonprefix(names)  # noqa: RUF071 - characters are meant
    if not names or len(common) <= len(begun) or not common.isprintable():
        return None
    return text[: len(text) - len(begun)] + common
