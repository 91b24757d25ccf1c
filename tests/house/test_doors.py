"""The rooms and their doors: declared with import-linter, and seen in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "mlflow", "vllm", "trainers"}


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(chr(10).join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_declared_doors_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import cockpit.contract", HEAVY | {"pydantic", "msgspec", "numpy", "textual", "rich"}),
        (
            "from cockpit.contract import AttemptWriter",
            HEAVY | {"pydantic", "msgspec", "numpy", "textual", "rich"},
        ),
        ("from cockpit.contract import Recipe", HEAVY | {"numpy", "textual", "rich"}),
        (
            "import cockpit.verifiers",
            HEAVY | {"pydantic", "numpy", "textual", "cockpit.core", "cockpit.contract.recipe"},
        ),
        ("import cockpit.cli", HEAVY | {"pydantic", "msgspec", "numpy", "textual", "rich", "psutil"}),
        ("import cockpit.services.runs.supervisor", HEAVY | {"pydantic", "numpy", "textual", "rich"}),
        ("import cockpit.services.workspace.workspace", HEAVY | {"pydantic", "numpy", "textual"}),
        ("import cockpit.ui.app", HEAVY | {"pydantic", "numpy"}),
    ],
)
def test_a_layer_imports_no_more_than_it_may(statement: str, forbidden: set[str]) -> None:
    assert not modules_after(statement) & forbidden
