"""trackio's local store: a SQLite file a project, read-only; each of its runs is one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import untrusted
from cockpit.contract.values import mapping, number
from cockpit.services.foreign.record import Row, Update, metric
from cockpit.services.foreign.sources.tail import read_only

_MOST = 200_000  # rows a poll
_RUNS = 200


class TrackioRun:
    """One run of a project."""

    kind = "trackio"

    def __init__(self, database: Path, name: str) -> None:
        self.database, self.name = database, name
        self.place = f"{database} run {name}"
        self.settings: dict[str, Any] = {}
        self._run, self._id = name, 0

    def poll(self) -> Update:
        update = Update()
        try:
            with closing(read_only(self.database)) as store:
                if not self.settings:
                    found = store.execute(
                        "select config from configs where run_name = ?", (self._run,)
                    ).fetchone()
                    self.settings = _decoded(found[0]) if found else {}
                rows = store.execute(
                    "select id, timestamp, step, metrics from metrics "
                    "where run_name = ? and id > ? order by id limit ?",
                    (self._run, self._id, _MOST),
                )  # fmt: skip
                for id_, when, step, logged in rows:
                    self._id = id_
                    values = _decoded(logged)
                    # A Trainer logs several times a step; its own step counts, not trackio's running number.
                    own = number(values.pop("train/global_step", None))
                    named = {
                        metric(key): shown
                        for key, value in values.items()
                        if (shown := _number(value)) is not None
                    }
                    if named:
                        update.rows.append(Row(int(step if own is None else own), _time(when), named))
        except (sqlite3.Error, TypeError, OverflowError):
            return update  # locked or half-written: the next poll sees it
        return update


def runs_in(database: Path) -> list[TrackioRun]:
    """Give the runs of a project's file, the newest first; none where the file is no such store."""
    try:
        if not is_store(database):
            return []
        with closing(read_only(database)) as store:
            names = store.execute(
                "select run_name from metrics group by run_name order by max(id) desc limit ?", (_RUNS,)
            ).fetchall()
    except sqlite3.Error:
        return []
    return [TrackioRun(database, str(name)) for (name,) in names]


def is_store(database: Path) -> bool:
    """Whether the file holds trackio's tables."""
    try:
        with closing(read_only(database)) as store:
            if not store.execute(
                "select 1 from sqlite_master where name = 'metrics' and type = 'table'"
            ).fetchone():
                return False
            columns = {row[1] for row in store.execute("pragma table_info(metrics)")}
    except sqlite3.Error:
        return False
    return {"run_name", "metrics", "step"} <= columns


def _decoded(text: object) -> dict[str, Any]:
    """A JSON object, as text or, since 0.40, as bytes."""
    try:
        return mapping(untrusted.parse(text if isinstance(text, bytes) else str(text)))
    except ValueError:
        return {}


def _number(value: object) -> float | None:
    """A number; trackio writes those that JSON has no word for as text."""
    special = (
        {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(value) if isinstance(value, str) else None
    )
    return float(special) if special else number(value)


def _time(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None
