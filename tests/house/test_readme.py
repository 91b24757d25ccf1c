"""What the README says of keys, commands and files comes from the code, and is current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "screenshots" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_blocks_are_current(readme: ModuleType) -> None:
    assert readme.filled(README) == README, "run `python screenshots/readme.py`"


def test_a_block_that_is_missing_is_named(readme: ModuleType) -> None:
    with pytest.raises(ValueError, match="keys"):
        readme.filled("no blocks here")


def test_every_picture_that_the_readme_shows_is_there() -> None:
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert shown
    missing = [path for path in shown if not (ROOT / path).is_file()]
    assert not missing


def test_every_command_that_the_readme_names_exists() -> None:
    from cockpit.cli import COMMANDS

    named = set(
        re.findall(
            r"\bcockpit ([a-z][a-z-]*)\b", "\n".join(re.findall(r"`[^`\n]+`|```.*?```", README, re.DOTALL))
        )
    )
    assert named
    assert named <= set(COMMANDS)
