"""MLflow's own page over the workspace's SQLite store, on this machine's loopback alone."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.services.workspace.workspace import Workspace

HOST = "127.0.0.1"
START_S = 300.0  # a new database is migrated first: two minutes on a busy machine
LIGHT = {"GIT_PYTHON_REFRESH": "quiet", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Environment of a server that shows runs: without it, it starts half a dozen processes for judging traces."""
MODULE = "mlflow"


@dataclass(frozen=True, slots=True)
class Page:
    """Where it is, and how to see it from another machine."""

    url: str
    store: str
    tunnel: str
    pid: int


def store(ws: Workspace) -> Path:
    """The database that runs report to when they ask for MLflow and the environment names no server."""
    return ws.layout.private / "mlflow.db"


def tunnel(port: int) -> str:
    """What to type at the machine one sits at."""
    target = f"{getpass.getuser()}@{socket.gethostname()}"
    return f"ssh -N -L {port}:{HOST}:{port} {target}"


def start(ws: Workspace, *, port: int | None = None) -> tuple[Page, subprocess.Popen[bytes]]:
    """Start it and wait until it answers. Raises CockpitError: no store yet, the port is taken, or it didn't start."""
    database = store(ws)
    if not database.is_file():
        raise CockpitError(
            "no run of this workspace has reported to MLflow yet",
            "Ask for it with `cockpit new … report_to=mlflow` (with MLFLOW_TRACKING_URI set, runs report there).",
            file=database,
        )
    port = _free(port)
    log = ws.layout.log.parent / "mlflow.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", MODULE, "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{database}"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, **LIGHT}, start_new_session=True,
        )  # fmt: skip
    page = Page(f"http://{HOST}:{port}", str(database), tunnel(port), process.pid)
    deadline = time.monotonic() + START_S
    while not _answers(page.url):
        if process.poll() is not None or time.monotonic() > deadline:
            end(process)
            raise CockpitError("MLflow's page did not start", "Its log says why.", file=log)
        time.sleep(0.2)
    return page, process


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop it with its workers."""
    import signal

    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free(port: int | None) -> int:
    """`port` if it can be had, or any. Raises CockpitError where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port or 0))
        except OSError as error:
            raise CockpitError(f"port {port} is taken", "Give another one with --port.") from error
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
