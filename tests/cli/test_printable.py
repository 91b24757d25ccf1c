"""No output's encoding, and no argument's length, ends a command in a traceback."""

from __future__ import annotations

import io
import shutil
import sys

import pytest

from cockpit.cli import main
from tests.support.cli import Cli


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", r"na\xefve \u65e5 - fine"), ("latin-1", r"naïve \u65e5 - fine")]
)
def test_what_an_encoding_lacks_is_written_otherwise(
    workspace: Cli, monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    assert workspace("note", "naïve 日 – fine")[0] == 0
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert main(["methodlog", "--dir", str(workspace.root)]) == 0
    stream.flush()
    assert shown in written.getvalue().decode(encoding)


@pytest.mark.parametrize("command", [["show"], ["launch"], ["new", "sft", "--warm-start"]])
def test_an_id_of_five_thousand_digits_is_a_sentence(workspace: Cli, command: list[str]) -> None:
    for text in ("9" * 5000, "exp_" + "9" * 5000, "exp_0000@" + "9" * 5000):
        code, said = workspace(*command, text)
        assert code == 2, said
        assert said.startswith("cockpit: ")
        assert "Traceback" not in said


def test_the_baseline_has_its_id_whatever_was_drafted_before_it(workspace: Cli) -> None:
    """A workspace written by hand has no baseline: the first experiment isn't taken for it."""
    shutil.rmtree(workspace.root / ".cockpit" / "experiments")
    assert "exp_0001" in workspace("new", "custom", "--command", "true")[1]
    code, said = workspace("launch", "exp_0001")
    assert code == 0, said
    assert "exp_0000 baseline" in workspace("new", "baseline")[1]
    assert "exp_0000 is there already" in workspace("new", "baseline")[1]
