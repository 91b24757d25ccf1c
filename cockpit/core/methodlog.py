"""`methodlog.md`: the decisions, one line each, in a form that people read and edit.

    - 2026-11-22 · decision · exp_0002: committed, gained 0.385 <!-- k:decision/exp_0002/committed -->

The comment is the line's key: it keeps a decision that is reported again (a retry, a resume) from being
written twice. Everything else in the file belongs to whoever edits it: an append changes no byte before it,
and a line whose key is still there counts as written, however its words were changed.

Source: "Surviving session compaction" (dataset, method, constraints, hyperparameters; one line each).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

HEADER = """# Method log

What was decided here, one line each, newest last. Edit freely: lines are only ever added, and the comment at
the end of a line keeps it from being written twice.

"""
_KEY = re.compile(r"<!--\s*k:(\S+?)(?:\s+file:(\S+?))?\s*-->")
_LINE = re.compile(
    r"^[-*+]\s+(?:(?P<date>\d{4}-\d\d-\d\d)\s*·\s*)?(?:(?P<kind>[a-z][a-z-]*)\s*·\s*)?"
    r"(?:(?P<experiment>exp_\d{4,})\s*:\s*)?(?P<text>.*?)\s*$"
)
_UNSAFE_IN_KEY = re.compile(r"[^\w./:@=+-]+")
MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision. `date` is ISO (2026-11-22), `experiment` an id or empty, `key` unique to the decision.

    An empty key is derived from kind, experiment and text. `file`: the data file whose content the key ends in.
    """

    kind: str
    text: str
    date: str = ""
    experiment: str = ""
    key: str = ""
    file: str = ""

    @property
    def stable_key(self) -> str:
        """Return the key, made safe for a comment."""
        if self.key:
            return _UNSAFE_IN_KEY.sub("-", self.key).replace("--", "-").strip("-") or "entry"
        digest = hashlib.sha256(
            f"{self.kind}\0{self.experiment}\0{_one_line(self.text)}".encode()
        ).hexdigest()
        return digest[:12]

    def line(self) -> str:
        """Return the entry as one Markdown list item, without its line break."""
        where = f"{self.experiment}: " if self.experiment else ""
        date = f"{self.date} · " if self.date else ""
        file = f" file:{quote(self.file, safe='/:@', errors='backslashreplace')}" if self.file else ""
        return f"- {date}{self.kind} · {where}{_one_line(self.text)} <!-- k:{self.stable_key}{file} -->"


def append(text: str, entry: Entry) -> str:
    """Return `text` with the entry added, unchanged where its key is already there; an empty text gets a header."""
    if has(text, entry.stable_key):
        return text
    if not text.strip():
        return HEADER + entry.line() + "\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    return text + ("" if text.endswith("\n") else newline) + entry.line() + newline


def has(text: str, key: str) -> bool:
    """Say whether a line with this key is there."""
    return key in keys(text)


def keys(text: str) -> frozenset[str]:
    """Return the keys of the lines that are there."""
    return frozenset(match.group(1) for match in _KEY.finditer(text))


def parse(text: str) -> list[Entry]:
    """Read every list item, those without a key or a date too; other lines belong to people and are passed over."""
    entries: list[Entry] = []
    for raw in text.splitlines():
        key = _KEY.search(raw)
        match = _LINE.match(_KEY.sub("", raw).rstrip())
        if match is None or not match["text"]:
            continue
        marks = {"key": key[1], "file": unquote(key[2] or "")} if key else {}
        entries.append(
            Entry(
                match["kind"] or "note",
                match["text"],
                match["date"] or "",
                match["experiment"] or "",
                **marks,
            )
        )
    return entries


def for_people(text: str) -> list[str]:
    """Return the lines without the comments, as shown on a screen."""
    return [_KEY.sub("", line).rstrip() for line in text.splitlines()]


def _one_line(text: str) -> str:
    flat = " ".join(text.split()).replace("<!--", "<!‐‐").replace("-->", "‐‐>")
    return flat if len(flat) <= MAX_TEXT else flat[: MAX_TEXT - 1] + "…"
