"""What every test must not touch: the user's own state and caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.public_shapes import shapes

__all__ = ["shapes"]

settings.register_profile("any machine", deadline=None)  # how long an example takes is the machine's affair
# Where a change is judged the examples are the same each time; at a desk they search on.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "any machine")

LONGEST = (
    "trainers/real/test_vllm.py",
    "services/runs/slurm/test_nodes.py",
    "services/experiments/test_evo_flow.py",
    "trainers/real/test_techniques.py",
    "trainers/real/test_ppo.py",
    "trainers/report/test_reporting.py",
    "trainers/providers/test_art.py",
    "trainers/real/test_scores.py",
    "trainers/real/test_together_all.py",
    "trainers/real/test_outlives.py",
    "trainers/real/test_together.py",
    "services/runs/slurm/test_slurm.py",
    "trainers/real/test_sharded.py",
    "ui/test_terminal.py",
    "trainers/real/test_endings.py",
    "ui/test_snapshots.py",
    "trainers/report/test_workspace_store.py",
    "services/experiments/test_log_writes_itself.py",
    "trainers/spotcheck/test_subprocess.py",
    "services/serving/test_keeper.py",
    "services/serving/test_mlflow_page.py",
    "services/dataset/test_paraphrases.py",
    "verifiers/test_hostile.py",
)
"""The files that take longest, in the order in which the workers of a whole run begin them: most of the first wait."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let xdist's workers begin with the longest files, so that they end together; a file's tests stay in order."""
    if hasattr(config, "workerinput"):
        order = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: order.get(item.path, len(order)))


LEAVES = ("COCKPIT_", "HF_", "MLFLOW_", "TRACKIO_", "WANDB_")
"""What begins the names of the variables that trainers and trackers set for their own process."""


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(LEAVES)}


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Claims on GPUs lie in the user's state folder; a test's runs must not meet those of the machine.

    Nor what an earlier test's trainer, run in this very process, said of itself: a callback that finds
    COCKPIT_ATTEMPT_DIR believes that the cockpit launched it, and writes into that other test's folder.
    """
    os.environ.pop("COCKPIT_ATTEMPT_DIR", None)
    before = _variables()
    monkeypatch.setenv(
        "COCKPIT_WITHOUT_WALLS", "1"
    )  # root in a container without Landlock judges code all the same
    state: Path = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("COCKPIT_STATE", str(state))
    yield
    for name in _variables().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
