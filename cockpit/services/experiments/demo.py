"""The story of the product on the embedded tiny model: baseline, a wrong-format SFT, a GRPO run that works.

The story is told by a process of its own, which outlives the terminal like any run does: `cockpit demo` starts
it (or finds it running) and shows it. Every step is skipped where it is done already, so that a story cut
short goes on where it was.
"""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import atomic, lock
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, WorkspaceLayout
from cockpit.services.experiments import lifecycle, scoring, setup
from cockpit.services.system import processes
from cockpit.services.system.paths import cache_dir
from cockpit.services.workspace.workspace import ExperimentView, Workspace

Say = Callable[[str], None]
Tick = Callable[[ExperimentView], None]


@dataclass(frozen=True, slots=True)
class Move:
    """One training move of the story, and what is said about it."""

    technique: str
    hypothesis: str
    train: str
    title: str


MOVES = (
    Move(
        "sft",
        "demonstrations teach the task",
        "sft_wrong_format",
        "SFT on demonstrations in another answer format: watch the loss fall, and the mini-eval with it",
    ),
    Move(
        "grpo",
        "the verifier is the reward, so the model learns the shape that it accepts",
        "train",
        "GRPO from the base with the verifier as reward, format included",
    ),
)


def tell(root: Path, say: Say, tick: Tick) -> Workspace:
    """Tell the whole story into the workspace `root`; `say` takes sentences, `tick` the experiment that runs.

    Raises CockpitError where a step can't be done; the state file says the same.
    """
    root.mkdir(parents=True, exist_ok=True)
    _state(root, title="getting ready")
    try:
        ws, facts = _prepare(root, say)
        _baseline(ws, say, tick)
        for move in MOVES:
            _move(ws, move, facts, say, tick)
    except CockpitError as error:
        _state(root, title="stopped", error=str(error))
        raise
    _state(root, title="the story is told", done=True)
    return ws


def _prepare(root: Path, say: Say) -> tuple[Workspace, Mapping[str, Any]]:
    data = WorkspaceLayout(root).data
    facts = json.loads(_tiny("--data", str(data), "--json").splitlines()[-1])
    if not facts["ready"]:
        _state(root, title="pretraining the tiny model (about a minute, once)")
        say("Pretraining the tiny model: about a minute, once; it is cached.")
        _tiny(say=say)
    if not WorkspaceLayout(root).config.exists():
        setup.init(
            root,
            name="demo",
            model=facts["model"],
            verifier=facts["verifier"],
            random_score=facts["random_score"],
            train=Path(facts["files"]["train"]),
            mini_eval=Path(facts["files"]["mini_eval"]),
            held_out=Path(facts["files"]["held_out"]),
            sections={key: facts[key] for key in ("generation", "mid_eval", "resources") if key in facts},
        )
        say(f"Workspace: {root}")
    return Workspace(root), facts


def _tiny(*arguments: str, say: Say | None = None) -> str:
    """Run `python -m trainers.tiny`; gives what it printed. Raises CockpitError with its last words."""
    command = [sys.executable, "-m", "trainers.tiny", str(cache_dir()), *arguments]
    env = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env
    )
    assert process.stdout is not None
    said = process.stdout
    lines: collections.deque[str] = collections.deque(maxlen=1000)
    for line in iter(lambda: said.readline(1 << 16), ""):
        lines.append(line.rstrip())
        if say is not None and line.strip():
            say("  " + line.rstrip())
    if process.wait() != 0:
        last = next((line for line in reversed(lines) if line), "it said nothing")
        raise CockpitError(f"the tiny model could not be made: {last}", "Run `cockpit doctor`.")
    return "\n".join(lines)


def _baseline(ws: Workspace, say: Say, tick: Tick) -> None:
    _state(ws.root, title="baseline: the base model on the held-out set, before any training")
    view = _flown(ws, BASELINE_ID, say, tick)
    assert view.score is not None
    score = view.score
    say(f"Baseline: {score.value:.3f} [{score.lo:.3f}, {score.hi:.3f}] on {score.n} held-out items.")


def _move(ws: Workspace, move: Move, facts: Mapping[str, Any], say: Say, tick: Tick) -> None:
    _state(ws.root, title=move.title)
    say(move.title + ".")
    view = next((v for v in ws.experiments() if v.technique == move.technique), None)
    if view is None:
        view = ws_new(ws, move, facts)
    view = _flown(ws, view.id, say, tick)
    if view.score is None and view.status == "evaluated":
        say(f"{view.id}: {view.note} Scoring it all the same, so that the table is complete.")
        scoring.score(ws, view.id)
        view = lifecycle.wait(ws, view.id, tick)
    lifecycle.judge(ws, view.id)
    view = ws.experiment(view.id)
    if view.delta is not None:
        say(f"{view.id}: {view.delta.sentence}")
    for finding in lifecycle.findings_of(ws, view.id):
        say(f"  ! {finding.headline} -> {finding.next_step}")


def ws_new(ws: Workspace, move: Move, facts: Mapping[str, Any]) -> ExperimentView:
    """The experiment of one move, with the demo's own settings."""
    return lifecycle.new(
        ws,
        move.technique,
        hypothesis=move.hypothesis,
        parent=BASELINE_ID,
        train=Path(facts["files"][move.train]),
        overrides=facts[move.technique],
    )


def _flown(ws: Workspace, experiment_id: str, say: Say, tick: Tick) -> ExperimentView:
    """Launch it, or go on with what was cut short; wait, and refuse to go on from a failure or a stop."""
    view = ws.experiment(experiment_id)
    if view.status in ("draft", "smoked"):
        lifecycle.launch(ws, experiment_id)
    elif view.status == "failed" or _stopped(view):
        _again(ws, view, say)
    view = lifecycle.wait(ws, experiment_id, tick)
    if view.status == "failed":
        said = view.attempt.sentence if view.attempt else "it left no record"
        raise CockpitError(f"{experiment_id} failed: {said}", f"`cockpit logs {experiment_id}` has more.")
    if _stopped(view):
        raise CockpitError(f"{experiment_id} was stopped", "`cockpit demo` goes on from its checkpoint.")
    return view


def _stopped(view: ExperimentView) -> bool:
    return (
        view.status == "evaluated"
        and view.score is None
        and view.attempt is not None
        and (view.attempt.state == "stopped")
    )


def _again(ws: Workspace, view: ExperimentView, say: Say) -> None:
    """Resume from the newest checkpoint; a run that never made one gets another attempt."""
    attempt = ws.attempt_dir(view.id)
    if attempt is not None and any(attempt.checkpoints.glob("step_*")):
        say(f"{view.id} was cut short; it goes on from its newest checkpoint.")
        lifecycle.resume(ws, view.id)
    elif view.technique == "baseline":
        scoring.score(ws, view.id)
    else:
        lifecycle.launch(ws, view.id)


def _state(root: Path, *, title: str, done: bool = False, error: str = "") -> None:
    atomic.write_json(
        state_file(root),
        {"v": 1, "title": title, "done": done, "error": error, "time": time.time(), **processes.me()},
    )


def state_file(root: Path) -> Path:
    """Where the story says how far it is."""
    return WorkspaceLayout(root).private / "demo.json"


@contextmanager
def sole_teller(root: Path) -> Generator[bool]:
    """Be the one who tells the story into `root`; False where another process does. The kernel frees a dead one's."""
    path = WorkspaceLayout(root).private / "demo.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock.take(path) as held:
        yield held.free  # without locks on this file system the launches themselves still refuse a second one


def state(root: Path) -> dict[str, Any]:
    """How far the story is: `title`, `done`, `error`; empty where none was begun."""
    return atomic.read_object(state_file(root)) or {}


def told_so_far(root: Path) -> tuple[str, str]:
    """How far the story in `root` is, for a screen: a sentence, and what is wrong ("" twice where none is told)."""
    told = state(root)
    if not told:
        started = (WorkspaceLayout(root).log.parent / "demo.log").exists()
        return ("The demo is getting ready.", "") if started else ("", "")
    title = str(told.get("title", ""))
    if told.get("error"):
        return "The demo stopped.", str(told["error"])
    if told.get("done"):
        return "The demo's story is told. The SFT run has a finding (f), the GRPO run the score.", ""
    if not teller_alive(root):
        return "The demo was cut short.", f"`cockpit demo --dir {root}` goes on where it was."
    return f"Demo: {title}.", ""


def teller_alive(root: Path) -> bool:
    """Whether a process tells the story into `root` right now."""
    told = state(root)
    return bool(told) and not told.get("done") and not told.get("error") and processes.is_me(told)


def start_teller(root: Path) -> None:
    """Start the story in a session of its own, unless it is being told or was told already."""
    layout = WorkspaceLayout(root)
    if teller_alive(root):
        return
    layout.log.parent.mkdir(parents=True, exist_ok=True)
    state_file(root).unlink(missing_ok=True)  # an earlier one's error is not this one's
    with (layout.log.parent / "demo.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "cockpit", "demo", "--headless", "--dir", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
