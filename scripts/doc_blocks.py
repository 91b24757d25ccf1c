"""The blocks in README and docs that a program writes: what stands between `<!-- name -->` and `<!-- /name -->`.

A block is found by its name, so moving it to another page needs no change here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from cockpit.contract.errors import CockpitError

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^<!-- ([a-z][a-z -]*) -->\n(.*?)\n<!-- /\1 -->$", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Return every page of the documentation: README, CONTRIBUTING and what is in docs."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> dict[str, str]:
    """Return each block of a page by its name."""
    return {match[1]: match[2].strip("\n") for match in _BLOCK.finditer(text)}


def replaced(text: str, name: str, block: str) -> str:
    """Return the page with another content of the block; blank lines around it keep every Markdown parser happy."""

    def made(match: re.Match[str]) -> str:
        content = block.strip("\n")
        return f"<!-- {name} -->\n\n{content}\n\n<!-- /{name} -->" if match[1] == name else match[0]

    return _BLOCK.sub(made, text)


def put(name: str, block: str, among: Iterable[Path] | None = None) -> Path:
    """Write a block into the page that has it, and return that page. Raises CockpitError unless exactly one has it."""
    found = [
        page for page in (pages() if among is None else among) if name in blocks(page.read_text("utf-8"))
    ]
    if len(found) != 1:
        where = ", ".join(str(page.relative_to(ROOT)) for page in found) or "no page"
        raise CockpitError(
            f"{where} has the block <!-- {name} --> … <!-- /{name} -->, and exactly one page must",
            "Put the two marks where the block belongs, each on a line of its own.",
        )
    page = found[0]
    page.write_text(replaced(page.read_text("utf-8"), name, block), "utf-8")
    return page
