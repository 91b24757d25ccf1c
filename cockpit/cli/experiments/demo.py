"""`cockpit demo`: the whole story on a tiny model; in a terminal you watch it, elsewhere it is printed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, warn
from cockpit.cli.tree.look import as_dict, experiments_table
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.contract.reader import LineTail
from cockpit.services.workspace import open as open_workspace
from cockpit.services.workspace.workspace import ExperimentView, Workspace

DEFAULT_DIR = "cockpit-demo"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="print the progress and the result table")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import demo

    root = Path(options.dir or DEFAULT_DIR).resolve()
    if sys.stdout.isatty() and sys.stdin.isatty() and not (options.headless or options.json):
        from cockpit.ui.app import run as open_screens

        demo.start_teller(root)
        _until_there(root, demo)
        return open_screens(root)
    began = time.monotonic()
    with demo.sole_teller(root) as mine:
        if not mine:
            ws = _watch(root, demo)
        elif options.json:
            ws = demo.tell(root, _nothing, _nothing)
        else:
            with _Progress() as progress:
                ws = demo.tell(root, progress.say, progress.tick)
    views = ws.experiments()
    if options.json:
        print_json(
            {
                "workspace": str(root),
                "seconds": round(time.monotonic() - began, 1),
                "experiments": [as_dict(view) for view in views],
            }
        )
        return OK
    say()
    say(experiments_table(views))
    say()
    say(f"The decisions are in {ws.layout.methodlog}; `cockpit --dir {root}` opens the cockpit on it.")
    return OK


def _until_there(root: Path, demo: Any) -> None:
    """Show what the teller says (it may be pretraining, a minute) until there is a workspace to look at."""
    layout = WorkspaceLayout(root)
    tail = LineTail(layout.log.parent / "demo.log")
    tail.offset = tail.path.stat().st_size if tail.path.exists() else 0
    quiet = 0
    while True:
        there = layout.config.exists()  # before the log is read, so that its last words are not lost
        for line in tail.read():
            say(line.decode("utf-8", "replace"))
        if there:
            return
        if error := demo.state(root).get("error"):
            raise CockpitError(f"the demo could not begin: {error}", "Run it again: it goes on where it was.")
        quiet = 0 if demo.teller_alive(root) else quiet + 1
        if quiet > 100:  # ten seconds are enough for it to say that it lives
            raise CockpitError("the demo could not begin", "Its log says more.", file=tail.path)
        time.sleep(0.1)


def _nothing(_: Any) -> None:
    return


def _watch(root: Path, demo: Any) -> Workspace:
    """The story is being told by another process: wait for its end rather than tell it twice."""
    warn(f"The demo runs already in {root}; waiting for it.")
    while demo.teller_alive(root):
        time.sleep(0.5)
    if error := demo.state(root).get("error"):
        raise CockpitError(f"the demo ended early: {error}", "Run it again: it goes on where it was.")
    return open_workspace.find(root)


class _Progress:
    """Sentences as they come, and one changing line for the run where the output is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._text: Callable[[str], Text] = Text
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._last = ""

    def __enter__(self) -> _Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def say(self, text: str) -> None:
        from cockpit.core.safe_text import clean

        self._console.print(self._text(clean(text)), soft_wrap=True)

    def tick(self, view: ExperimentView) -> None:
        if view.attempt is None:
            return
        mini = "" if view.mini_last is None else f"  mini-eval {view.mini_last:.2f}"
        step = "" if view.attempt.step is None else f" step {view.attempt.step}"
        if self._console.is_terminal:
            self._live.update(self._text(f"{view.id} {view.technique}: {view.attempt.sentence}{mini}"))
            return
        # A log gets a line where something changed: the stage, or a mini-eval, not a line a second.
        says = f"{view.attempt.stage or view.attempt.state}{mini}"
        if says != self._last:
            self._last = says
            self.say(f"  {view.id} {view.technique}: {says}{step if mini else ''}")
