"""The pictures of README and docs, from the workspace of a real demo:

    cockpit demo --headless --dir demo
    python screenshots/make.py demo [OUT [NAME…]]

Each screen at 80x24 and 160x45, as SVG. The clock stands at the moment of the demo's last event, so that a picture
made again differs in what the machine's own line reads, and in nothing else. The wizard walks in a copy, where it makes
an experiment and a real smoke run (a minute).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import folders
import talks
from textual.pilot import Pilot

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.services.wizard.wizard import Wizard
from cockpit.services.workspace.open import find
from cockpit.services.workspace.workspace import ExperimentView
from cockpit.ui.app import CockpitApp
from cockpit.ui.backend.local import LocalBackend
from cockpit.ui.text.glyphs import UNICODE

SIZES = ((80, 24), (160, 45))
PATIENCE_S = 120.0


class Shot(NamedTuple):
    """One picture: its name, the technique of the experiment that it shows, the keys that lead there."""

    name: str
    technique: str
    keys: Sequence[str] = ()
    wide_keys: Sequence[str] | None = None
    """At 160x45, where other keys lead there."""
    until: str = ""
    """Words that are there when what the screen shows was made; rendering a prompt imports a tokenizer."""
    step: str = ""
    """The wizard's step that it shows, in a copy of the workspace."""
    talks: str = ""
    """Which workspace of `talks.py` it shows instead of the demo's."""
    bare: bool = False
    """It shows a folder without a workspace: that of `folders.py`."""


SHOTS = (
    Shot("flight_deck", "grpo", ("tab",), ()),
    Shot("wrong_format", "sft", ("tab", "tab"), ()),
    Shot("run_charts", "grpo", ("enter",)),
    Shot("mid_evals", "sft", ("enter", "tab")),
    Shot("rollouts", "grpo", ("enter", "tab", "tab")),
    Shot("held_out", "grpo", ("enter", "tab", "tab", "tab", "tab")),
    Shot("findings", "sft", ("f",)),
    Shot("compare", "grpo", ("k", "space", "j", "v"), until="the reference"),
    Shot("spot_check", "sft", ("x",), until="<|im_start|>"),
    Shot("spot_check_tools", "sft", ("x",), until="<|im_start|>", talks="tools"),
    Shot("spot_check_thinking", "sft", ("x",), until="<|im_start|>", talks="thinking"),
    Shot("method_log", "grpo", ("m",)),
    Shot("new_experiment", "grpo", ("n",)),
    Shot("help", "grpo", ("question_mark",)),
    Shot("wizard_technique", "grpo", ("W", "pagedown"), ("W",), until="Which technique?", step="advice"),
    Shot("wizard_recipe", "grpo", ("W", "down", "enter"), until="take it", step="recipe"),
    Shot("wizard_smoke", "grpo", ("W",), until="smoke run:", step="smoke"),
    Shot("empty_folder", "grpo", bare=True, until="Models"),
)


def main(argv: Sequence[str]) -> int:
    """Make every picture; 2 and a sentence where the workspace isn't a demo's."""
    if not argv:
        print("usage: python screenshots/make.py DEMO_WORKSPACE [OUT]", file=sys.stderr)
        return 2
    root = Path(argv[0]).resolve()
    out = Path(argv[1]) if len(argv) > 1 else Path(__file__).parent
    try:
        views = find(root).experiments()
    except CockpitError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / root.name
        return _all(root, copy, views, out, argv[2:])


def _all(root: Path, copy: Path, views: Sequence[ExperimentView], out: Path, names: Sequence[str]) -> int:
    for shot in SHOTS:
        if names and shot.name not in names:
            continue
        view = next((v for v in views if v.technique == shot.technique and v.attempt_dir), None)
        if view is None:
            print(
                f"screenshots: {root} has no run of {shot.technique}; `cockpit demo` makes one",
                file=sys.stderr,
            )
            return 2
        if shot.step:
            _walk(root, copy, shot.step)
        at, shown = copy if shot.step else root, view.id
        if shot.talks:
            at = copy.parent / shot.talks
            shown = talks.make(shot.talks, at, Path(find(root).config.model))
        if shot.bare:
            folders.make(copy.parent / "lab", _last_moment(views))
        for size in SIZES:
            path = out / f"{shot.name}_{size[0]}x{size[1]}.svg"
            with contextlib.chdir(copy.parent / "lab" if shot.bare else Path.cwd()):
                svg = asyncio.run(_take(None if shot.bare else at, shot, shown, size, _last_moment(views)))
            path.write_text(svg.replace(str(copy.parent), root.name), encoding="utf-8")
            print(path)
    return 0


def _walk(root: Path, copy: Path, step: str) -> None:
    """Take the wizard to `step` in a copy of the workspace, with what is assumed and advised."""
    if not copy.exists():
        shutil.copytree(root, copy)
    wizard = Wizard(copy)
    wizard.restart()
    wizard.state.parent = "exp_0000"
    said = {
        "log": "go",
        "advice": "grpo",
        "literature": "skip",
        "hypothesis": "the base is right now and then",
    }
    while wizard.step != step:
        if wizard.step == "advice":
            wizard.answer("assume")
        wizard.answer(said.get(wizard.step, ""), "the demo's task is made up")
    if step == "advice":
        wizard.answer("assume")
    if step == "smoke":
        wizard.answer("run")


async def _take(root: Path | None, shot: Shot, shown: str, size: tuple[int, int], now: float) -> str:
    app = CockpitApp(LocalBackend(root, clock=lambda: now), glyphs=UNICODE, clock=lambda: now, fps=30)
    app.state.selected = None if shot.bare else shown
    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: app.state.snapshot is not None)
        app.poller.poke()
        await _until(pilot, lambda: app.state.hardware is not None)
        if root is not None and not shot.talks:  # there nothing has run
            await _until(pilot, lambda: shown in app.state.findings and _is_read(app, root, shown))
        app.state.now = now
        keys = shot.keys if size[0] < 110 or shot.wide_keys is None else shot.wide_keys
        for key in keys:
            await pilot.press(key)
            await _settled(app, pilot)
        await _until(pilot, lambda: shot.until in _text(app))
        await _settled(app, pilot)
        return tidied(
            app.export_screenshot(title=f"cockpit: {app.state.snapshot.name if app.state.snapshot else ''}")
        )


async def _settled(app: CockpitApp, pilot: Pilot[int]) -> None:
    """Until what the screen reads in threads has come: it looks the same for a while."""
    seen, same = "", 0
    while same < 15:
        await pilot.pause()
        await asyncio.sleep(0.02)
        shown = _text(app)
        same = same + 1 if shown == seen else 0
        seen = shown


def _text(app: CockpitApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def _until(pilot: Pilot[int], holds: object) -> None:
    assert callable(holds)
    for _ in range(int(PATIENCE_S / 0.02)):
        if holds():
            return
        await pilot.pause()
        await asyncio.sleep(0.02)
    raise TimeoutError("the cockpit did not get ready")


def _is_read(app: CockpitApp, root: Path, shown: str) -> bool:
    view = next(view for view in find(root).experiments() if view.id == shown)
    assert view.attempt_dir is not None
    log = AttemptLayout(view.attempt_dir).log
    run = app.state.shown_run
    lines = log.read_bytes().count(b"\n") if log.exists() else 0
    return run is not None and run.last_time is not None and run.log_count >= lines


def _last_moment(views: Sequence[ExperimentView]) -> float:
    """Two seconds after the newest event of all runs."""
    newest = 0.0
    for view in views:
        if view.attempt_dir is not None:
            for row in read_rows(AttemptLayout(view.attempt_dir).events):
                newest = max(newest, float(row.get("time") or 0.0))
    return newest + 2.0


def tidied(svg: str) -> str:
    """The picture without its links to a font server (the reader's own monospace does) and without random ids."""
    svg = re.sub(r"\bterminal-\d+-", "terminal-", svg)
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
