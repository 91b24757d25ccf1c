"""Tokens that the data uses and the base model never learnt: ids beyond its embedding, and rows of it as they began.

An adapter leaves the embedding as it is, so that such a token stays noise (or ends the run: it has no row), unless
`peft.trainable_token_indices` or `peft.modules_to_save` train it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import CockpitError, Recipe

if TYPE_CHECKING:
    import numpy

ROWS, CHARS, USUAL = 500, 20_000, 512
"""Rows of the data that are looked at, characters of each of their texts, and rows of the embedding to compare with."""
NEAR = 0.1
"""A row this much nearer to the mean than others are was put there when the embedding grew, and never trained."""
_NAMES = (
    "embed_tokens.weight",
    "wte.weight",
    "embed_in.weight",
    "word_embeddings.weight",
    "tok_embeddings.weight",
)
_PROBE = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


def trains_them(recipe: Recipe) -> bool:
    """Whether this recipe trains the embedding of new tokens, if there are any."""
    return recipe.peft is None or bool(recipe.peft.trainable_token_indices or recipe.peft.modules_to_save)


def prepare(model: Any, tokenizer: Any, data: Iterable[Mapping[str, Any]], attempt: Any) -> None:
    """Look for new tokens before anything is trained: grow the embedding where they will be trained, warn otherwise.

    Raises CockpitError where one has no row in the embedding and would get none.
    """
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # of a processor
    if hasattr(model, "peft_config"):
        return  # an adapter that goes on: the run that made it looked
    recipe, weights = attempt.recipe, model.get_input_embeddings().weight
    beyond = {i for i in tokenizer.get_vocab().values() if i >= len(weights)}
    added = sorted(i for i in tokenizer.added_tokens_decoder if i < len(weights))
    stray = {
        *beyond,
        *untrained(added, lambda ids: weights[ids].detach().float().cpu().numpy(), len(weights)),
    }
    if not stray:
        return
    found = sorted(stray & used(tokenizer, data))
    if not found:
        return
    if any(i in beyond for i in found):
        if not trains_them(recipe):
            raise CockpitError(f"the data uses {named(tokenizer, found)}, for which this model has no embedding "
                               f"({len(weights):,} rows)", mend(found))  # fmt: skip
        model.resize_token_embeddings(len(tokenizer))
        attempt.notice(f"The embedding grew to {len(tokenizer):,} rows, for {named(tokenizer, found)}.")
    elif not trains_them(recipe):
        said = f"The data uses {named(tokenizer, found)}, which the base model never learnt"
        attempt.notice(f"{said}, and an adapter leaves the embedding as it is. {mend(found)}", "warning")


def grow(base: Any, adapter: str, tokenizer_of: Any) -> None:
    """Give `base` the rows that it had when `adapter`, which trains new tokens, was trained."""
    config = json.loads((Path(adapter) / "adapter_config.json").read_text("utf-8"))
    if config.get("trainable_token_indices") or config.get("modules_to_save"):
        size = len(tokenizer_of(adapter))
        if size > len(base.get_input_embeddings().weight):
            base.resize_token_embeddings(size)


def named(tokenizer: Any, ids: Iterable[int]) -> str:
    """`2 new tokens (<call> 320, </call> 321)`."""
    many = list(ids)
    shown = ", ".join(f"{tokenizer.convert_ids_to_tokens(i)} {i}" for i in many[:4])
    return f"{len(many)} new token{'s' * (len(many) > 1)} ({shown}{', …' if len(many) > 4 else ''})"


def mend(ids: Iterable[int]) -> str:
    """What to set so that they are learnt."""
    listed = ", ".join(str(i) for i in islice(ids, 20))
    return (
        f"Set peft.trainable_token_indices=[{listed}] (their rows alone), or "
        'peft.modules_to_save=["embed_tokens", "lm_head"] (the whole of both), or train full weights (peft=null).'
    )


def used(tokenizer: Any, data: Iterable[Mapping[str, Any]]) -> set[int]:
    """Ids that the first rows, and the chat template, make use of."""
    ids: set[int] = set()
    if tokenizer.chat_template is not None:
        try:
            ids |= set(tokenizer(tokenizer.apply_chat_template(_PROBE, tokenize=False))["input_ids"])
        except Exception as error:  # noqa: BLE001 - a template may raise whatever it likes; the rows will show it
            print(f"the chat template refuses a plain conversation: {error}")
    for row in islice(data, ROWS):
        for text in _texts(row):
            ids.update(tokenizer(text[:CHARS], add_special_tokens=False)["input_ids"])
    return ids


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple) and value and not isinstance(value[0], int):
        for part in value:
            yield from _texts(part)


def untrained(ids: list[int], rows_of: Any, size: int) -> list[int]:
    """Those of `ids` whose row is zero, or another's too, or where a grown embedding puts new rows (at the mean)."""
    import numpy

    if not ids:
        return []
    rows = rows_of(ids)
    usual = rows_of(list(range(0, size, max(1, size // USUAL))))
    mean = usual.mean(axis=0)
    spread = float(numpy.median(numpy.linalg.norm(usual - mean, axis=1)))
    off = numpy.linalg.norm(rows - mean, axis=1)
    twins: dict[bytes, int] = {}
    for row in rows:
        twins[row.tobytes()] = twins.get(row.tobytes(), 0) + 1
    return [
        i
        for i, row, far in zip(ids, rows, off, strict=True)
        if far < NEAR * spread or not row.any() or twins[row.tobytes()] > 1
    ]


def embedding_in(folder: Path) -> tuple[int, Any] | None:
    """How many rows the input embedding of a model's folder has, and a reader of them; None where it can't be told.

    Reads what is asked for out of the safetensors file: no weights are loaded, and torch isn't.
    """
    import numpy

    files = sorted(folder.glob("model*.safetensors"))
    for file in files[:200]:
        try:
            with file.open("rb") as stream:
                length = int.from_bytes(stream.read(8), "little")
                header = json.loads(stream.read(min(length, 50_000_000)))
        except (OSError, ValueError):
            return None
        name = next((name for name in header if name.endswith(_NAMES)), None)
        if name is None:
            continue
        about = header[name]
        kind = {"BF16": "<u2", "F16": "<f2", "F32": "<f4"}.get(about["dtype"])
        if kind is None:
            return None
        begin, shape = 8 + length + about["data_offsets"][0], tuple(about["shape"])
        return shape[0], _reader(numpy.memmap(file, dtype=kind, mode="r", offset=begin, shape=shape))
    return None


def _reader(table: numpy.ndarray[Any, Any]) -> Any:
    def rows_of(ids: list[int]) -> numpy.ndarray[Any, Any]:
        rows = table[ids]
        if rows.dtype.kind == "u":  # bfloat16 is the upper half of a float32
            return (rows.astype("<u4") << 16).view("<f4")
        return rows.astype("<f4")

    return rows_of
