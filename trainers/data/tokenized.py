"""TRL's prepared (tokenized, masked, truncated, packed) data sets, kept in the workspace's cache.

    class SftTrainer(CockpitTrainer, KeptTokens, SFTTrainer): ...

`KeptTokens` is for TRL's trainers with a `_prepare_dataset`, `KeptRows` for those that still map a `tokenize_row` over
the rows (ORPO). The key holds whatever those functions read: the rows, the tokenizer with its chat template, the
settings that each class names, and the versions of the libraries. tests/trainers/data holds the names against TRL's
source; another release than the one that was read for them is not cached.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from cockpit.contract import CockpitError
from cockpit.contract.errors import is_no_room
from trainers.attempt import cache
from trainers.attempt.attempt import Attempt

RELEASE = "1.16."
"""TRL's, whose preparation was read for the names of what it depends on."""

_MOST_HANDS = 16
_ROWS_A_HAND = 5000  # of fewer, a process costs more than it saves


class KeptTokens:
    """Stands before a trainer of TRL's: prepares its data once for all runs that want the same."""

    attempt: Attempt
    settings_read: ClassVar[tuple[str, ...]] = ()
    """Fields of the config that `_prepare_dataset` reads, but for how many processes it takes."""
    attributes_read: ClassVar[tuple[str, ...]] = ()
    """Attributes of the trainer that it reads, apart from the tokenizer."""

    def _prepare_dataset(self, dataset: Any, *rest: Any, **named: Any) -> Any:
        prepare = super()._prepare_dataset  # type: ignore[misc]

        def build() -> Any:
            try:
                return prepare(dataset, *rest, **named)
            except OSError as error:
                if not is_no_room(error):
                    raise
                place = self.attempt.layout.rows
                self.attempt.notice(no_room_for("the tokenized rows", place, error), "warning")
                return prepare(_held(dataset), *rest, **named)

        if not getattr(dataset, "cache_files", None):
            return build()  # made by this very run (see `prepared`): nothing names what is in it
        values = [*rest, *named.values()]
        config = config_among(values)
        if not (
            getattr(config, "packing", False) or getattr(self, "calculate_KL", False)
        ):  # what joins rows: see `hands`
            config.dataset_num_proc = config.dataset_num_proc or hands(len(dataset))
        parts = _parts(self, dataset, values, self.settings_read, self.attributes_read)
        if parts is None:
            return build()
        return _through(self.attempt, parts, lambda: _not_empty(build(), config))


class KeptRows:
    """The same for a trainer whose `__init__` maps functions of its own over the rows, `tokenize_row` last of them."""

    attributes_read: ClassVar[tuple[str, ...]] = ()
    """Attributes of the trainer that `tokenize_row` reads, apart from the tokenizer."""

    def __init__(self, *args: Any, train_dataset: Any, **named: Any) -> None:
        given = [named.get("args"), named.get("processing_class")]
        if train_dataset.cache_files:
            train_dataset = Mapped(train_dataset, self, given)
        super().__init__(*args, train_dataset=train_dataset, **named)  # type: ignore[call-arg]


class Mapped:
    """Stands for a data set while a trainer maps over it: nothing is done until `tokenize_row` asks for the rows."""

    def __init__(self, dataset: Any, trainer: Any, given: list[Any]) -> None:
        self._dataset, self._trainer, self._given = dataset, trainer, given
        self._steps: list[tuple[Any, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def map(self, function: Any, **options: Any) -> Any:
        """Remember the step; with the last one, return the rows that all of them make."""
        self._steps.append((function, options))
        if getattr(function, "__name__", "") != "tokenize_row":
            return self
        parts = _parts(self._trainer, self._dataset, self._given, (), self._trainer.attributes_read)
        if parts is None:
            return self._build()
        parts["steps"] = [getattr(step, "__qualname__", str(step)) for step, _ in self._steps]
        return _through(self._trainer.attempt, parts, self._build, in_turn=True)

    def _build(self) -> Any:
        made = self._dataset
        for function, options in self._steps:
            made = made.map(function, **options)
        return made


def no_room_for(what: str, where: Path, error: OSError) -> str:
    """Say in a sentence what is held in memory, and why."""
    return f"There is no room for {what} at {where} ({error.strerror}), so they are held in memory."


def _held(dataset: Any) -> Any:
    """Return the rows as a data set in memory: what is mapped from it stays there, too."""
    from datasets import Dataset
    from datasets.table import InMemoryTable

    return Dataset(InMemoryTable(dataset.data.table), info=dataset.info, split=dataset.split)


def hands(rows: int) -> int | None:
    """Return how many processes share in making tokens of so many rows; None for this one alone.

    Only for steps that look at each row by itself: what joins rows, joins others where they are shared out otherwise,
    and a run that goes on elsewhere must have the same.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(cores, _MOST_HANDS, rows // _ROWS_A_HAND)
    return count if count > 1 else None


def config_among(values: list[Any]) -> Any:
    """Return TRL's config among the arguments of `_prepare_dataset`."""
    return next((value for value in values if hasattr(value, "output_dir")), None)


def _not_empty(made: Any, config: Any) -> Any:
    """Raise CockpitError where no example has a token left to learn from: torch's own error says nothing of why."""
    if len(made) == 0:
        length = getattr(config, "max_length", None)
        raise CockpitError(
            f"no example has an answer within max_length={length} tokens, so there is nothing to learn from",
            "Raise max_length, or shorten the prompts.",
        )
    return made


def _through(
    attempt: Attempt, parts: dict[str, Any], build: Callable[[], Any], *, in_turn: bool = False
) -> Any:
    """`in_turn`: the trainer lets rank 0 through alone, and the other processes after it."""
    from datasets import load_from_disk

    def save(made: Any, folder: Path) -> None:
        made.save_to_disk(str(folder / "data"))

    def load(folder: Path) -> Any:
        return load_from_disk(str(folder / "data"))

    where = cache.root(attempt.layout.root)
    return attempt.processes.cached(
        where, "tokenized", parts, build=build, save=save, load=load, in_turn=in_turn
    )


def _parts(
    trainer: Any, dataset: Any, values: list[Any], settings: tuple[str, ...], attributes: tuple[str, ...]
) -> dict[str, Any] | None:
    """What the prepared data depends on; None, with a line in the log, where that is not known."""
    libraries = {name: importlib.metadata.version(name) for name in ("trl", "transformers", "datasets")}
    if not libraries["trl"].startswith(RELEASE):
        print(
            f"[cache] not used: what TRL {libraries['trl']} makes of the rows is not known here", flush=True
        )
        return None
    config = config_among(values)
    tokenizer = next((value for value in values if hasattr(value, "apply_chat_template")), None)
    others = [value for value in values if value is not config and value is not tokenizer]
    mine = {name: getattr(trainer, name, None) for name in attributes}
    try:
        return {
            "trainer": type(trainer).__name__,
            "libraries": libraries,
            "rows": dataset._fingerprint,
            "n": len(dataset),
            "tokenizer": tokenizer_key(tokenizer),
            "settings": {name: _plain(getattr(config, name, None)) for name in settings},
            "trainer_settings": {name: value for name, value in mine.items() if _is_plain(value)},
            "arguments": [_plain(value) for value in others],
        }
    except Exception as error:  # noqa: BLE001 - a data set or tokenizer of a kind that no key is known for
        print(f"[cache] not used: {type(error).__name__}: {error}", flush=True)
        return None


def tokenizer_key(tokenizer: Any) -> str:
    """SHA-256 over what a tokenizer does: vocabulary, merges, added tokens, chat template."""
    if tokenizer is None:
        return ""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    body = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    makes = [
        type(tokenizer).__name__,
        body,
        str(tokenizer.chat_template),
        str(tokenizer.special_tokens_map),
        tokenizer.padding_side,
        tokenizer.truncation_side,
    ]
    return hashlib.sha256("\0".join(makes).encode("utf-8", "backslashreplace")).hexdigest()


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | tuple | dict)


def _plain(value: Any) -> Any:
    if _is_plain(value):
        return value
    return f"{type(value).__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
