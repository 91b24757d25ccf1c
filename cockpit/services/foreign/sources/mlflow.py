"""MLflow from outside: its SQLite store read-only, an old file store, or a server over its REST interface."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping, number
from cockpit.services.foreign.record import Row, State, Update, metric
from cockpit.services.foreign.sources.tail import read_only

STATES: dict[str, State] = {
    "RUNNING": "running",
    "SCHEDULED": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "stopped",
}
_MOST = 200_000  # rows a poll
_TIMEOUT_S = 5.0
_RUNS = 200


class SqliteRun:
    """One run of an `mlflow.db`."""

    kind = "mlflow"

    def __init__(self, database: Path, run_id: str, name: str) -> None:
        self.database, self.run_id, self.name = database, run_id, name
        self.place = f"{database} run {run_id}"
        self.settings: dict[str, Any] = {}
        self._row = 0

    def poll(self) -> Update:
        update = Update()
        try:
            with closing(read_only(self.database)) as store:
                status = store.execute(
                    "select status from runs where run_uuid = ?", (self.run_id,)
                ).fetchone()
                update.state = STATES.get(str(status[0]) if status else "", "unknown")
                if not self.settings:
                    self.settings = dict(
                        store.execute(
                            "select key, value from params where run_uuid = ?", (self.run_id,)
                        ).fetchall()
                    )
                found = store.execute(
                    "select rowid, key, value, timestamp, step, is_nan from metrics "
                    "where run_uuid = ? and rowid > ? order by rowid limit ?",
                    (self.run_id, self._row, _MOST),
                )
                for row, key, value, when, step, is_nan in found:
                    self._row = row
                    shown = float("nan") if is_nan else float(value)
                    update.rows.append(
                        Row(int(step or 0), when / 1000 if when else None, {metric(key): shown})
                    )
        except sqlite3.Error:
            return update  # locked or half-written: the next poll sees it
        return update


class FileRun:
    """One run folder of an old `mlruns/` store: `metrics/NAME` holds lines of `timestamp value step`."""

    kind = "mlflow"

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.place = folder, name, str(folder)
        self.settings: dict[str, Any] = {}
        self._offsets: dict[Path, int] = {}

    def poll(self) -> Update:
        update = Update(state=_meta_state(self.folder))
        for path in sorted((self.folder / "params").glob("*")):
            self.settings.setdefault(path.name, _read(path))
        base = self.folder / "metrics"
        for path in sorted(p for p in base.rglob("*") if p.is_file()):
            name = metric(str(path.relative_to(base)))
            data = _read_bytes(path, self._offsets.get(path, 0))
            whole = data[: data.rfind(b"\n") + 1]
            self._offsets[path] = self._offsets.get(path, 0) + len(whole)
            for line in whole.splitlines():
                parts = line.split()
                try:
                    when, value, step = (
                        float(parts[0]),
                        float(parts[1]),
                        int(parts[2]) if len(parts) > 2 else 0,
                    )
                except (ValueError, IndexError):
                    continue
                update.rows.append(Row(step, when / 1000, {name: value}))
        update.rows.sort(key=lambda row: row.step)
        return update


class ServerRun:
    """One run of a tracking server. Credentials come from MLflow's own environment variables."""

    kind = "mlflow"

    def __init__(self, server: Server, info: Mapping[str, Any]) -> None:
        self.server = server
        self.run_id = str(info["info"]["run_id"])
        self.name = str(info["info"].get("run_name") or self.run_id)
        self.place = f"{server.shown} run {self.run_id}"
        data = mapping(info.get("data"))
        self.settings = {
            str(p["key"]): p.get("value") for p in cast("list[dict[str, Any]]", data.get("params") or [])
        }
        self._seen: dict[str, int] = {}

    def poll(self) -> Update:
        update = Update()
        try:
            run = self.server.get("runs/get", run_id=self.run_id)["run"]
            update.state = STATES.get(str(run["info"].get("status")), "unknown")
            for latest in cast("list[dict[str, Any]]", run.get("data", {}).get("metrics") or []):
                self._metric(str(latest["key"]), update)
        except CockpitError:
            return update
        update.rows.sort(key=lambda row: row.step)
        return update

    def _metric(self, key: str, update: Update) -> None:
        token, index = "", 0
        seen = self._seen.get(key, 0)
        while True:
            more = {"page_token": token} if token else {}
            page = self.server.get(
                "metrics/get-history", run_id=self.run_id, metric_key=key, max_results="25000", **more
            )
            for point in cast("list[dict[str, Any]]", page.get("metrics") or []):
                index += 1
                value = _value(point.get("value"))
                if index > seen and value is not None:
                    when = float(point.get("timestamp") or 0) / 1000
                    update.rows.append(Row(int(point.get("step") or 0), when or None, {metric(key): value}))
            token = str(page.get("next_page_token") or "")
            if not token:
                break
        self._seen[key] = max(seen, index)


class Server:
    """A tracking server's REST interface, read-only and with a time limit on every question."""

    def __init__(self, address: str, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        parts = urllib.parse.urlsplit(address)
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        host = parts.hostname or ""
        self.shown = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"

    def runs(self) -> list[ServerRun]:
        """Its newest runs. Raises CockpitError where it doesn't answer."""
        found = self.post("experiments/search", {"max_results": 1000})
        ids = [str(e["experiment_id"]) for e in cast("list[dict[str, Any]]", found.get("experiments") or [])]
        answer = self.post(
            "runs/search",
            {"experiment_ids": ids, "max_results": _RUNS, "order_by": ["attributes.start_time DESC"]},
        )
        return [ServerRun(self, run) for run in cast("list[dict[str, Any]]", answer.get("runs") or [])]

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Ask. Raises CockpitError."""
        return self._ask(f"{path}?{urllib.parse.urlencode(query)}", None)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Search. Raises CockpitError."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._base}/api/2.0/mlflow/{path}", data=body, headers=self._headers()
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                value: Any = untrusted.parse(answer.read())
        except urllib.error.HTTPError as error:
            hint = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            raise CockpitError(
                f"the MLflow server at {self.shown} answered {error.code}",
                hint if error.code in (401, 403) else "",
            ) from error
        except (OSError, ValueError) as error:
            raise CockpitError(
                f"no MLflow server answers at {self.shown}", "Check the address, and that it runs."
            ) from error
        return mapping(value)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        token, user = (
            self._environment.get("MLFLOW_TRACKING_TOKEN"),
            self._environment.get("MLFLOW_TRACKING_USERNAME"),
        )
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif user:
            secret = f"{user}:{self._environment.get('MLFLOW_TRACKING_PASSWORD', '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        return headers


def sqlite_runs(database: Path) -> list[SqliteRun]:
    """The newest runs of a store. Raises CockpitError where it is no MLflow store."""
    try:
        with closing(read_only(database)) as store:
            found = store.execute(
                "select run_uuid, name from runs where lifecycle_stage = 'active' order by start_time desc limit ?",
                (_RUNS,),
            ).fetchall()
    except sqlite3.Error as error:
        raise CockpitError(
            f"this is no MLflow store: {error}", "Name its mlflow.db.", file=database
        ) from error
    return [SqliteRun(database, str(run), str(name or run)) for run, name in found]


def file_runs(store: Path) -> list[FileRun]:
    """The runs of an `mlruns` folder."""
    found = sorted(store.glob("*/*/meta.yaml"))
    return [FileRun(path.parent, _meta(path.parent).get("run_name") or path.parent.name) for path in found]


def _meta(folder: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in _read(folder / "meta.yaml").splitlines())
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


def _meta_state(folder: Path) -> State:
    numbers: dict[str, State] = {
        "1": "running",
        "2": "running",
        "3": "finished",
        "4": "failed",
        "5": "stopped",
    }
    return numbers.get(_meta(folder).get("status", ""), "unknown")


def _read(path: Path) -> str:
    return _read_bytes(path, 0).decode("utf-8", "replace")


def _read_bytes(path: Path, offset: int) -> bytes:
    try:
        with untrusted.opened(path) as handle:
            handle.seek(offset)
            return handle.read(4_194_304)
    except OSError:
        return b""


def _value(value: object) -> float | None:
    """JSON has no NaN: the server writes it as text."""
    found = number(value)
    if found is not None:
        return found
    try:
        return float(str(value))
    except ValueError:
        return None
