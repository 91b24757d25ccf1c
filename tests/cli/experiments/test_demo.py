"""`cockpit demo` in a terminal: the screens open once there is something to see; what goes wrong before is said."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cockpit.cli.experiments import demo
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.experiments.demo import sole_teller


def test_it_waits_for_a_workspace_and_shows_what_the_teller_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = WorkspaceLayout(tmp_path)
    looked = threading.Event()  # what was said before somebody looks is an earlier teller's
    teller = SimpleNamespace(state=lambda _: looked.set() or {}, teller_alive=lambda _: True)

    def tell() -> None:
        assert looked.wait(180)
        layout.log.parent.mkdir(parents=True)
        (layout.log.parent / "demo.log").write_text("Pretraining the tiny model\x1b[2J\n")
        layout.config.write_text("")

    thread = threading.Thread(target=tell)
    thread.start()
    demo._until_there(tmp_path, teller)  # pyright: ignore[reportPrivateUsage]
    thread.join()
    said = capsys.readouterr().out
    assert "Pretraining the tiny model" in said
    assert "\x1b" not in said


def test_what_stopped_the_teller_is_said(tmp_path: Path) -> None:
    teller = SimpleNamespace(state=lambda _: {"error": "no torch here."}, teller_alive=lambda _: False)
    with pytest.raises(CockpitError, match=r"the demo could not begin: no torch here\. Run it again"):
        demo._until_there(tmp_path, teller)  # pyright: ignore[reportPrivateUsage]


def test_only_one_tells_the_story(tmp_path: Path) -> None:
    with sole_teller(tmp_path) as first, sole_teller(tmp_path) as second:
        assert (first, second) == (True, False)
    with sole_teller(tmp_path) as again:
        assert again
