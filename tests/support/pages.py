"""What a Markdown page names: code, links, headings, commands, paths; for the tests that hold the documentation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts import doc_blocks

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_COMMENT = re.compile(r"\s+#\s.*$")
_PATH = re.compile(r"(?:cockpit|trainers|tests|scripts|docs|screenshots)/[\w./*-]*[\w*/]")


@dataclass(frozen=True)
class Page:
    """One page; what stands between fences is code, everything else prose."""

    path: Path
    text: str

    @classmethod
    def load(cls, path: Path) -> Page:
        """Read a page."""
        return cls(path, path.read_text("utf-8"))

    @property
    def name(self) -> str:
        """Where it is in the repository."""
        return str(self.path.relative_to(doc_blocks.ROOT))

    @cached_property
    def fences(self) -> list[tuple[str, str]]:
        """Each fenced block: language and content."""
        return [(match[1], match[2]) for match in _FENCE.finditer(self.text)]

    @cached_property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def spans(self) -> list[str]:
        """Code within the prose; one that is broken over two lines is one."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", self.prose)]

    @cached_property
    def anchors(self) -> list[str]:
        """The anchor of each heading, as the site and most hosts of repositories make it."""
        titles = [
            re.sub(r"[^\w\s-]", "", match[2]).strip().lower() for match in _HEADING.finditer(self.prose)
        ]
        return [re.sub(r"[\s-]+", "-", title) for title in titles]

    def links(self) -> Iterator[str]:
        """Every link and picture that stays within the repository."""
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", self.prose)):
            if not re.match(r"[a-z]+:", target):
                yield target

    def shell(self) -> Iterator[list[str]]:
        """The words of every line of a shell block, without its comment."""
        for language, content in self.fences:
            if language in ("", "sh", "bash"):
                for line in content.splitlines():
                    yield shlex.split(_COMMENT.sub("", line))

    def spoken(self) -> Iterator[list[str]]:
        """The words of every code span that could be a command."""
        for span in self.spans:
            try:
                yield shlex.split(span)
            except ValueError:  # a lone quotation mark: no command
                continue

    def paths(self) -> set[str]:
        """Every path of a source file or folder that is named; `*` is any name, `NAME` one that the reader picks."""
        return {span for span in self.spans if _PATH.fullmatch(span) and "NAME" not in span}

    def symbols(self) -> list[tuple[str, str]]:
        """What is said to be somewhere: "`NAME` in `path`"."""
        return re.findall(r"`([A-Za-z_]\w*)`\s+in\s+`([\w./-]+/[\w./-]+)`", self.prose)

    def empty_headings(self) -> list[str]:
        """Headings with nothing below them before the next one of the same rank, or before the end."""
        found: list[str] = []
        text = re.sub(r"<!--.*?-->", "", _FENCE.sub("code", self.text))
        headings = list(_HEADING.finditer(text))
        for here, after in zip(headings, [*headings[1:], None], strict=True):
            below = text[here.end() : after.start() if after else len(text)].strip()
            if not below and (after is None or len(after[1]) <= len(here[1])):
                found.append(here[2])
        return found


def pages() -> list[Page]:
    """Return every page of the documentation."""
    return [Page.load(path) for path in doc_blocks.pages()]
