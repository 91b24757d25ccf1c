"""The contract, against the stand-in (tests/trainers/real/test_vllm.py has it against a real server)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.contract.serving import ServerLayout
from tests.services.serving.conftest import Start
from tests.support.serving import checks

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("promise", checks.TESTS, ids=lambda test: test.__name__)
def test_the_stand_in_keeps_a_promise_of_the_serving_contract(
    promise: Callable[[ServerLayout, Path, Path], None], start: Start, adapter: Path, tmp_path: Path
) -> None:
    promise(start().layout, adapter, tmp_path)
