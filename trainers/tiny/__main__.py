"""Build the embedded model, or write its data.

    python -m trainers.tiny .cockpit/cache
    python -m trainers.tiny .cockpit/cache --data DIR --json

The first pretrains the model, about a minute, and finds it in the cache the next time. The second imports no torch:
it writes the data files and tells where everything is, with the settings of the demo's runs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cockpit.contract import lock
from trainers.tiny import task
from trainers.tiny.more_data import write_more

SETTINGS = Path(__file__).parent / "demo_settings.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainers.tiny", description=__doc__)
    parser.add_argument("cache_dir", type=Path)
    parser.add_argument("--data", type=Path, metavar="DIR", help="write the data files here instead")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    args = parser.parse_args()
    target = model_folder(args.cache_dir)
    if args.data is not None:
        facts = describe(target, task.write_data(args.data) | write_more(args.data))
        print(json.dumps(facts) if args.json else "\n".join(facts["files"].values()))
        return 0
    built = build(target)
    print(json.dumps({"model": str(target), **built}) if args.json else f"tiny model: {target}")
    return 0


def describe(target: Path, files: dict[str, str]) -> dict[str, Any]:
    """All that a demo needs to know: model folder, files, verifier, and the recipes' overrides by technique."""
    settings = json.loads(SETTINGS.read_text())
    return {
        "model": str(target),
        "ready": (target / "model.safetensors").is_file(),
        "verifier": task.VERIFIER,
        "random_score": 0.0,
        "files": files,
        **settings,
    }


def model_folder(cache_dir: Path) -> Path:
    """Where the model lies for this content key; the same key is the same model."""
    return cache_dir.resolve() / f"tiny-{task.content_key()}"


def build(target: Path) -> dict[str, object]:
    """Pretrain into `target` unless it is there; two builders at once make one model."""
    if (target / "model.safetensors").is_file():
        return {"built": False}
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.with_suffix(".lock")):
        if (target / "model.safetensors").is_file():
            return {"built": False}
        fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            from trainers.tiny.pretrain import pretrain

            facts = pretrain(fresh, _progress)
            os.replace(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return {"built": True, **facts}


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold `path` alone; the kernel lets go of it when the holder dies, so that no lock is ever stale."""
    held = lock.take(path)
    if held.state == "busy":
        print("another process is building the tiny model; waiting for it", flush=True)
        held = lock.take(path, wait_s=float("inf"))
    with held:
        yield


def _progress(step: int, steps: int, loss: float) -> None:
    print(f"pretraining the tiny model: step {step}/{steps}, loss {loss:.3f}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
