"""An answer whose interpreter a busy machine starts late has not failed its tests."""

from __future__ import annotations

import pytest

from cockpit.verifiers import coding


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr(coding, "TEST_SECONDS", 180.0)
