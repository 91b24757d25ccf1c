"""How every screen and every face looks, at both sizes, as SVG. After a change that is meant to be seen:

pytest tests/ui/test_snapshots.py --snapshot-update        # then look at the pictures before you commit them
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cockpit.contract.errors import GateClosed
from cockpit.ui.app import CockpitApp
from tests.support.ui.drive import (
    GPU_BOX,
    LARGE,
    SMALL,
    StageBackend,
    cockpit_app,
    is_read,
    ready,
    rows_of,
    still,
    until,
)
from tests.support.ui.gallery import FACES, build

Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]
HOW = "meant? `pytest tests/ui/test_snapshots.py --snapshot-update`, and look at the pictures before you commit them"
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])

SCREENS: dict[str, tuple[str, Sequence[str], str]] = {
    "help": ("story", ("question_mark",), "this list of keys"),
    "palette": ("story", ("ctrl+p",), "Commands"),
    "stop": ("story", ("s",), "Stop exp_0002"),
    "decide": ("finished", ("c",), "Decide on exp_0002"),
    "findings": ("early_stopped", ("f",), "The loss fell"),
    "acts": ("early_stopped", ("f", "enter"), "cockpit show"),
    "compare": ("finished", ("v",), "items against"),
    "method_log": ("finished", ("m",), "# Method log"),
    "doctor": ("story", ("d",), "FAIL"),
    "new": ("finished", ("n",), "Hypothesis"),
    "filter": ("decided", ("slash", "s", "f", "t"), "/sft"),
    "zoom": ("story", ("z",), "reward"),
    "run_charts": ("story", ("enter",), "[Charts]"),
    "run_answers": ("story", ("enter", "tab"), "Step 40: 7 right"),
    "run_rollouts": ("story", ("enter", *["tab"] * 2), "Step 45: 8 samples"),
    "run_checkpoints": ("story", ("enter", *["tab"] * 3), "best step 30"),
    "run_held_out": ("finished", ("enter", *["tab"] * 4), "161 right"),
    "run_log": ("story", ("enter", *["tab"] * 5), "Log, 50 lines"),
    "run_recipe": ("story", ("enter", *["tab"] * 6), "learning_rate"),
    "run_item": ("story", ("enter", "tab", "right", "enter"), "One item"),
}
"""Name -> the stage, the keys that lead there, words that are there when all was read."""


SAYS: dict[str, tuple[str, ...]] = {
    "empty": ("No experiments yet.", "n makes one here"),
    "draft": ("○ draft", "l launch", "not launched yet"),
    "story": ("▶ running", "step 46", "· live", "1 running of 3"),
    "finished": ("● evaluated", "Finished at step 46", "held-out .805 [.745 .854] +.485 ▲ gained", "nothing runs"),
    "decided": ("✔ committed", "✕ discarded"),
    "queued": ("◌ queued", "Not started yet."),
    "starting": ("◌ starting", "Starting: the process is up"),
    "importing": ("◌ starting", "Importing the training libraries, for 10 s."),
    "loading": ("◌ starting", "Loading the model, for 30 s."),
    "tokenizing": ("◌ starting", "Preparing the data, for 20 s."),
    "no_step_yet": ("▶ running", "Training, for under 10 s."),
    "stalled": ("‖ stalled", "silent for 5 min", "Look at its log.", "last data 5 min ago"),
    "stopping": ("◧ stopping", "it writes a checkpoint first"),
    "stopped": ("■ stopped", "Stopped at step 12: asked to.", "Resume goes on from its checkpoint.", "r resume"),
    "early_stopped": ("◆ early-stopped", "no better mini-eval for 2 checkpoints"),
    "failed": ("✖ failed", "with exit code 1: ValueError: The global train", "num_generations (7)"),
    "out_of_memory": ("✖ out of memory", "Killed by the system for want of memory", "23.1 of 24 GB"),
    "killed": ("✖ killed", "Killed from outside", "SIGKILL"),
    "lost": ("? lost", "gone without a word"),
    "never_started": ("✖ failed", "Could not be started: /no/such/trainer: no such file."),
    "elsewhere": ("▶ running", "it runs on gpu-box-7, out of sight from here", "last data 20 s ago"),
    "broken_config": ("cockpit.toml: [data] held_out is missing", "● evaluated"),
    "crowded": ("exp_0030", "nothing runs, 31 experiments"),
}  # fmt: skip
"""Every state of a run and of a workspace -> its word, and a sentence that says why."""
LIVE = {"story", "stopping", "no_step_yet"}


def _then(keys: Sequence[str], words: str) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        app = pilot.app
        assert isinstance(app, CockpitApp)
        for key in keys:
            await pilot.press(key)
            if key in ("tab", "right"):
                await pilot.pause()
        await until(pilot, lambda: words in "\n".join(rows_of(app)), says=lambda: "\n".join(rows_of(app)))
        await until(pilot, lambda: is_read(app))
        app.changed()
        await still(pilot)

    return before


@SIZES
@pytest.mark.parametrize("name", FACES)
def test_faces(snap_compare: Compare, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    """Its picture, and the words that say why a run stands as it does, whatever the picture shows beside them."""
    app = cockpit_app(build(name, tmp_path / "ws"))
    drawn = _then((), "")

    async def before(pilot: Pilot[Any]) -> None:
        await drawn(pilot)
        rows = rows_of(app)
        for words in SAYS[name]:
            assert _stands(words, rows), f"{words!r} in\n" + "\n".join(rows)
        assert ("· live" in " ".join(rows)) is (name in LIVE)

    assert snap_compare(app, terminal_size=size, run_before=before), HOW
    assert isinstance(app.backend, StageBackend)
    assert not app.backend.complaints


def _stands(words: str, rows: list[str]) -> bool:
    """Whether a sentence stands on the screen: in its rows, or in one column of them, broken over its lines."""
    columns = (" ".join(" ".join(row[left:].split()) for row in rows) for left in (0, 76))
    return any(words in column for column in columns)


@SIZES
@pytest.mark.parametrize("name", SCREENS)
def test_screens(snap_compare: Compare, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    face, keys, words = SCREENS[name]
    stage = build(face, tmp_path / "ws")
    stage.relocate("/ws")
    assert snap_compare(cockpit_app(stage), terminal_size=size, run_before=_then(keys, words)), HOW


@SIZES
def test_a_closed_gate(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = cockpit_app(build("draft", tmp_path / "ws"))
    backend = app.backend
    assert isinstance(backend, StageBackend)
    says = (
        "the held-out set is another one than the log knows: held_out.jsonl was 2f1c9a and is 77ab03",
        "the smoke run is red at unparseable: tagged:answer can read none of 8 answers: no <answer> tag.",
    )
    backend.fails["launch"] = GateClosed("; also, ".join(says), "", closed=says,
                                         instead="Take the old file back. Train on answers in that form.")  # fmt: skip
    assert snap_compare(app, terminal_size=size, run_before=_then(("l",), "go all the same")), HOW


@SIZES
def test_no_workspace(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(cockpit_app(None), terminal_size=size, run_before=_then((), "no workspace here")), HOW


@SIZES
def test_ascii(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = cockpit_app(build("decided", tmp_path / "ws"), ascii=True)
    assert snap_compare(app, terminal_size=size, run_before=_then(("ctrl+p",), "Commands")), HOW


@SIZES
def test_without_colours(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = cockpit_app(build("decided", tmp_path / "ws"))
    assert snap_compare(app, terminal_size=size, run_before=_then(("tab",), "Charts")), HOW


@SIZES
def test_a_box_with_gpus(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = cockpit_app(build("story", tmp_path / "ws"), hardware=GPU_BOX)
    assert snap_compare(app, terminal_size=size, run_before=_then((), "gpu1")), HOW
