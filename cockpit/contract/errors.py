"""The one error that a person is meant to read."""

from __future__ import annotations

from pathlib import Path


class CockpitError(Exception):
    """Something a user can mend: one clear sentence, and how to mend it.

    `title` says what is wrong, `mend` what to do about it; `file` and `line` (1-based) say where.
    Screens and the command line show `str(error)`; a traceback goes to the log only.
    """

    def __init__(
        self, title: str, fix: str = "", *, file: str | Path | None = None, line: int | None = None
    ) -> None:
        super().__init__(title)
        self.title = title
        self.fix = fix
        self.file = str(file) if file is not None else None
        self.line = line

    def __str__(self) -> str:
        where = ""
        if self.file:
            where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        sentence = f"{where}{self.title}"
        if not sentence.endswith((".", "!", "?")):
            sentence += "."
        return f"{sentence} {self.fix}".strip()

    def as_dict(self) -> dict[str, object]:
        """The same facts for `--json`."""
        return {"error": self.title, "mend": self.fix, "file": self.file, "line": self.line}


class GateClosed(CockpitError):
    """A gate that a typed reason opens: give it, and the same call goes through and writes it into the method log.

    `closed` says what is against it, a sentence a gate; `instead` what would open it without a reason.
    """

    def __init__(self, title: str, fix: str = "", *, closed: tuple[str, ...], instead: str = "") -> None:
        super().__init__(title, fix)
        self.closed = closed
        self.instead = instead

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "opened_by": "reason", "closed": list(self.closed)}
