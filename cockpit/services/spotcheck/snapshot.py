"""The first page of a spot check, kept: what is painted while the files are read anew.

Named by everything that it depends on, like the rendering; the newest few stay.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any, cast

import msgspec

import cockpit
from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.core.spotcheck.spot import SpotCheck
from cockpit.services.dataset import datasets, render
from cockpit.services.spotcheck.subject import Subject
from cockpit.services.workspace.workspace import stamp

KEPT = 20
_CODE = ("core/spotcheck/*.py", "core/dataset/*.py", "data/**/*.py", "verifiers/**/*.py",
         "services/spotcheck/check.py", "services/spotcheck/rows.py")  # fmt: skip


def load(about: Subject, n: int, seed: int) -> SpotCheck | None:
    """The check of the same content, settings and code, or None."""
    try:
        raw = untrusted.read_bytes(_place(about, n, seed))
        return msgspec.json.decode(raw, type=SpotCheck)
    except (OSError, CockpitError, msgspec.MsgspecError):
        return None


def keep(about: Subject, n: int, seed: int, check: SpotCheck) -> None:
    """Keep a first page; a full disk costs the next second, nothing else."""
    with contextlib.suppress(OSError, CockpitError, UnicodeEncodeError, msgspec.MsgspecError):
        place = _place(about, n, seed)
        place.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(place, msgspec.json.encode(check))
        files = sorted(place.parent.glob("page-*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[KEPT:]:
            file.unlink(missing_ok=True)


def _place(about: Subject, n: int, seed: int) -> Path:
    home = Path(cockpit.__file__).resolve().parent
    digest = hashlib.sha256(json.dumps([n, seed, about.technique, dict(about.columns)]).encode())
    digest.update(repr((about.system_prompt, about.enable_thinking, about.max_new_tokens)).encode())
    digest.update((about.verifier.fingerprint if about.verifier else "").encode())
    for path in (about.train, about.items):
        if path is not None and Path(path).is_file():
            digest.update(datasets.content_hash(path).encode())
        else:
            digest.update(str(path).encode())
    for file in about.answers:
        digest.update(f"{file.who}{_name(file.path)}".encode())
    if about.recipe is not None:
        data = dict(cast("dict[str, Any]", about.recipe["data"]), train=None, held_out=None)
        bare = render.Request({**about.recipe, "data": data}, serve=about.serve)
        digest.update(render.key_of(bare).encode())
    for pattern in _CODE:
        for file in sorted(home.glob(pattern)):
            digest.update(_name(file).encode())
    return about.cache / f"page-{digest.hexdigest()[:24]}.json"


def _name(path: Path) -> str:
    return f"{path.name}{stamp(path)}"
