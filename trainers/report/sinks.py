"""wandb, trackio and MLflow behind one face: open a run, log numbers at steps, close it. Each may raise what it likes.

Nothing is sent where the environment names no place: then wandb writes offline files, trackio its local database and
MLflow the workspace's SQLite store.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

HTTP_S = 10.0
"""Seconds that one request may take; a server that needs longer is tried again later."""
_KEY = re.compile(r"[^A-Za-z0-9_\-./ ]")


class Row(NamedTuple):
    """Numbers at a step, and when they were measured (epoch seconds): the same however often they are sent."""

    step: int
    values: Mapping[str, float]
    time: float


@dataclass(frozen=True)
class Run:
    """What is to be told about a run: `name` is the experiment's id, `folder` the attempt's."""

    project: str
    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    folder: Path
    workspace: Path


class Sink(Protocol):
    """A tracker's run. `where` says which store it is in, without credentials; `local` whether it is this machine's.

    `client` is the package that `open` will need: its import takes this machine's time, not the tracker's. `new_id`
    is the next run's where we choose it: kept before the run is opened, it is one run however often that fails.
    """

    where: str
    local: bool
    client: str
    new_id: str | None

    def open(self, run: Run, run_id: str | None) -> str:
        """Begin the run, or go on with `run_id`; gives the id."""
        ...

    def log(self, rows: Iterable[Row]) -> None: ...

    def close(self, outcome: str, files: Iterable[Path]) -> None:
        """End the run: finished, stopped, failed."""
        ...


def make(name: str, workspace: Path) -> Sink:
    """The sink of `name` for this environment; nothing is imported or reached yet."""
    return {"mlflow": MlflowSink, "wandb": WandbSink, "trackio": TrackioSink}[name](workspace)


class MlflowSink:
    """By the client alone: no global run, no autologging, every request bounded."""

    client = "mlflow.tracking"
    new_id = None

    def __init__(self, workspace: Path) -> None:
        home = workspace / ".cockpit"
        self.uri = _credentials_apart(
            os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}"
        )
        self.where = without_credentials(self.uri)
        self.local = not self.uri.startswith(("http:", "https:"))
        self._client: Any = None
        self._id = ""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(HTTP_S)))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

    def open(self, run: Run, run_id: str | None) -> str:
        from mlflow.tracking import MlflowClient

        if self.uri.startswith("sqlite:///"):
            Path(self.uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(tracking_uri=self.uri)
        self._id = run_id or self._begin(run)
        if run_id:
            self._client.update_run(run_id, status="RUNNING")
        return self._id

    def _begin(self, run: Run) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or run.project
        made = self._client.create_run(
            self._experiment(name),
            run_name=run.name,
            tags={"mlflow.source.name": "finetune-cockpit", **run.tags},
        )
        from mlflow.entities import Param

        params = [Param(_KEY.sub("_", key), value[:5000]) for key, value in run.params.items()]
        for at in range(0, len(params), 100):
            self._client.log_batch(made.info.run_id, params=params[at : at + 100])
        return made.info.run_id

    def _experiment(self, name: str) -> str:
        """The experiment's id; two runs that make it at once get the same one."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return self._client.create_experiment(name, artifact_location=self._artifacts())
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return found.experiment_id

    def _artifacts(self) -> str | None:
        """Beside a local store, not in whatever folder the trainer ran in; a server has a place of its own."""
        if not self.uri.startswith("sqlite:///"):
            return None
        return (Path(self.uri.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri()

    def log(self, rows: Iterable[Row]) -> None:
        from mlflow.entities import Metric

        # A batch that was taken and whose answer came too late is sent again: the server knows what it has by its time.
        metrics = [
            Metric(_KEY.sub("_", key), value, int(row.time * 1000), row.step)
            for row in rows
            for key, value in row.values.items()
        ]
        for at in range(0, len(metrics), 1000):
            self._client.log_batch(self._id, metrics=metrics[at : at + 1000])

    def close(self, outcome: str, files: Iterable[Path]) -> None:
        try:
            for path in files:
                self._client.log_artifact(self._id, str(path))
        finally:
            ends = {"finished": "FINISHED", "stopped": "KILLED"}
            self._client.set_terminated(self._id, ends.get(outcome, "FAILED"))


class WandbSink:
    """Online with WANDB_API_KEY, else offline files below the attempt."""

    client = "wandb"

    def __init__(self, workspace: Path) -> None:
        if not os.environ.get("WANDB_API_KEY"):
            os.environ["WANDB_MODE"] = "offline"
        self.local = os.environ.get("WANDB_MODE") == "offline"
        self.where = "offline" if self.local else os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
        self.new_id = uuid.uuid4().hex[:8]
        self._run: Any = None

    def open(self, run: Run, run_id: str | None) -> str:
        import wandb

        run_id = run_id or self.new_id
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or run.project,
            name=run.name,
            id=run_id,
            resume="allow",
            config={**run.params, "tags": dict(run.tags)},
            tags=[f"{key}:{value}"[:64] for key, value in run.tags.items()],
            dir=str(run.folder),
            settings=wandb.Settings(
                console="off", silent=True, init_timeout=3 * HTTP_S, x_disable_meta=True, disable_git=True
            ),
        )
        return run_id

    def log(self, rows: Iterable[Row]) -> None:
        for step, values, _ in rows:
            self._run.log({**values, "trainer/global_step": step}, step=step)

    def close(self, outcome: str, files: Iterable[Path]) -> None:
        self._run.finish(exit_code=0 if outcome in ("finished", "stopped") else 1)


class TrackioSink:
    """To a Space with TRACKIO_SPACE_ID, else into TRACKIO_DIR (default: the workspace's own)."""

    client = "trackio"
    new_id = None

    def __init__(self, workspace: Path) -> None:
        self._space = os.environ.get("TRACKIO_SPACE_ID")
        if not self._space:
            os.environ.setdefault("TRACKIO_DIR", str(workspace / ".cockpit" / "trackio"))
        self.where = self._space or os.environ["TRACKIO_DIR"]
        self.local = not self._space
        self._trackio: Any = None

    def open(self, run: Run, run_id: str | None) -> str:
        import trackio

        self._trackio = trackio
        trackio.init(
            project=os.environ.get("TRACKIO_PROJECT") or run.project,
            name=run.name,
            space_id=self._space,
            config={**run.params, **{f"tag_{key}": value for key, value in run.tags.items()}},
            resume="allow" if run_id else "never",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        return run.name

    def log(self, rows: Iterable[Row]) -> None:
        for step, values, _ in rows:
            self._trackio.log(dict(values), step=step)

    def close(self, outcome: str, files: Iterable[Path]) -> None:
        self._trackio.log({"outcome": outcome})
        self._trackio.finish()


def without_credentials(uri: str) -> str:
    """A URI without user name, password and query: it is written down and shown."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _credentials_apart(uri: str) -> str:
    """A server's URI without user and password, which MLflow then takes from the environment, and prints nowhere."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.username:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def masked(error: BaseException, secrets: Iterable[str]) -> str:
    """An error's first line, without what must not be written down."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", text)


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """Values of variables that are named like secrets."""
    named = re.compile(r"(?i)token|secret|passw|api_?key|credential")
    return [value for name, value in environment.items() if named.search(name)]


def eprint(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
