"""TRL's prepared (tokenized, masked, truncated, packed) data sets, kept in the workspace's cache.

    trainer = tokenized(SFTTrainer, attempt)(model=…, args=config, train_dataset=…)

Works for every TRL trainer with a `_prepare_dataset`, and for those that still map a `tokenize_row` over the rows
(ORPO). The key holds whatever those functions read: the rows, the tokenizer with its chat template, the settings that
their source names, and the versions of the libraries.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from trainers.loop.attempt import RANK, Attempt
from trainers.model import cache


def tokenized(trainer_class: Any, attempt: Attempt) -> Any:
    """`trainer_class`, with its data preparation cached; the class itself where that would not be safe."""
    prepare: Any = getattr(trainer_class, "_prepare_dataset", None)
    if not hasattr(trainer_class, "_prepare_dataset") and hasattr(trainer_class, "tokenize_row"):
        return _by_rows(trainer_class, attempt)
    source = _source(prepare)
    if source is None or re.search(r"\bself\.\w+\s*=[^=]", source):
        return trainer_class  # unknown, or it also sets something on the trainer

    def cached_prepare(self: Any, dataset: Any, *rest: Any, **named: Any) -> Any:
        def build() -> Any:
            return prepare(self, dataset, *rest, **named)

        if not hasattr(dataset, "data") or (hasattr(dataset, "cache_files") and dataset.cache_files):
            return build()  # streamed, or read from the disk: datasets caches that itself
        try:
            parts = _parts(self, source, dataset, rest, named)
        except Exception as error:  # noqa: BLE001 - a data set or tokenizer of a kind that no key is known for
            print(f"[cache] not used: {type(error).__name__}: {error}", flush=True)
            return build()
        return _through(attempt, parts, lambda: _not_empty(build(), config_of(rest, named)))

    return type(trainer_class.__name__, (trainer_class,), {"_prepare_dataset": cached_prepare})


def _by_rows(trainer_class: Any, attempt: Attempt) -> Any:
    """The same for a trainer whose `__init__` maps functions of its own over the rows, `tokenize_row` last of them."""
    sources = [
        _source(getattr(trainer_class, name, None)) for name in ("tokenize_row", "build_tokenized_answer")
    ]
    if None in sources:
        return trainer_class
    source = "".join(text or "" for text in sources)

    def begin(self: Any, *args: Any, **named: Any) -> None:
        given = named.get("train_dataset")
        if given is not None and hasattr(given, "data") and not given.cache_files:
            named["train_dataset"] = _Mapped(given, self, source, attempt, named)
        trainer_class.__init__(self, *args, **named)

    return type(trainer_class.__name__, (trainer_class,), {"__init__": begin})


class _Mapped:
    """Stands for a data set while a trainer maps over it: nothing is done until `tokenize_row` asks for the rows."""

    def __init__(
        self, dataset: Any, trainer: Any, source: str, attempt: Attempt, named: dict[str, Any]
    ) -> None:
        self._dataset, self._trainer, self._source, self._attempt = dataset, trainer, source, attempt
        self._named = {name: named.get(name) for name in ("args", "processing_class")}
        self._steps: list[tuple[Any, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def map(self, function: Any, **options: Any) -> Any:
        """Remember the step; with the last one, the rows that all of them make."""
        self._steps.append((function, options))
        if getattr(function, "__name__", "") != "tokenize_row":
            return self
        try:
            parts = _parts(self._trainer, self._source, self._dataset, (), self._named)
        except Exception as error:  # noqa: BLE001 - as above
            print(f"[cache] not used: {type(error).__name__}: {error}", flush=True)
            return self._build()
        parts["steps"] = [getattr(step, "__qualname__", str(step)) for step, _ in self._steps]
        return _through(self._attempt, parts, self._build, in_turn=True)

    def _build(self) -> Any:
        made = self._dataset
        for function, options in self._steps:
            made = made.map(function, **options)
        return made


def config_of(rest: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """TRL's config among the arguments of `_prepare_dataset`."""
    return next((v for v in (*rest, *named.values()) if hasattr(v, "output_dir")), None)


def _not_empty(made: Any, config: Any) -> Any:
    """Raise CockpitError where no example has a token left to learn from: torch's own error says nothing of why."""
    if len(made) == 0:
        length = getattr(config, "max_length", None)
        raise CockpitError(
            f"no example has an answer within max_length={length} tokens, so there is nothing to learn from",
            "Raise max_length, or shorten the prompts.",
        )
    return made


def _through(attempt: Attempt, parts: dict[str, Any], build: Any, *, in_turn: bool = False) -> Any:
    """`in_turn`: the trainer lets rank 0 through alone, and the other processes after it."""
    from datasets import load_from_disk

    where = cache.root(attempt.layout.root)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return _together(where, parts, build, in_turn=in_turn)
    return cache.cached(
        where,
        "tokenized",
        parts,
        build=build,
        save=lambda made, folder: made.save_to_disk(str(folder / "data")),
        load=lambda folder: load_from_disk(str(folder / "data")),
    )


def _together(where: Path, parts: dict[str, Any], build: Any, *, in_turn: bool) -> Any:
    """With several processes no one may wait on a file: TRL has barriers of its own. Rank 0 decides for all.

    Where they come in turn, rank 0 is through before the others look, and a word to them would wait for ever.
    """
    from accelerate.utils import broadcast_object_list
    from datasets import load_from_disk

    found = cache.peek(where, "tokenized", parts) if RANK == 0 or in_turn else None
    place = str(found) if found else None
    if not in_turn:
        place = broadcast_object_list([place])[0]
    if place:
        if RANK == 0:
            print(f"[cache] tokenized/{Path(place).name[:12]} is in the cache", flush=True)
        return load_from_disk(str(Path(place) / "data"))
    began = time.monotonic()
    made = build()
    if RANK == 0:
        try:
            seconds = time.monotonic() - began
            cache.keep(
                where, "tokenized", parts, lambda f: made.save_to_disk(str(f / "data")), seconds=seconds
            )
        except OSError as error:
            print(f"[cache] not kept: {error}", flush=True)
    return made


def _parts(
    trainer: Any, source: str, dataset: Any, rest: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    values = [*rest, *named.values()]
    config = config_of(rest, named)
    tokenizer = next((v for v in values if hasattr(v, "apply_chat_template")), None)
    others = [v for v in values if v is not config and v is not tokenizer]
    read = {name: getattr(config, name, None) for name in sorted(set(re.findall(r"\bargs\.(\w+)", source)))}
    mine = {name: getattr(trainer, name, None) for name in sorted(set(re.findall(r"\bself\.(\w+)", source)))}
    read.pop("dataset_num_proc", None)  # how fast, not what
    return {
        "trainer": type(trainer).__name__,
        "source": hashlib.sha256(source.encode()).hexdigest(),
        "libraries": {name: importlib.metadata.version(name) for name in ("trl", "transformers", "datasets")},
        "rows": rows_key(dataset),
        "n": len(dataset),
        "tokenizer": tokenizer_key(tokenizer),
        "settings": {name: _plain(value) for name, value in read.items()},
        "trainer_settings": {name: value for name, value in mine.items() if _is_plain(value)},
        "arguments": [_plain(value) for value in others],
    }


def rows_key(dataset: Any) -> str:
    """SHA-256 over a data set's columns and values, as Arrow writes them."""
    import pyarrow as pa

    class Digest:
        closed = False

        def __init__(self) -> None:
            self.sha = hashlib.sha256()

        def write(self, data: Any) -> int:
            self.sha.update(data)
            return len(data)

        def flush(self) -> None: ...

        def close(self) -> None: ...

    digest = Digest()
    table = dataset.with_format(None).data.table.combine_chunks()
    with pa.ipc.new_stream(pa.PythonFile(digest, mode="w"), table.schema) as out:
        out.write_table(table)
    if dataset._indices is not None:
        digest.sha.update(str(dataset._indices.column(0).to_pylist()).encode())
    return digest.sha.hexdigest()


def tokenizer_key(tokenizer: Any) -> str:
    """SHA-256 over what a tokenizer does: vocabulary, merges, added tokens, chat template."""
    if tokenizer is None:
        return ""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    body = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    told = [
        type(tokenizer).__name__,
        body,
        str(tokenizer.chat_template),
        str(tokenizer.special_tokens_map),
        tokenizer.padding_side,
        tokenizer.truncation_side,
    ]
    return hashlib.sha256("\0".join(told).encode("utf-8", "backslashreplace")).hexdigest()


def _source(function: Any) -> str | None:
    try:
        return inspect.getsource(function) if function is not None else None
    except (OSError, TypeError):
        return None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | tuple | dict)


def _plain(value: Any) -> Any:
    if _is_plain(value):
        return value
    return f"{type(value).__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
