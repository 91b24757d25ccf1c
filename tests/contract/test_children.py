"""Programs whose output is read: within bounds of size and time, and with all that they started."""

from __future__ import annotations

import sys

import pytest

from cockpit.contract.bounded import children


def ask(code: str, **bounds: object) -> children.Ended:
    return children.ask([sys.executable, "-S", "-c", code], **bounds)  # type: ignore[arg-type]


def test_both_outputs_the_input_and_the_code_come_back() -> None:
    said = ask(
        "import sys; print(sys.stdin.read()[::-1]); print('x', file=sys.stderr); sys.exit(3)",
        given=b"abc" * 70_000,
    )
    assert (said.text.strip()[:3], len(said.out), said.complaint, said.code) == ("cba", 210_001, "x\n", 3)
    assert not said.well


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_one_that_says_too_much_is_ended(stream: str) -> None:
    said = ask(f"import sys\nwhile True: sys.{stream}.write('x' * 65536)", most=1 << 20)
    assert said.loud
    assert not said.well
    assert len(said.out) + len(said.err) < 2 << 20


@pytest.mark.parametrize(
    "code", ["import time; time.sleep(600)", "import os, time; os.close(1); os.close(2); time.sleep(600)"]
)
def test_one_that_takes_too_long_is_ended(code: str) -> None:
    assert ask(code, seconds=0.5).late


def test_a_child_of_its_own_that_holds_the_pipes_keeps_nobody_waiting() -> None:
    said = ask("import os, time\nif os.fork() == 0: time.sleep(600)\nprint('done', flush=True)", seconds=60)
    assert (said.text, said.late) == ("done\n", False)


def test_one_that_isnt_there() -> None:
    with pytest.raises(OSError, match="nowhere"):
        children.ask(["/nowhere/at/all"])
