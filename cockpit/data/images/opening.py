"""Open the images that rows name: files of the user's own and images within a row; never anything on the network."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cockpit.contract.errors import CockpitError
from cockpit.data.images.refs import is_inline, name_of

MOST_PIXELS = 89_478_485
"""Of one image; Pillow's own limit, beyond which it takes a file for a decompression bomb."""
MOST_BYTES = 256 << 20
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""What is opened: plain raster formats, whose decoders run no other program."""


class Size(NamedTuple):
    """Pixels of an image."""

    width: int
    height: int


def size_of(ref: str, *, file: str | Path | None = None, row: int | None = None) -> Size:
    """Return an image's size by its header alone. Raises CockpitError naming the row and the image."""
    with _opened(ref, file, row) as image:
        return Size(*image.size)


def opened(ref: str, *, file: str | Path | None = None, row: int | None = None) -> Any:
    """Return an image as Pillow's, upright and in RGB. Raises CockpitError naming the row and the image."""
    with _opened(ref, file, row) as image:
        from PIL import ImageOps

        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            from PIL import Image

            clear = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
        return upright.convert("RGB")


@contextmanager
def _opened(ref: str, file: str | Path | None, row: int | None) -> Generator[Any]:
    where = f"row {row}: " if row else ""
    what = f"{where}the image {name_of(ref)}"
    try:
        from PIL import Image
    except ImportError:
        raise CockpitError("images need Pillow, which is not installed", "pip install pillow") from None
    try:
        source = io.BytesIO(_decoded(ref)) if is_inline(ref) else _file(ref)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images we speak ourselves
            Image.init()
            with Image.open(source, formats=[name for name in FORMATS if name in Image.OPEN]) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise CockpitError(
                        f"{what} has {width:,} x {height:,} pixels, and one may have {MOST_PIXELS:,}",
                        "Make it smaller, or leave the row out.",
                        file=file,
                    )
                yield image
    except FileNotFoundError:
        raise CockpitError(
            f"{what} is not there: there is no file {ref[:300]}",
            "Paths are relative to the data file. Put the image there, or correct the path.",
            file=file,
        ) from None
    except Image.DecompressionBombError as error:
        raise CockpitError(f"{what} is too large: {error}", "Make it smaller.", file=file) from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        reason = str(error) or type(error).__name__
        if "cannot identify" in reason:
            reason = f"it is no image of a kind that is opened here ({', '.join(FORMATS)})"
        raise CockpitError(
            f"{what} can't be read: {reason[:200]}",
            "Mend or convert the image, or leave the row out.",
            file=file,
        ) from None


def _file(ref: str) -> Path:
    path = Path(ref)
    if not path.exists():
        raise FileNotFoundError(ref)
    if not path.is_file():
        raise ValueError("it is no plain file")  # a folder, or a pipe that would be waited for
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has {path.stat().st_size >> 20} MiB, and one may have {MOST_BYTES >> 20}")
    return path


def _decoded(ref: str) -> bytes:
    head, comma, body = ref.partition(",")
    if not comma or not head.endswith(";base64"):
        raise ValueError("its data: URL is not in base64")
    if len(body) * 3 // 4 > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES >> 20} MiB")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its base64 is damaged ({error})") from None
