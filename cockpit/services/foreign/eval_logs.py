"""Evaluation logs from elsewhere, item by item: Inspect (.eval, .json), lm-eval with `--log_samples`, a JSONL of items.

Values in them are text and numbers alone: nothing is unpacked to the disk, and what is read is bounded.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from cockpit.contract.errors import CockpitError
from cockpit.contract.values import finite, mapping
from cockpit.data.reading.files import iter_rows

Kind = Literal["Inspect", "lm-eval", "JSONL"]
MOST_BYTES = 512 << 20  # of JSON read in all
MOST_RECORDS = 2_000_000
SCORE = "score"  # the one metric of a JSONL, whatever its column is called
_IDS = ("id", "item", "item_id", "doc_id", "sample_id", "question_id", "uid")
_ASKS = ("prompt", "question", "input", "problem", "query")
_SCORES = (
    "score",
    "correct",
    "passed",
    "is_correct",
    "acc",
    "accuracy",
    "exact_match",
    "pass",
    "success",
    "reward",
)
_WORDS = {"c": 1.0, "p": 0.5, "i": 0.0, "n": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
"""How Inspect writes verdicts; its `value_to_float` reads them so."""
_OF_LM_EVAL = re.compile(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT.*)?\.jsonl")


@dataclass(frozen=True, slots=True)
class Record:
    """One answer to one item: what was asked and said, its scores by metric (0..1), and the row for its columns."""

    item: str
    asks: str
    said: str
    gold: str
    scores: Mapping[str, float]
    row: Mapping[str, Any]


@dataclass(slots=True)
class EvalLog:
    """One file's records; `unscored`: how many had no score that can be read; `blank`: empty lines."""

    path: Path
    kind: Kind
    model: str = ""
    task: str = ""
    records: list[Record] = field(default_factory=list[Record])
    unscored: int = 0
    blank: int = 0

    def metrics(self) -> list[str]:
        """Return the metrics that every record has, in the file's order."""
        first: Mapping[str, float] = self.records[0].scores if self.records else {}
        return [name for name in first if all(name in record.scores for record in self.records)] or list(
            dict.fromkeys(name for record in self.records for name in record.scores)
        )


def is_log(word: str) -> bool:
    """Whether a word of the command line means a file, there or not, rather than an experiment."""
    return Path(word).suffix in (".eval", ".json", ".jsonl", ".gz") or "/" in word or Path(word).is_file()


def read(word: str, metric: str | None = None) -> EvalLog:
    """Read one file, or the only lm-eval samples file of a folder. Raises CockpitError: what is wrong, and where."""
    path = _file(Path(word).expanduser())
    try:
        with path.open("rb") as stream:
            packed = stream.read(4) == b"PK\x03\x04"
        log = _inspect_zip(path) if packed else _text(path, metric)
    except OSError as error:
        raise CockpitError(
            f"it can't be read: {error.strerror or error}", "Check the path.", file=path
        ) from error
    if not log.records:
        raise CockpitError(
            "no item of it has a score", "Name a log whose evaluation came to its end.", file=path
        )
    return log


def _file(path: Path) -> Path:
    if path.is_dir():
        inside = sorted(path.rglob("samples_*.jsonl"))[:20]
        if len(inside) == 1:
            return inside[0]
        names = ", ".join(one.name for one in inside[:5]) or "none"
        raise CockpitError(f"this folder has no single samples_*.jsonl: {names}", "Name the file.", file=path)
    if not path.is_file():
        raise CockpitError("there is no such file", "Check the path.", file=path)
    return path


def _text(path: Path, metric: str | None) -> EvalLog:
    if path.suffix == ".json":
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(path)
        whole = mapping(_parsed(path.read_bytes(), path))
        if "eval" in whole and "samples" in whole:
            return _inspect(path, whole, _dicts(whole.get("samples")))
        if "eval" in whole:
            raise CockpitError(
                "this Inspect log has no samples", "Log again without --no-log-samples.", file=path
            )
        if "results" in whole:
            raise CockpitError(
                "this is lm-eval's summary, which has no items",
                "Evaluate with --log_samples and name its samples_*.jsonl.",
                file=path,
            )
    log = EvalLog(path, "JSONL")
    column, columns, last = metric, dict[str, None](), 0
    for number, row in iter_rows(path):
        log.blank += number - last - 1 if ".jsonl" in path.suffixes else 0
        last = number
        if number == 1 and "doc_id" in row and ("resps" in row or "filtered_resps" in row):
            log.kind = "lm-eval"
            named = _OF_LM_EVAL.fullmatch(path.name)
            log.task = named[1] if named else ""
        if log.kind != "lm-eval" and column is None:  # of all rows the same, whatever else some of them have
            column = _score_column(row, number, path)
        _add(log, _lm_eval(row) if log.kind == "lm-eval" else _plain(row, number, path, column or SCORE))
        if len(columns) < 100:
            columns |= dict.fromkeys(map(str, row))
    if metric and log.kind == "JSONL" and log.unscored and not log.records:
        raise CockpitError(
            f"no row has a score called {metric!r}: their columns are {', '.join(list(columns)[:12])}",
            "Name one of them with --metric.",
            file=path,
        )
    return log


def _score_column(row: Mapping[str, Any], number: int, path: Path) -> str:
    name = next((one for one in _SCORES if one in row), None)
    if name is None:
        raise CockpitError(
            f"this row has no score: its columns are {', '.join(list(row)[:12])}",
            'One item a row: {"id", "score"}; correct and passed are read as well.',
            file=path,
            line=number,
        )
    return name


def _add(log: EvalLog, record: Record) -> None:
    if len(log.records) >= MOST_RECORDS:
        raise _too_large(log.path)
    if record.scores:
        log.records.append(record)
    else:
        log.unscored += 1


# -- a JSONL of items -----------------------------------------------------------------------------------------------


def _plain(row: Mapping[str, Any], number: int, path: Path, name: str) -> Record:
    item = next((row[name] for name in _IDS if _label(row.get(name))), None)
    asks = next((row[name] for name in _ASKS if row.get(name)), "")
    if item is None and not asks:
        raise CockpitError(
            f"this row names no item: its columns are {', '.join(list(row)[:12])}",
            "Give each row an id (or its prompt) and a score.",
            file=path,
            line=number,
        )
    value = score_of(row.get(name))
    if value is None and row.get(name) is not None:
        raise CockpitError(
            f"{name} is {_short(row[name])}, which is no score of 0..1",
            "Write 0 to 1, true or false (per cents divided by 100).",
            file=path,
            line=number,
        )
    said = next((row[one] for one in ("completion", "response", "output", "answer") if row.get(one)), "")
    key = item if item is not None else _words(asks)
    gold = next((row[one] for one in ("target", "gold", "expected") if row.get(one) is not None), "")
    return Record(
        str(key), _words(asks), _words(said), _words(gold), {} if value is None else {SCORE: value}, row
    )


def _label(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def score_of(value: object) -> float | None:
    """Return a verdict as 0..1: numbers, true and false, and Inspect's letters C, P, I and N; None for all else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        known = _WORDS.get(value.strip().casefold())
        if known is not None:
            return known
        try:
            value = float(value[:40])
        except ValueError:
            return None
    number = finite(value)
    return number if number is not None and 0.0 <= number <= 1.0 else None


# -- lm-evaluation-harness ------------------------------------------------------------------------------------------


def _lm_eval(row: Mapping[str, Any]) -> Record:
    """A line of samples_*.jsonl. Each filter has a line of its own: its metrics are `exact_match,strict-match`."""
    doc = mapping(row.get("doc"))
    named = row.get("metrics")
    known = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
    names = cast("list[Any]", named) if isinstance(named, list) else [k for k in row if k not in known]
    by = f",{row['filter']}" if isinstance(row.get("filter"), str) and row["filter"] != "none" else ""
    scores = {f"{name}{by}": value for name in names if (value := score_of(row.get(str(name)))) is not None}
    asks = next((doc[name] for name in _ASKS if doc.get(name)), row.get("doc_hash") or "")
    said = row.get("filtered_resps")
    first = next(iter(cast("list[object]", said)), "") if isinstance(said, list) else ""
    return Record(str(row.get("doc_id")), _words(asks), _words(first), _words(row.get("target")), scores, doc)


# -- Inspect --------------------------------------------------------------------------------------------------------


def _inspect(path: Path, header: Mapping[str, Any], samples: Iterator[Mapping[str, Any]]) -> EvalLog:
    about = mapping(header.get("eval"))
    log = EvalLog(path, "Inspect", str(about.get("model") or ""), str(about.get("task") or ""))
    for sample in samples:
        scores: dict[str, float] = {}
        said = ""
        for name, score in mapping(sample.get("scores")).items():
            value = mapping(score).get("value")
            parts = cast("dict[str, Any]", value) if isinstance(value, dict) else {"": value}
            for part, one in parts.items():
                if (known := score_of(one)) is not None:
                    scores[f"{name}/{part}" if part else name] = known
            said = said or _words(mapping(score).get("answer"))
        _add(log, Record(str(sample.get("id")), _words(sample.get("input")), said, _words(sample.get("target")), scores,
                         mapping(sample.get("metadata"))))  # fmt: skip
    return log


def _inspect_zip(path: Path) -> EvalLog:
    """A `.eval` file: a header, and the samples' summaries, or a file a sample where there are none."""
    left = MOST_BYTES

    def member(archive: zipfile.ZipFile, name: str) -> object:
        nonlocal left
        with archive.open(name) as stream:
            raw = stream.read(left + 1)
        left -= len(raw)
        if left < 0:
            raise _too_large(path)
        return _parsed(raw, path, name)

    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "header.json" not in names:
                raise CockpitError(
                    "this archive is no whole Inspect log: it has no header.json",
                    "Wait for the evaluation's end, or name another file.",
                    file=path,
                )
            header = mapping(member(archive, "header.json"))
            if "summaries.json" in names:
                return _inspect(path, header, _dicts(member(archive, "summaries.json")))
            inside = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            return _inspect(path, header, (mapping(member(archive, name)) for name in inside))
    except NotImplementedError as error:
        raise CockpitError(
            "this log is packed in a way that can't be read here",
            "Convert it: `inspect log convert FILE --to json --output-dir .`",
            file=path,
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise CockpitError("this archive is broken", "Copy it again.", file=path) from error


def _parsed(raw: bytes, path: Path, name: str = "") -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        inside = f"{name} in it" if name else "it"
        why = getattr(error, "msg", "it is nested too deeply, or is no text")
        raise CockpitError(f"{inside} is not JSON: {why}", "Copy the log again.", file=path) from error


def _dicts(value: object) -> Generator[Mapping[str, Any]]:
    for one in cast("list[object]", value) if isinstance(value, list) else []:
        yield mapping(one)


def _too_large(path: Path) -> CockpitError:
    return CockpitError(
        f"it holds more than {MOST_BYTES >> 20} MiB of JSON, or {MOST_RECORDS:,} items",
        'Write its items as JSONL, {"id", "score"} a row.',
        file=path,
    )


def _words(value: object) -> str:
    """A prompt, an answer or a target as text: of messages the last one's."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    last = several[-1] if several else None
    if isinstance(last, Mapping):
        last = cast("Mapping[str, object]", last).get("content")
    return "" if last is None else str(last)[:4000]


def _short(value: object) -> str:
    return repr(str(value)[:40])
