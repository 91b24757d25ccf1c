"""Bring what lies outside docs/ into the built site: the pictures, and CONTRIBUTING.md.

The pages link to them as they lie in the repository (`../screenshots/…`), so that the links also work where the
repository is browsed.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures and CONTRIBUTING.md to what is built."""
    for picture in sorted((ROOT / "screenshots").glob("*.svg")):
        files.append(File.generated(config, f"screenshots/{picture.name}", abs_src_path=str(picture)))
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "contributing.md", content=page))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Point to the pictures, and to CONTRIBUTING.md, where they are in the site."""
    return markdown.replace("](../screenshots/", "](screenshots/").replace(
        "](../CONTRIBUTING.md", "](contributing.md"
    )
