"""Checkpoints: published whole by a rename, with a manifest of their files, and rotated so that the best always stays.

Which one a resume goes on from, and what of it must be rebuilt, is in `recovery.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cockpit.contract import AttemptLayout
from cockpit.contract.atomic import finite, read_json, read_object, write_json
from cockpit.contract.bounded import manifest
from cockpit.contract.bounded.checkpoint import STATE, all_of, step_of
from cockpit.contract.layout import PASSED_OVER, PIN

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
        values = asdict(self)
        write_json(folder / STATE, {**values, "crc32": _checksum(values)})

    @classmethod
    def load(cls, folder: Path) -> EvalState | None:
        """Return the state in `folder`; None where it is missing, damaged, or another program's."""
        kept = read_object(folder / STATE)
        if kept is None or kept.pop("crc32", _checksum(kept)) != _checksum(kept):
            return None
        try:
            return msgspec.convert(kept, cls)
        except msgspec.ValidationError:
            return None


def _checksum(values: Any) -> int:
    return zlib.crc32(json.dumps(finite(values), sort_keys=True).encode())


def publish(layout: AttemptLayout, written: Path, step: int, state: EvalState) -> Path:
    """Make `written`, which transformers filled, the checkpoint of `step`, on the disk for good. Raises OSError."""
    for name in _SURPLUS:
        (written / name).unlink(missing_ok=True)
    _restore_cache_switch(written / "config.json")
    state.save(written)
    manifest.write(written, of=lambda name: name != STATE)
    target = layout.checkpoint(step)
    old = written.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        if (target / PIN).is_file():
            shutil.copyfile(target / PIN, written / PIN)
        os.replace(target, old)
    os.replace(written, target)
    manifest.sync_folder(layout.checkpoints)
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
    others.sort(key=lambda p: not (p / PASSED_OVER).exists())  # first those that no resume goes on from
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
