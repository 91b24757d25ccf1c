"""Runs of a trainer of a few lines, reported to real trackers: an MLflow server, wandb's files, trackio's database."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import AttemptWriter, atomic
from cockpit.services.foreign.sources.wandb import WandbRun
from cockpit.services.runs import launcher, trackers
from cockpit.services.serving import mlflow_page
from tests.support.attempts import PATIENCE_S, StandIn, clean_up, free_port, until
from trainers.report import sinks
from trainers.report.tracker import Reporter, State

pytestmark = [pytest.mark.ml, pytest.mark.timeout(1800)]

BODY = """
sys.stdout.flush()
def metric(step, **values):
    with open(root / "metrics.jsonl", "a") as out:
        out.write(json.dumps({"step": step, "time": time.time(), **values}) + "\\n")
event("stage", name="training", detail="")
for step in range(1, 31):
    metric(step, loss=1 / step, reward=None)
    if step % 10 == 0:
        metric(step, **{"eval/score": step / 40})
"""
TO_THE_END = """
event("held_out", score=0.75, passed=15, parsed=20, n=20, checkpoint=None, path="x")
event("end", outcome="finished", reason="", step=30, best_step=30, best_score=0.75)
"""
HANGS = "\nforever(asked)\n"
STOPS = HANGS + 'event("end", outcome="stopped", reason="asked", step=30)\n'


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    for name in ("WANDB_API_KEY", "TRACKIO_SPACE_ID", "MLFLOW_TRACKING_URI", "TRACKIO_DIR"):
        monkeypatch.delenv(name, raising=False)
    made = StandIn(tmp_path / "ws/.cockpit/experiments/exp_0001/attempts/001")
    (tmp_path / "ws/methodlog.md").write_text("- 2026-11-26 · note · hello\n")
    yield made
    clean_up(made.layout)


class Server:
    """`mlflow server` on SQLite, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        self.uri, self.name = f"http://127.0.0.1:{self.port}", ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start it, unless it runs."""
        if self._process is not None:
            return self
        self.folder.mkdir(exist_ok=True)
        store = f"sqlite:///{self.folder / 'mlflow.db'}"
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
        command += ["--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port)], stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **mlflow_page.LIGHT},
            )  # fmt: skip
        until(self._answers, 600)
        return self

    def _answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=10).status == 200
        except OSError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def run(self) -> dict[str, Any]:
        """The one run of the test's own experiment, with its metrics' last values."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.name)
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        return {
            "id": run.info.run_id,
            "name": run.info.run_name,
            "status": run.info.status,
            "params": run.data.params,
            "tags": run.data.tags,
            "metrics": run.data.metrics,
            "scores": [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "eval/score")],
            "losses": len(client.get_metric_history(run.info.run_id, "loss")),
            "files": {file.path for file in client.list_artifacts(run.info.run_id)},
        }


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of all tests here; the first to need it starts it."""
    made = Server(tmp_path_factory.mktemp("mlflow") / "server")
    yield made
    made.stop()


def invite(server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for this server, as an experiment of one's own, with credentials in the address."""
    server.name = name
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri.replace("//", "//someone:s3cret@"))


@pytest.fixture
def server(mlflow: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    invite(mlflow.start(), request.node.name, monkeypatch)
    return mlflow


def state(standin: StandIn) -> dict[str, Any]:
    return atomic.read_json(standin.layout.tracker) or {}


def settled(standin: StandIn) -> None:
    until(standin.over)


def test_a_tracker_that_is_down_costs_nothing_and_gets_it_all_later(
    standin: StandIn, mlflow: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first test here, so that the server has not been started yet."""
    mlflow.stop()
    invite(mlflow, "later", monkeypatch)
    standin.trainer(BODY + TO_THE_END, report_to="mlflow")
    launcher.launch(standin.layout)
    facts = launcher.wait(standin.layout, PATIENCE_S)
    assert facts is not None
    assert facts.exit_code == 0
    assert not standin.over(), "its end is on record while the reporter still tries"
    settled(standin)
    assert state(standin)["state"] != "closed"
    assert "s3cret" not in standin.layout.tracker_log.read_text()
    mlflow.start()
    trackers.close_left(standin.layout)
    assert state(standin)["state"] == "closed", standin.layout.tracker_log.read_text()
    run = mlflow.run()
    assert (run["status"], run["losses"], run["metrics"]["eval/held_out_score"]) == ("FINISHED", 30, 0.75)


def test_mlflow_gets_the_whole_story_and_the_run_is_closed(standin: StandIn, server: Server) -> None:
    standin.trainer(BODY + TO_THE_END, report_to="mlflow", parent="exp_0000", trainer={"learning_rate": 1e-4})
    launcher.launch(standin.layout)
    settled(standin)
    assert state(standin)["state"] == "closed"
    run = server.run()
    assert (run["name"], run["status"]) == ("exp_0001", "FINISHED")
    assert run["params"]["trainer.learning_rate"] == "0.0001"
    assert (run["tags"]["technique"], run["tags"]["parent"]) == ("custom", "exp_0000")
    assert run["scores"] == [(10, 0.25), (20, 0.5), (30, 0.75)]
    assert run["losses"] == 30
    assert run["metrics"]["eval/held_out_score"] == 0.75
    assert {"recipe.json", "methodlog.md"} <= run["files"]
    written = b"".join(path.read_bytes() for path in standin.layout.root.rglob("*") if path.is_file())
    assert b"s3cret" not in written


@pytest.mark.fault
def test_no_run_is_left_running_after_a_kill(standin: StandIn, server: Server) -> None:
    standin.trainer(BODY + HANGS, report_to="mlflow")
    launcher.launch(standin.layout)
    until(lambda: state(standin).get("state") == "running")
    assert standin.facts.trainer is not None
    os.kill(standin.facts.trainer.pid, signal.SIGKILL)
    settled(standin)
    run = server.run()
    assert (run["status"], run["losses"]) == ("FAILED", 30)


@pytest.mark.fault
def test_a_reporter_that_is_killed_too_is_closed_by_the_supervisor(standin: StandIn, server: Server) -> None:
    standin.trainer(BODY + HANGS, report_to="mlflow")
    launcher.launch(standin.layout)
    until(lambda: state(standin).get("state") == "running")
    assert standin.facts.trainer is not None
    for row in launcher.belonging(standin.facts.launch, [standin.facts.trainer.pid]):
        os.kill(row.pid, signal.SIGKILL)
    settled(standin)
    assert server.run()["status"] == "FAILED"


@pytest.mark.fault
def test_what_nobody_is_left_to_close_is_closed_when_somebody_looks(standin: StandIn, server: Server) -> None:
    """The machine's whole group is killed, supervisor and reporter with it; the next cockpit finds it left open."""
    standin.trainer(BODY + HANGS, report_to="mlflow")
    launcher.launch(standin.layout)
    until(lambda: state(standin).get("state") == "running")
    facts = standin.facts
    trainer = facts.trainer
    assert trainer is not None
    assert facts.supervisor is not None
    os.kill(facts.supervisor.pid, signal.SIGKILL)  # first, for it would do what is to be seen here
    for row in launcher.belonging(facts.launch, [trainer.pid]):
        os.kill(row.pid, signal.SIGKILL)
    until(lambda: not launcher.belonging(facts.launch, [trainer.pid]))
    assert server.run()["status"] == "RUNNING"
    assert trackers.left_open(standin.layout)
    trackers.start_closing(standin.layout)
    until(lambda: state(standin)["state"] == "closed")
    assert server.run()["status"] == "FAILED"
    assert not trackers.left_open(standin.layout)


def test_a_tracker_that_never_answers_is_given_up(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        standin.trainer(BODY + TO_THE_END, report_to="mlflow")
        launcher.launch(standin.layout)
        facts = launcher.wait(standin.layout, PATIENCE_S)
        assert facts is not None
        assert facts.exit_code == 0
        assert not standin.over(), "its end is on record while the reporter still waits"
        settled(standin)
        assert not launcher.belonging(facts.launch)


@pytest.mark.fault
def test_a_stopped_run_is_not_left_running_and_a_resumed_one_goes_on_in_the_same_tracker_run(
    standin: StandIn, server: Server
) -> None:
    standin.trainer(BODY + STOPS, report_to="mlflow")
    launcher.launch(standin.layout)
    until(lambda: state(standin).get("state") == "running")
    launcher.stop(standin.layout)
    settled(standin)
    first = server.run()
    assert first["status"] == "KILLED"
    one = 'open(root / "metrics.jsonl", "a").write(json.dumps({"step": 31, "loss": 0.01}) + "\\n")\n'
    standin.trainer(one + TO_THE_END, report_to="mlflow")
    launcher.resume(standin.layout)
    settled(standin)
    until(lambda: server.run()["status"] == "FINISHED")  # the reporter closes it a moment after the run
    again = server.run()
    assert (again["id"], again["status"]) == (first["id"], "FINISHED")
    assert again["losses"] == 31


def test_a_tracker_goes_on_where_a_resume_dropped_rows(tmp_path: Path) -> None:
    """It was told of step 3, which a killed run had logged after its checkpoint: what is done again is told again."""
    out = AttemptWriter(tmp_path)
    for step in (1, 2, 3):
        out.metrics(step, {"loss": 1 / step})
    told = State("none", "nowhere", metrics_offset=out.layout.metrics.stat().st_size)
    assert out.rewind(2) == 1
    sink = sinks.make("trackio", tmp_path)
    reporter = Reporter(out.layout, sinks.Run("w", "exp_0001", {}, {}, tmp_path, tmp_path), sink, told)
    for step in (3, 4):
        out.metrics(step, {"loss": 1 / step})
    reporter.read()
    assert [row.step for row in reporter.waiting] == [3, 4]


def test_what_a_server_took_but_answered_too_late_is_there_once(server: Server, tmp_path: Path) -> None:
    """A busy server writes a batch and the request has run out of time: the reporter sends it again."""

    class Late(sinks.MlflowSink):
        answers = False

        def log(self, rows: Iterable[sinks.Row]) -> None:
            super().log(rows)
            if not self.answers:
                raise TimeoutError("Read timed out.")

    out = AttemptWriter(tmp_path)
    for step in (1, 2):
        out.metrics(step, {"loss": 1 / step})
    out.held_out(score=0.75, passed=15, parsed=20, n=20, checkpoint=None, path="x")
    sink = Late(tmp_path)
    reporter = Reporter(
        out.layout, sinks.Run("w", "exp_0001", {}, {}, tmp_path, tmp_path), sink, State("mlflow", "x")
    )
    assert not reporter.close()
    sink.answers = True
    assert reporter.close()
    run = server.run()
    assert (run["losses"], run["metrics"]["eval/held_out_score"]) == (2, 0.75)


def test_told_to_hurry_before_it_read_anything_it_closes_the_run_as_it_ended(tmp_path: Path) -> None:
    """A short run is over, and its reporter asked to leave, while the tracker's client is still being imported."""

    class Closed(sinks.TrackioSink):
        outcome, losses = "", 0

        def open(self, run: sinks.Run, run_id: str | None) -> str:
            return "1"

        def log(self, rows: Iterable[sinks.Row]) -> None:
            self.losses += len(list(rows))

        def close(self, outcome: str, files: Iterable[Path]) -> None:
            self.outcome = outcome

    out = AttemptWriter(tmp_path)
    out.metrics(1, {"loss": 0.5})
    out.event("end", outcome="finished", reason="", step=1)
    sink = Closed(tmp_path)
    run = sinks.Run("w", "exp_0001", {}, {}, tmp_path, tmp_path)
    assert Reporter(out.layout, run, sink, State("trackio", "here")).close()
    assert (sink.outcome, sink.losses) == ("finished", 1)


@pytest.mark.skipif(
    importlib.util.find_spec("wandb") is None, reason="wandb is not installed (extra: trackers)"
)
def test_wandb_offline(standin: StandIn) -> None:
    standin.trainer(BODY + TO_THE_END, report_to="wandb")
    launcher.launch(standin.layout)
    settled(standin)
    # Where wandb's own process did not come up, the run was opened again: another file of the same run.
    files = list(standin.layout.root.glob("wandb/offline-run-*/run-*.wandb"))
    assert len({file.name for file in files}) == 1
    runs = [WandbRun(file, "exp_0001") for file in files]
    rows = []

    def finished() -> bool:
        updates = [run.poll() for run in runs]
        rows.extend(row for update in updates for row in update.rows)
        return any(update.state == "finished" for update in updates)

    until(finished)  # wandb's own process writes the file, and may lag behind
    named = {name for row in rows for name in row.values}
    assert {"loss", "eval/score", "eval/held_out_score"} <= named
    assert len({row.step for row in rows if "loss" in row.values}) == 30


@pytest.mark.skipif(
    importlib.util.find_spec("trackio") is None, reason="trackio is not installed (extra: trackers)"
)
def test_trackio_local(standin: StandIn, tmp_path: Path) -> None:
    standin.trainer(BODY + TO_THE_END, report_to="trackio")
    launcher.launch(standin.layout)
    settled(standin)
    (base,) = (tmp_path / "ws/.cockpit/trackio").glob("*.db")
    with sqlite3.connect(base) as db:
        rows = [
            json.loads(text)
            for (text,) in db.execute("select metrics from metrics where run_name = 'exp_0001'")
        ]
    assert len([row for row in rows if "loss" in row]) == 30
    assert [row["eval/held_out_score"] for row in rows if "eval/held_out_score" in row] == [0.75]


def test_uninvited_nothing_is_reported(standin: StandIn) -> None:
    standin.trainer(BODY + TO_THE_END)
    launcher.launch(standin.layout)
    settled(standin)
    assert not standin.layout.tracker.exists()
    assert not standin.layout.tracker_log.exists()
