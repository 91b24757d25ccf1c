"""Asks `trainers.spotcheck.render` how rows and prompts look to the model: in a process of its own, cached by content.

The cockpit imports no transformers: a tokenizer costs seconds and hundreds of megabytes, which the subprocess pays.
The same data, tokenizer, settings and rendering code give the same answer, so it is kept in the cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cockpit
from cockpit.contract import atomic
from cockpit.contract.bounded import children, untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping
from cockpit.services.dataset import datasets
from cockpit.services.system import spawn

KEPT = 60
"""Answers in the cache; the ones that were used longest ago go first."""
MOST_SAID = 256 << 20
LIMIT_S = 900.0
"""A tokenizer from the hub, and 2,000 rows of 30,000 tokens, take less."""
_CODE = ("cockpit/data/**/*.py", *(f"trainers/{name}.py" for name in ("spotcheck/*", "data/prompts", "data/items",
         "data/examples", "data/demonstrations", "data/selection", "data/template_fields", "model/generate",
         "model/loading")))  # fmt: skip
_TOKENIZER_FILES = ("tokenizer*", "*.jinja", "*_tokens.json", "vocab*", "merges.txt", "*.model", "config.json",
                    "generation_config.json", "adapter_config.json")  # fmt: skip
_FIELDS = ("technique", "seed", "model", "data", "generation", "trainer")
"""The sections of a recipe that the rendering depends on."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `rows`, `items`: positions from 0 to show in full; `fact_rows`, `fact_items`: those to count over.

    `serve`: a model folder or a `.jinja` template that answers are served with, to compare.
    """

    recipe: Mapping[str, Any]
    rows: Sequence[int] = ()
    items: Sequence[int] = ()
    fact_rows: Sequence[int] = ()
    fact_items: Sequence[int] = ()
    systems: Sequence[str] = ("",)
    serve: str | None = None
    has_items: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The shape that `trainers.spotcheck.render` reads."""
        return {
            "v": 1, "recipe": dict(self.recipe), "rows": list(self.rows), "items": list(self.items),
            "fact_rows": list(self.fact_rows), "fact_items": list(self.fact_items), "systems": list(self.systems),
            "serve": self.serve, "has_items": self.has_items,
        }  # fmt: skip


def render(request: Request, cache: Path) -> dict[str, Any]:
    """The rendering, from the cache or from the subprocess; blocks for seconds. Raises CockpitError."""
    place = cache / f"{key_of(request)}.json"
    kept = _cached(place)
    if kept is not None:
        return kept
    answer = _ask(request)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        atomic.write_text(place, json.dumps(answer, ensure_ascii=False))
        _prune(cache)
    except (OSError, UnicodeEncodeError):
        pass  # a full disk, or text that is no Unicode: rendered again the next time
    return answer


def is_cached(request: Request, cache: Path) -> bool:
    """Whether the answer would come at once. Raises CockpitError for data that can't be read."""
    return (cache / f"{key_of(request)}.json").is_file()


def key_of(request: Request) -> str:
    """Names the answer by everything that it depends on: data, tokenizer, settings, what is asked, the code."""
    recipe = request.recipe
    digest = hashlib.sha256()
    asked = {**request.as_dict(), "recipe": {name: recipe.get(name) for name in _FIELDS}}
    digest.update(json.dumps(asked, sort_keys=True, default=str).encode("utf-8", "surrogatepass"))
    data = mapping(recipe.get("data"))
    for name in ("train", "held_out") if request.has_items else ("train",):
        if data.get(name):
            digest.update(datasets.content_hash(str(data[name])).encode())
    model = mapping(recipe.get("model"))
    trainer = mapping(recipe.get("trainer"))
    for place in (
        model.get("name_or_path"),
        model.get("warm_start"),
        trainer.get("chat_template_path"),
        request.serve,
    ):
        _add_files(digest, place)
    for file in _code_files():
        digest.update(untrusted.read_bytes(file))
    digest.update(_python(recipe).encode())
    return digest.hexdigest()[:24]


def _add_files(digest: Any, place: object) -> None:
    """The tokenizer's files of a folder, or a template; a hub id stands for itself."""
    if not isinstance(place, str):
        return
    digest.update(place.encode())
    path = Path(place).expanduser()
    try:
        if path.is_file():
            digest.update(untrusted.read_bytes(path))
        elif path.is_dir():
            for file in sorted({file for pattern in _TOKENIZER_FILES for file in path.glob(pattern)}):
                digest.update(file.name.encode() + untrusted.read_bytes(file))
    except OSError:
        return  # the subprocess says what is wrong with it


def _code_files() -> list[Path]:
    home = Path(cockpit.__file__).resolve().parent.parent
    return sorted({file for pattern in _CODE for file in home.glob(pattern)})


def _python(recipe: Mapping[str, Any]) -> str:
    resources = mapping(recipe.get("resources"))
    return os.path.expanduser(str(resources.get("python") or sys.executable))


def _cached(place: Path) -> dict[str, Any] | None:
    value = atomic.read_object(place)
    if value is None or "v" not in value:
        return None
    with contextlib.suppress(OSError):
        os.utime(place)
    return value


def _prune(cache: Path) -> None:
    files = sorted(cache.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[KEPT:]:
        file.unlink(missing_ok=True)


def _ask(request: Request) -> dict[str, Any]:
    python = _python(request.recipe)
    env = {**os.environ, **spawn.import_environment(python, os.environ)}
    env |= {
        "TOKENIZERS_PARALLELISM": "false",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONIOENCODING": "utf-8:surrogatepass",
    }
    env.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="cockpit-render-") as folder:
        file = Path(folder) / "request.json"
        file.write_text(json.dumps(request.as_dict()), "utf-8")
        try:
            done = children.ask(
                [python, "-m", "trainers.spotcheck.render", str(file)],
                env=env,
                seconds=LIMIT_S,
                most=MOST_SAID,
            )
        except OSError as error:
            raise CockpitError(
                f"the interpreter can't be started: {error}", "Correct resources.python."
            ) from error
    if done.late:
        raise CockpitError(
            f"rendering took longer than {LIMIT_S:.0f} s",
            "Try with fewer rows, or look at the model's tokenizer.",
        )
    return _answer(done.out, done.complaint)


def _answer(out: bytes, said: str) -> dict[str, Any]:
    """The subprocess's answer. Raises CockpitError with what it said where it gave none."""
    try:
        value: object = untrusted.parse(out.decode("utf-8", "surrogatepass"))
    except ValueError:
        value = None
    answer = mapping(value)
    if "error" in answer:
        line = answer.get("line")
        raise CockpitError(str(answer["error"]), str(answer.get("mend") or ""), file=answer.get("file"),
                           line=line if isinstance(line, int) else None)  # fmt: skip
    if "v" in answer:
        return answer
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    if "No module named" in last and "trainers" not in last:
        raise CockpitError(
            f"rendering needs the training stack, which is not installed here: {last[:200]}",
            "Install it (`pip install 'finetune-cockpit[train]'`), or check the data without a model.",
        )
    raise CockpitError(
        f"the rendering failed: {last[:300]}", "Look at the model's tokenizer and chat template."
    )
