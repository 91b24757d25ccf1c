"""Every state of a run and of a workspace has a face: its word, and a sentence that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.ui.drive import LARGE, SMALL, opened
from tests.support.ui.gallery import FACES, build

SAYS = {
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
NOT_LIVE = set(FACES) - {"story", "stopping", "no_step_yet"}


def test_every_face_is_told_of() -> None:
    assert set(SAYS) == set(FACES)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
@pytest.mark.parametrize("name", FACES)
async def test_a_face_says_what_is(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    async with opened(build(name, tmp_path / "ws"), size=size) as cockpit:
        if name == "draft":  # the log's pane is the fifth at 80x24
            await cockpit.press("shift+tab")
        shown = " ".join(cockpit.text.split())
        folded = " ".join(" ".join(row[: size[0]].split()) for row in cockpit.rows)
        for words in SAYS[name]:
            assert words in shown or words in folded or _folded(words, cockpit.rows), (
                f"{words!r} in\n{cockpit.text}"
            )
        assert ("· live" in shown) is (name not in NOT_LIVE)
        assert not cockpit.backend.complaints


def _folded(words: str, rows: list[str]) -> bool:
    """Whether a sentence stands in one column of the screen, broken over its lines."""
    for left in (0, 76):
        column = " ".join(" ".join(row[left:].split()) for row in rows)
        if words in column:
            return True
    return False


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
async def test_no_workspace_says_how_to_get_one(size: tuple[int, int]) -> None:
    async with opened(None, size=size) as cockpit:
        assert "There is no workspace here." in cockpit.text
        assert "cockpit init" in cockpit.text
        assert "cockpit demo" in cockpit.text
        assert "n new" not in cockpit.text
        for key in ("n", "s", "f"):
            await cockpit.press(key)
            await cockpit.until("W makes one, step by step")


@pytest.mark.parametrize("size", [(20, 6), (30, 8), (40, 12), (1, 1), (79, 23), (400, 100)])
async def test_a_screen_of_any_size_is_drawn(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("story", tmp_path / "ws"), size=size) as cockpit:
        await cockpit.press("enter")
        for _ in range(7):
            await cockpit.press("tab")
        await cockpit.press("escape", "question_mark", "escape", "m", "escape")
        assert len(cockpit.rows) == size[1]
        assert [row for row in cockpit.rows if cell_len(row) > size[0]] == []
