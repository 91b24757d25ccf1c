"""Count the images of a data set, and look at the headers of the first: how large they are, and which can't be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.data.images.opening import Size, size_of

LOOKED_AT = 2_000
"""Images whose header is read: so many are opened in about a second."""
_NAMED = 3


@dataclass(slots=True)
class Pictures:
    """`largest`: the widest and the highest side met. `unread`: images that can't be opened; `why`: some of them."""

    rows: int = 0
    images: int = 0
    looked: int = 0
    largest: Size | None = None
    unread: int = 0
    why: list[str] = field(default_factory=list[str])

    def add(self, line: int, refs: list[str]) -> None:
        """Count the images of one row, and look at them."""
        self.rows += bool(refs)
        self.images += len(refs)
        for ref in refs:
            if self.looked >= LOOKED_AT:
                return
            self.looked += 1
            try:
                size = size_of(ref, row=line)
            except CockpitError as error:
                self.unread += 1
                if len(self.why) < _NAMED:
                    self.why.append(error.title)
                continue
            known = self.largest or size
            self.largest = Size(max(known.width, size.width), max(known.height, size.height))

    def sentences(self) -> list[str]:
        """What a person must know of them; nothing where there is none."""
        if not self.images:
            return []
        size = f", at most {self.largest.width} x {self.largest.height} pixels" if self.largest else ""
        which = f" (of the first {self.looked:,})" if self.looked < self.images else ""
        said = [
            f"{self.rows:,} rows have images, {self.images:,} in all{size}{which}: they need a vision-language "
            "model (with one for text alone, a run is refused); the lengths below are of the text alone."
        ]
        if self.unread:
            said.append(f"{self.unread:,} of {self.looked:,} images can't be read: {'; '.join(self.why)}.")
        return said

    def as_dict(self) -> dict[str, Any] | None:
        """As data; None where there is none."""
        if not self.images:
            return None
        return {
            "rows": self.rows,
            "images": self.images,
            "looked_at": self.looked,
            "largest": list(self.largest) if self.largest else None,
            "unread": self.unread,
            "why": self.why,
        }
