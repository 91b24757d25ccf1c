"""Which of a run's checkpoints can be gone on from: their files are as they were written, but for what is rebuilt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cockpit.contract.bounded import manifest
from cockpit.contract.layout import PASSED_OVER, AttemptLayout

STATE = "cockpit_state.json"
"""The early-stop state: written again when the checkpoint is there, so it has its own checksum, not the manifest's."""
TRAINER_STATE = "trainer_state.json"
_NAME = re.compile(r"step_(\d{6,})")
# What a resume loads, of a checkpoint whose manifest doesn't say what belongs to it: others put files of theirs there.
_WEIGHTS = re.compile(r"(model|adapter_model|pytorch_model)[^/]*\.(safetensors|bin)")
_LOADED = re.compile(
    _WEIGHTS.pattern
    + r"|(model|pytorch_model)\S*\.index\.json"
    + r"|(optimizer|scheduler|scaler|rng_state|training_args)\S*\.(pt|pth|bin)"
    + r"|(|generation_|adapter_|tokenizer_|(pre)?processor_)config\.json"
    + r"|tokenizer\.json|special_tokens_map\.json|added_tokens\.json|vocab\.json"
    + rf"|{re.escape(TRAINER_STATE)}"
    + r"|[^/]+/adapter_(model.*\.(safetensors|bin)|config\.json)|global_step\d+/.*"
)


def step_of(folder: Path) -> int | None:
    """Return the step of a checkpoint's folder, None for a folder of another name."""
    match = _NAME.fullmatch(folder.name)
    return int(match[1]) if match else None


def all_of(layout: AttemptLayout) -> list[Path]:
    """Return every published checkpoint, the oldest step first."""
    found = [p for p in layout.checkpoints.glob("step_*") if step_of(p) is not None and p.is_dir()]
    return sorted(found, key=lambda p: step_of(p) or 0)


def candidates(layout: AttemptLayout) -> Iterator[Path]:
    """Yield the checkpoints that a resume may go on from, whole or not, the newest first."""
    return (p for p in reversed(all_of(layout)) if not (p / PASSED_OVER).exists())


def fault(folder: Path, *, ours: bool = True) -> str:
    """Return why no resume can go on from `folder`, in words; empty where it can. Reads every byte.

    What is not `ours`, a trainer of the user's own wrote: only that knows what has to be in it.
    """
    if not ours:
        return manifest.fault(folder) if manifest.has(folder) else ""
    if not any(_WEIGHTS.fullmatch(path.name) for path in folder.glob("*")):
        return "it has no weights"
    told = manifest.has(folder)
    if not told and not (folder / TRAINER_STATE).exists():
        return (
            f"{TRAINER_STATE} is missing"  # nothing else says whether the optimizer's state should be there
        )

    def counts(name: str) -> bool:
        return name not in (STATE, TRAINER_STATE) and (told or bool(_LOADED.fullmatch(name)))

    return manifest.fault(folder, of=counts)


def newest_whole(layout: AttemptLayout) -> Path | None:
    """Return the checkpoint that a resume would go on from, None for none."""
    return next((folder for folder in candidates(layout) if not fault(folder)), None)
