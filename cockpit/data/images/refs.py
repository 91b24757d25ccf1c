"""Name an image by one string, in whichever of the field's forms a row holds it: a file's path or a `data:` URL.

Rows hold paths (relative to their file), `data:` URLs, bare base64, bytes, `{"bytes": …, "path": …}` as the Image
feature of `datasets` writes them, and OpenAI's and Anthropic's boxes around these. Nothing is opened here.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from cockpit.data.column_names import IMAGES

PLACEHOLDER = "<image>"
"""What stands in a message's text where an image is seen."""
IMAGE_PARTS = frozenset(("image", "image_url", "input_image"))
COLUMNS = IMAGES
_NAMED = frozenset(IMAGES)
_HELD = ("bytes", "base64", "b64_json", "data", "image_url", "url", "image", "path", "source", "file_name")
_BASE64 = frozenset(("bytes", "base64", "b64_json", "data"))
_FAR = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://")
# How base64 of a PNG, JPEG, GIF, WebP, BMP and TIFF begins.
_BEGINS = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|Qk[0-9A-Za-z+/]{2}AAAA|SUkqA|TU0AK")
_DEEPEST = 4


def ref_of(held: object, depth: int = 0) -> str | None:
    """Return the string that names this image; None where it is none, or none that is known here."""
    if isinstance(held, str):
        text = held.strip()
        if len(text) > 64 and not text.startswith("data:") and _BEGINS.match(text):
            return f"data:image;base64,{text}"
        return unquote(text.removeprefix("file://")) if text.startswith("file://") else text or None
    if isinstance(held, bytes | bytearray):
        return f"data:image;base64,{base64.b64encode(held).decode()}" if held else None
    if not isinstance(held, Mapping) or depth >= _DEEPEST:
        return None
    box = cast("Mapping[str, object]", held)
    for key in _HELD:
        value = box.get(key)
        if isinstance(value, str) and key in _BASE64 and value and not value.startswith("data:"):
            return f"data:image;base64,{value}"
        if value and (found := ref_of(value, depth + 1)) is not None:
            return found
    return None


def listed(held: object) -> list[object]:
    """The images of a column: one, several, or none (nulls and empty texts are none)."""
    several = cast("list[object]", held) if isinstance(held, list | tuple) else [held]
    return [one for one in several if one not in (None, "", {}, [])]


def is_far(ref: str) -> bool:
    """Whether it lies on another machine: nothing of that kind is fetched."""
    return _FAR.match(ref) is not None


def is_inline(ref: str) -> bool:
    """Whether the image itself is in the string."""
    return ref.startswith("data:")


def name_of(ref: str) -> str:
    """What a person reads of it: the end of the path, or a digest of what has no name."""
    if is_inline(ref):
        return f"inline {identity(ref)[:8]}"
    return "/".join(Path(ref).parts[-2:])[-80:]


def identity(ref: str) -> str:
    """What tells it from other images: its path, or a digest of its content."""
    return hashlib.sha256(ref.encode("utf-8", "backslashreplace")).hexdigest()[:16] if is_inline(ref) else ref


def named_places(text: str, refs: Sequence[object] | None, before: int = 0) -> str:
    """A message's text with each place of an image as `[image 1: cats/cat.png]`; `before`: images in earlier turns.

    `[image 1]` where it is a column of the row that holds the image.
    """
    first, *others = text.split(PLACEHOLDER, len(refs or ()))
    for number, (ref, following) in enumerate(zip(refs or (), others, strict=False), before + 1):
        named = f": {name_of(ref)}" if isinstance(ref, str) else ""
        first += f"[image {number}{named}]{following}"
    return first


def refs_in(row: Mapping[str, Any]) -> list[str]:
    """Every image of a row, wherever it holds them, in the order in which they stand."""
    found: list[object] = [one for name in COLUMNS for one in listed(row.get(name))]
    for box, key in _boxes(row):
        found += listed(box[key])
    return [ref for ref in map(ref_of, found) if ref is not None]


def placed(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row with each of its images as one string, and paths that lead to a file of `folder` as they are from here.

    Bytes become text, so that rows can be written as JSON wherever they are copied to.
    """
    columns = [] if _NAMED.isdisjoint(row) else [name for name in COLUMNS if row.get(name)]
    if not columns and not _may_have_boxes(row):
        return row  # as nearly all are
    for box, key in ((row, name) for name in columns):
        box[key] = _each(box[key], folder)
    for box, key in _boxes(row):
        box[key] = _each(box[key], folder)
    return row


def _each(held: Any, folder: Path) -> object:
    if isinstance(held, list):
        return [_placed(one, folder) for one in cast("list[object]", held)]
    return _placed(held, folder)


def _may_have_boxes(row: Mapping[str, Any]) -> bool:
    """Whether a turn of the row has images of its own, or content that is no text: told fast, as all rows are asked."""
    for column in row.values():
        kind = column.__class__
        for turn in column if kind is list else (column,) if kind is dict else ():
            if turn.__class__ is not dict:
                break
            if (
                "images" in turn
                or turn.get("content").__class__ is list
                or turn.get("value").__class__ is list
            ):
                return True
    return False


def _boxes(row: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Where else than in columns a row may hold images: parts of its turns, and lists of images of a turn."""
    for column in row.values():
        kind = column.__class__
        for turn in column if kind is list else (column,) if kind is dict else ():
            if turn.__class__ is not dict:
                break
            if turn.get("images").__class__ is list:
                yield turn, "images"
            for key in ("content", "value"):
                if turn.get(key).__class__ is list:
                    yield from _parts(turn[key])


def _parts(content: list[object]) -> Iterator[tuple[dict[str, Any], str]]:
    for item in content:
        if isinstance(item, dict) and cast("dict[str, Any]", item).get("type") in IMAGE_PARTS:
            part = cast("dict[str, Any]", item)
            if (key := held_by(part)) is not None:
                yield part, key


def held_by(part: Mapping[str, Any]) -> str | None:
    """Under which key a content part holds its image; None where it is only a place for one."""
    return next((key for key in _HELD if part.get(key)), None)


def _placed(held: object, folder: Path) -> object:
    ref = ref_of(held)
    if ref is None:
        return held
    if is_inline(ref) or is_far(ref):
        return ref
    path = Path(ref).expanduser()
    return str(path if path.is_absolute() else folder.absolute() / path)
