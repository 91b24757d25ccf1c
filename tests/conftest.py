"""What every test must not touch: the user's own state and caches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.public_shapes import shapes

__all__ = ["shapes"]

settings.register_profile("any machine", deadline=None)  # how long an example takes is the machine's affair
# Where a change is judged the examples are the same each time; at a desk they search on.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "any machine")


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Claims on GPUs lie in the user's state folder; a test's runs must not meet those of the machine."""
    state: Path = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("COCKPIT_STATE", str(state))
