"""What reaches the terminal is what the screens hold: partial updates leave nothing stale, nothing hostile acts."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.cells import cell_len

from cockpit.core.safe_text import clean
from cockpit.ui import actions
from tests.support.attempts import PATIENCE_S
from tests.support.ui.drive import LARGE, SMALL, Cockpit, opened
from tests.support.ui.gallery import build
from tests.support.ui.hostile import OWNED, hostile
from tests.support.ui.stage import Stage
from tests.support.ui.tty import TtyDriver, emulate

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
LEAVES = {"quit", "stop", "resume", "score", "launch"}
"""Left out of the walks: they end the app, or are tested where their dialogs are."""


async def _same(cockpit: Cockpit) -> None:
    """Wait until what was written shows what the screen holds."""
    await cockpit.until(lambda: emulate(cockpit.app) == cockpit.rows)


@SIZES
@pytest.mark.parametrize("scope", [actions.DASHBOARD, actions.RUN])
async def test_after_every_key_the_terminal_shows_what_the_screen_holds(
    tmp_path: Path, size: tuple[int, int], scope: str
) -> None:
    async with opened(build("story", tmp_path), size=size, tty=True) as cockpit:
        if scope == actions.RUN:
            await cockpit.press("enter")
        await _same(cockpit)
        for action in actions.in_scope(scope):
            if action.id in LEAVES:
                continue
            await cockpit.press(action.keys.split(",")[0])
            await _same(cockpit)
            if action.id in ("filter", "new", "help", "palette", "findings", "method_log", "doctor"):
                await cockpit.press("escape")
                await _same(cockpit)
            if scope == actions.RUN and action.id == "back":
                await cockpit.press("enter")


@SIZES
async def test_every_tab_is_painted_though_the_one_before_had_other_panes(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with opened(build("finished", tmp_path), size=size, tty=True) as cockpit:
        await cockpit.press("enter")
        for _ in range(15):
            await cockpit.press("tab")
            await _same(cockpit)
        for _ in range(15):
            await cockpit.press("shift+tab")
        await _same(cockpit)


@SIZES
@pytest.mark.parametrize("ascii", [False, True], ids=["unicode", "ascii"])
async def test_nothing_hostile_reaches_the_terminal(
    tmp_path: Path, size: tuple[int, int], ascii: bool
) -> None:
    stage = Stage(tmp_path / "ws")
    hostile(stage)
    stage.settle()
    async with opened(stage, size=size, tty=True, select="exp_0001", ascii=ascii) as cockpit:
        await _walk(cockpit, size[0], ascii)
        driver = cockpit.app._driver
        assert isinstance(driver, TtyDriver)
        written = "".join(driver.written)
    for payload in OWNED:
        assert payload not in written, repr(payload)
    assert not re.search("[\x80-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\U000e0000-\U000e007f]", written)
    assert not _strange(written)


async def _walk(cockpit: Cockpit, width: int, ascii: bool) -> None:
    """Through every pane, tab, page and dialog, looking at each row."""
    keys = ["tab"] * 5 + ["f", "escape", "m", "G", "escape", "s", "escape", "enter"]
    keys += ["tab", "enter", "j", "enter", "escape", "escape", "tab", "enter", "enter", "escape", "escape"]
    keys += [
        "tab",
        "tab",
        "tab",
        "G",
        "slash",
        "r",
        "e",
        "d",
        "enter",
        "n",
        "escape",
        "tab",
        "G",
        "tab",
        "escape",
        "n",
        "escape",
    ]
    for key in keys:
        await cockpit.press(key)
        await cockpit.pilot.pause()
        for row in cockpit.rows:
            assert row == clean(row), f"after {key}: {row!r}"
            assert cell_len(row) == width, f"after {key}: {row!r}"
            assert not ascii or row.isascii(), f"after {key}: {row!r}"
        assert not cockpit.backend.complaints


_SEQUENCE = re.compile(
    r"\x1b\[(?:[0-9;]*[mHJKABCDntq]|\?[0-9;]+[hl]|[<>=?][0-9;]*[a-zA-Z]|\?[0-9]+\$p|[0-9]* q)"
    r"|\x1b[78]|\x1b\]22;[a-z-]+\x07"
)


def _strange(written: str) -> set[str]:
    """Control characters that are no part of what Textual itself writes."""
    left = _SEQUENCE.sub("", written)
    return set(re.findall("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", left))


@pytest.mark.fault
def test_on_a_real_terminal_nothing_hostile_is_written_and_q_says_that_runs_go_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "ws", now=time.time())
    hostile(stage)
    written, said = _on_a_pty([sys.executable, "-m", "cockpit", "-C", str(stage.root)], b"exp_0001", b"q")
    for payload in OWNED:
        assert payload.encode() not in written, payload
    assert not _strange(written.decode("utf-8", "replace").replace("\r", "").replace("\n", ""))
    assert "exp_0001: still running." in said
    assert "Traceback" not in written.decode("utf-8", "replace")


@pytest.mark.fault
def test_a_cockpit_that_is_killed_leaves_no_word_in_the_workspace(tmp_path: Path) -> None:
    """kill -9 of the screens: nothing of theirs is written anywhere, so nothing is left half-written."""
    stage = build("story", tmp_path / "ws", now=time.time())
    before = {path: path.stat().st_mtime_ns for path in stage.root.rglob("*")}
    _on_a_pty([sys.executable, "-m", "cockpit", "-C", str(stage.root)], b"exp_0002", None)
    assert {path: path.stat().st_mtime_ns for path in stage.root.rglob("*")} == before


def _on_a_pty(argv: list[str], marker: bytes, key: bytes | None) -> tuple[bytes, str]:
    """Run `argv` in a terminal of 100x30 until `marker` is shown, press `key` (None: kill -9); all it wrote."""
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    child = subprocess.Popen(
        argv, stdin=follower, stdout=follower, stderr=follower, env=env, start_new_session=True
    )
    os.close(follower)
    written, end = b"", time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            if select.select([leader], [], [], 0.2)[0]:
                try:
                    written += os.read(leader, 65536)
                except OSError:  # the other side is closed
                    break
            if (
                marker in written
                and b"hardware: not read yet" not in written[-2000:]
                and written.count(b"mem ")
            ):
                if key is None:
                    child.send_signal(signal.SIGKILL)
                else:
                    os.write(leader, key)
                marker = b"\xff never"
        else:
            raise AssertionError(f"not in time: {written[-3000:]!r}")
    finally:
        child.kill()
        child.wait()
        os.close(leader)
    plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", written)
    return written, plain.decode("utf-8", "replace")
