"""The README is the front door: short, one picture, and it leads to every other page."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_it_shows_one_picture() -> None:
    assert README.count("![") == 1


def test_it_leads_to_the_list_of_all_pages() -> None:
    assert "](docs/README.md)" in README
    listed = (ROOT / "docs" / "README.md").read_text("utf-8")
    missing = [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "README.md" and f"]({page.name})" not in listed
    ]
    assert missing == []


def test_the_site_has_every_page() -> None:
    in_nav = set(re.findall(r"^  - (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert in_nav == {page.name for page in (ROOT / "docs").glob("*.md")} | {"contributing.md"}
