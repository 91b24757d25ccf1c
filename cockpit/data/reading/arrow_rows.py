"""Rows of Parquet and Arrow files, a thousand at a time; pyarrow is imported where one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from cockpit.contract.errors import CockpitError

_BATCH = 1000
_NONE = "pyarrow, which reads such files, is not installed"


def parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield place (from 1) and row of a Parquet file. Raises CockpitError."""
    try:
        import pyarrow.parquet as library  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError:
        raise CockpitError(f"reading Parquet needs {_NONE}", "Convert it to JSONL.", file=path) from None
    module: Any = library
    try:
        number = 0
        with module.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield number, cast("dict[str, Any]", row)
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise CockpitError(
            f"this is not a Parquet file: {error}",
            "Name it after what it is (.csv, .jsonl), or fetch it anew.",
            file=path,
        ) from None


def arrow(files: list[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of files in Arrow's stream format, as `datasets` saves it (or the file format, as others do)."""
    try:
        import pyarrow as library  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError:
        raise CockpitError(
            f"reading a `datasets` folder needs {_NONE}", "Install pyarrow, or give JSONL.",
            file=files[0] if files else None,
        ) from None  # fmt: skip
    pa: Any = library
    number = 0
    for file in files:
        try:
            with pa.memory_map(str(file)) as mapped:
                for batch in _batches(pa, mapped):
                    for start in range(0, batch.num_rows, _BATCH):
                        for row in batch.slice(start, _BATCH).to_pylist():
                            number += 1
                            yield number, cast("dict[str, Any]", row)
        except FileNotFoundError:
            raise CockpitError(
                "a file of this data set is missing", "Save the data set anew.", file=file
            ) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise CockpitError(
                f"this is not an Arrow file: {error}", "Save the data set anew.", file=file
            ) from None


def _batches(pa: Any, mapped: Any) -> Iterator[Any]:
    try:
        yield from pa.ipc.open_stream(mapped)
    except pa.ArrowInvalid:
        mapped.seek(0)
        reader = pa.ipc.open_file(mapped)
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)
