"""What is printed never stops training: a log on a full disk or a terminal that is gone costs lines, not the run."""

from __future__ import annotations

import sys
from typing import Any, TextIO


class Unstoppable:
    """Stands for a stream; what can't be written is left out, and said where it would have stood once there is room."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0
        self._why = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text` if that is possible; give its length either way."""
        try:
            if self._lost:
                self._stream.write(f"\n[cockpit] {self._lost} characters could not be written: {self._why}\n")
                self._lost = 0
            self._stream.write(text)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self._lost += len(text)
            self._why = str(getattr(error, "strerror", None) or error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush it if that is possible."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._why = str(getattr(error, "strerror", None) or error)


def never_stop() -> None:
    """Have prints and logs of this process never raise; before anything keeps one of its streams."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Unstoppable):
            setattr(sys, name, Unstoppable(stream))
