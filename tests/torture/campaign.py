"""Break one file at a time of a workspace of three experiments, then look at it and resume as a person would."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from cockpit.cli import main
from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError
from cockpit.contract.bounded import checkpoint
from cockpit.contract.bounded.checkpoint import STATE, TRAINER_STATE
from cockpit.services.workspace.workspace import Workspace
from tests.support.ui.stage import Stage
from tests.torture import writing
from tests.torture.damage import DAMAGES, remove
from trainers.attempt import recovery
from trainers.attempt.attempt import Attempt
from trainers.attempt.signals import StopFlag

LONGEST_S = 60
"""A command that takes longer hangs; the machine may be a busy one."""
LOOKS = (["ls"], ["show", "exp_0001"], ["status"], ["findings"], ["gc"], ["methodlog"], ["logs", "exp_0001"])
SPARED = ("cockpit.toml",)  # a broken configuration is refused, in a sentence, as a whole


@dataclass
class Tally:
    """What came of the faults: `lost` and `lies` name each, so that it can be made again."""

    tried: int = 0
    lost: list[str] = field(default_factory=list[str])
    lies: list[str] = field(default_factory=list[str])
    kinds: Counter[str] = field(default_factory=Counter[str])

    def __str__(self) -> str:
        bad = {line.partition(":")[0] for line in [*self.lost, *self.lies]}
        told = f"tried {self.tried}, survived {self.tried - len(bad)}, lost {len(self.lost)}, lies {len(self.lies)}"
        return "\n".join([told, *self.lost, *self.lies])


class Hangs(Exception):
    """It takes too long."""


def build(root: Path) -> Path:
    """A workspace: the baseline, and two runs, the first of which has three checkpoints."""
    root.mkdir()
    stage = Stage(root)
    stage.baseline()
    layout = stage.sft_wrong_format()
    stage.draft("exp_0002", "sft", parent="exp_0001")
    shutil.rmtree(layout.checkpoints, ignore_errors=True)
    writing.publish_three(layout)
    return root


def break_files(place: Path, seed: int, faults: int) -> Tally:
    """Make `faults` faults, each in a copy of one workspace below `place`."""
    dice, tally = random.Random(seed), Tally()
    source = build(place / "source")
    files = sorted(p.relative_to(source) for p in source.rglob("*") if p.is_file() and p.name not in SPARED)
    for number in range(faults):
        file, kind = dice.choice(files), dice.choice(list(DAMAGES))
        root = shutil.copytree(source, place / "broken", symlinks=True)
        name = f"{number} {kind} of {file}"
        try:
            before = _content(root / file)
            DAMAGES[kind](root / file, dice)
            if _content(root / file) != before:
                tally.tried += 1
                tally.kinds[kind] += 1
                _look(root, name, tally)
                _resume(root, root / file, name, tally)
        finally:
            remove(root / file)
            shutil.rmtree(root)
    return tally


def _content(path: Path) -> object:
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def _look(root: Path, name: str, tally: Tally) -> None:
    for words in LOOKS:
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()), _limit():
                main([*words, "--json", "--dir", str(root)])
        except BaseException as error:  # noqa: BLE001 - whatever comes out is what the campaign is for
            tally.lost.append(f"{name}: {words[0]} ended in {type(error).__name__}: {error}"[:300])
            continue
        if words == ["ls"]:
            shown = {row.get("id") for row in json.loads(said.getvalue()).get("experiments", [])}
            if not {"exp_0000", "exp_0002"} <= shown and "exp_0000" not in name and "exp_0002" not in name:
                tally.lost.append(f"{name}: ls hides the experiments beside it")


def _resume(root: Path, file: Path, name: str, tally: Tally) -> None:
    """No resume goes on from what is damaged, and none forgets without a word."""
    layout = Workspace(root).layout.experiment("exp_0001").attempt(1)
    out = AttemptWriter(layout.root, warn=lambda _: None)
    mid_eval: Any = type("MidEval", (), {"min_delta": 0.0, "every_steps": 10})
    attempt = Attempt(layout, type("Recipe", (), {"mid_eval": mid_eval}), out, StopFlag(), resume=True)  # pyright: ignore[reportArgumentType]
    try:
        with _limit(), contextlib.redirect_stdout(io.StringIO()):
            start = recovery.choose(attempt)
            state = recovery.eval_state(attempt, start) if start else None
            sound = start is None or recovery.trainer_state_is_sound(start)
    except CockpitError:
        return
    except BaseException as error:  # noqa: BLE001 - as above
        tally.lost.append(f"{name}: a resume ended in {type(error).__name__}: {error}"[:300])
        return
    rebuilt = file.name in (STATE, TRAINER_STATE)
    if start == file.parent and not rebuilt and file.name != "manifest.json":
        tally.lies.append(f"{name}: a resume would go on from it")
    if file.parent == start and file.name == TRAINER_STATE and sound:
        tally.lies.append(f"{name}: a damaged trainer state passes")
    changed = state is not None and asdict(state) != writing.expected(
        checkpoint.step_of(start) if start else 0
    )
    if changed and not attempt.said:
        tally.lies.append(f"{name}: the early-stop state changed without a word")


@contextlib.contextmanager
def _limit() -> Any:
    def late(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def kill_writers(place: Path, seed: int, faults: int) -> Tally:
    """Kill a process at a random moment while it writes telemetry and checkpoints; look at what it left."""
    dice, tally = random.Random(seed), Tally()
    for number in range(faults):
        root = place / f"killed-{number}"
        root.mkdir()
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.writing", str(root)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()  # it writes
        with contextlib.suppress(subprocess.TimeoutExpired):
            writer.wait(dice.random() * 0.5)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        tally.tried += 1
        tally.kinds["kill -9"] += 1
        layout, name = AttemptLayout(root), f"{number} kill -9"
        tally.lost += [
            f"{name}: {p.name}: {why}" for p in checkpoint.all_of(layout) if (why := checkpoint.fault(p))
        ]
        if layout.best.is_symlink() and not layout.best.is_dir():
            tally.lost.append(f"{name}: best leads nowhere")
        for path in (layout.events, layout.metrics):
            lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
            tally.lost += [f"{name}: a torn line in {path.name}" for line in lines if not _is_json(line)]
        shutil.rmtree(root)
    return tally


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
