"""Checkpoints: published whole by a rename, found again for a resume, rotated so that the best one always stays."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout
from cockpit.contract.atomic import read_json, write_json
from cockpit.contract.layout import PIN

STATE = "cockpit_state.json"
_NAME = re.compile(r"step_(\d{6,})")
# Pickled arguments that nothing reads again, TRL's model card, which would describe some other run, and FSDP's pickled
# copy of the weights.
_SURPLUS = ("training_args.bin", "README.md", "pytorch_model_fsdp.bin")


@dataclass
class EvalState:
    """The early-stop state; it lies in every checkpoint, so that a resumed run decides as an unbroken one would.

    `since_best`: scheduled mid-evals since the best one. `due`: this checkpoint's mid-eval was not done yet.
    `scores`: of every scheduled mid-eval; `history`: what each item scored, in the newest of them; `planned`: how many
    the run will have had at its end, 0 where that isn't known.
    """

    best_score: float | None = None
    best_step: int | None = None
    since_best: int = 0
    due: bool = False
    early_stopped: bool = False
    stop_reason: str = ""
    scores: list[float] = field(default_factory=list)
    history: list[list[float]] = field(default_factory=list)
    planned: int = 0

    def save(self, folder: Path) -> None:
        write_json(folder / STATE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> EvalState:
        """The state in `folder`; a fresh one where there is none (a checkpoint of another program)."""
        kept = read_json(folder / STATE)
        known = cls.__dataclass_fields__
        return cls(**{k: v for k, v in kept.items() if k in known}) if isinstance(kept, dict) else cls()


def step_of(folder: Path) -> int | None:
    match = _NAME.fullmatch(folder.name)
    return int(match[1]) if match else None


def all_of(layout: AttemptLayout) -> list[Path]:
    """Every published checkpoint, oldest step first."""
    found = [p for p in layout.checkpoints.glob("step_*") if step_of(p) is not None and p.is_dir()]
    return sorted(found, key=lambda p: step_of(p) or 0)


def newest(layout: AttemptLayout) -> Path | None:
    """The checkpoint to resume from: the newest one that has a trainer's state."""
    whole = [path for path in all_of(layout) if (path / "trainer_state.json").is_file()]
    return whole[-1] if whole else None


def finished(folder: Path) -> bool:
    """Whether the run that wrote `folder` had done all its steps there: training on would add one too many."""
    state = read_json(folder / "trainer_state.json") or {}
    return state.get("global_step", 0) >= state.get("max_steps", 1) > 0


def publish(layout: AttemptLayout, written: Path, step: int, state: EvalState) -> Path:
    """Make `written`, which transformers just filled, the checkpoint of `step`. Raises OSError."""
    for name in _SURPLUS:
        (written / name).unlink(missing_ok=True)
    _restore_cache_switch(written / "config.json")
    state.save(written)
    target = layout.checkpoint(step)
    old = written.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        if (target / PIN).is_file():
            shutil.copyfile(target / PIN, written / PIN)
        os.replace(target, old)
    os.replace(written, target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _restore_cache_switch(config: Path) -> None:
    """Training had the key-value cache off; whoever serves the checkpoint wants it as the base had it."""
    values: Any = read_json(config)
    if isinstance(values, dict) and values.get("use_cache") is not True:
        config.write_text(json.dumps({**values, "use_cache": True}, indent=2) + "\n")


def rotate(layout: AttemptLayout, *, keep_last: int, best_step: int | None) -> None:
    """Delete the oldest checkpoints beyond `keep_last`; never the best one, nor one that an experiment starts from."""
    others = [p for p in all_of(layout) if step_of(p) != best_step and not (p / PIN).exists()]
    for path in others[: max(0, len(others) - keep_last)]:
        # Renamed first: a deletion that is cut short must not leave half a checkpoint under a good name.
        doomed = layout.checkpoints / ".writing" / f"{path.name}.old"
        try:
            doomed.parent.mkdir(exist_ok=True)
            shutil.rmtree(doomed, ignore_errors=True)
            os.replace(path, doomed)
        except OSError as error:
            print(f"[cockpit] could not remove {path.name}: {error}", flush=True)
            continue
        shutil.rmtree(doomed, ignore_errors=True)


def clear_unfinished(layout: AttemptLayout) -> None:
    """Remove what a killed run was writing."""
    shutil.rmtree(layout.checkpoints / ".writing", ignore_errors=True)
