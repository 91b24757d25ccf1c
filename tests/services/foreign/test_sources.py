"""Each kind of foreign run: read, read on while it grows, and never trusted to be whole."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.services.foreign import find
from cockpit.services.foreign.techniques import technique_of

# -- a Trainer's folder -------------------------------------------------------------------------------------------


def trainer_state(folder: Path, steps: int, *, of: int = 100, **more: float) -> None:
    history: list[dict[str, Any]] = [
        {"step": step, "epoch": step / 50, "loss": 2 / step, "learning_rate": 1e-4, **more}
        for step in range(1, steps + 1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    state = {"global_step": steps, "max_steps": of, "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state))


def test_a_trainers_folder_is_read_on_from_checkpoint_to_checkpoint(tmp_path: Path) -> None:
    trainer_state(tmp_path / "out/checkpoint-10", 10)
    (run,) = find(str(tmp_path / "out"))
    first = run.poll()
    assert [row.step for row in first.rows] == list(range(1, 11))
    assert first.rows[0].values == {"epoch": 0.02, "loss": 2.0, "lr": 1e-4}
    assert first.state == "unknown"
    assert run.poll().rows == []
    trainer_state(tmp_path / "out/checkpoint-20", 20)
    assert [row.step for row in run.poll().rows] == list(range(11, 21))
    trainer_state(tmp_path / "out", 100)
    last = run.poll()
    assert (len(last.rows), last.state) == (80, "finished")


def test_a_restart_in_the_same_folder_begins_anew(tmp_path: Path) -> None:
    trainer_state(tmp_path, 20)
    (run,) = find(str(tmp_path))
    run.poll()
    trainer_state(tmp_path, 5)
    again = run.poll()
    assert again.restarted
    assert len(again.rows) == 5


def test_a_half_written_state_is_seen_later(tmp_path: Path) -> None:
    trainer_state(tmp_path, 5)
    (run,) = find(str(tmp_path))
    whole = (tmp_path / "trainer_state.json").read_text()
    (tmp_path / "trainer_state.json").write_text(whole[:40])
    assert run.poll().rows == []
    (tmp_path / "trainer_state.json").write_text(whole)
    assert len(run.poll().rows) == 5


def test_trls_completion_tables_are_samples(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    trainer_state(tmp_path, 5)
    (tmp_path / "completions").mkdir()
    table = pyarrow.table({"step": [1, 1], "prompt": ["1+1=?"] * 2, "completion": ["2", "\x1b]0;x\x07"],
                           "exact": [1.0, 0.0], "advantage": [0.7, -0.7]})  # fmt: skip
    parquet.write_table(table, tmp_path / "completions/completions_00001.parquet")
    (run,) = find(str(tmp_path))
    samples = run.poll().samples
    assert [row["rewards"] for row in samples[1]] == [{"exact": 1.0}, {"exact": 0.0}]
    assert samples[1][0]["group"] == samples[1][1]["group"]
    assert run.poll().samples == {}


# -- TensorBoard --------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def event(step: int, values: dict[str, float], when: float = 1000.0) -> bytes:
    summary = b"".join(
        field(1, field(1, name.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value))
        for name, value in values.items()
    )
    message = varint(1 << 3 | 1) + struct.pack("<d", when) + varint(2 << 3) + varint(step) + field(5, summary)
    return struct.pack("<QI", len(message), 0) + message + b"\0\0\0\0"


def test_event_files_are_read_record_by_record(tmp_path: Path) -> None:
    path = tmp_path / "run_a" / "events.out.tfevents.1.host"
    path.parent.mkdir()
    second = event(20, {"train/loss": 0.5, "eval/loss": 0.7})
    path.write_bytes(event(10, {"train/loss": 1.0, "train/learning_rate": 0.25}) + second[:13])
    (run,) = find(str(tmp_path))
    assert run.name == "run_a"
    first = run.poll().rows
    assert [(row.step, dict(row.values), row.time) for row in first] == [
        (10, {"loss": 1.0, "lr": 0.25}, 1000.0)
    ]
    with path.open("ab") as handle:
        handle.write(second[13:])
    (row,) = run.poll().rows
    assert row.step == 20
    assert row.values["loss"] == 0.5
    assert row.values["eval/loss"] == pytest.approx(0.7)


@pytest.mark.parametrize("garbage", [b"\xff" * 200, b"", b"\0" * 64, b"not an event file at all " * 10])
def test_garbage_in_an_event_file_is_no_row_and_no_error(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(garbage)
    (run,) = find(str(tmp_path))
    assert run.poll().rows == []


def test_nan_arrives_as_nan(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(event(1, {"loss": math.nan}))
    (run,) = find(str(tmp_path))
    assert math.isnan(run.poll().rows[0].values["loss"])


# -- MLflow -------------------------------------------------------------------------------------------------------


def store(path: Path) -> sqlite3.Connection:
    """The tables of an MLflow store that are read, as MLflow 3 makes them."""
    base = sqlite3.connect(path)
    base.executescript(
        """create table runs (run_uuid text primary key, name text, status text, start_time int, lifecycle_stage text);
        create table metrics (key text, value float, timestamp bigint, run_uuid text, step bigint, is_nan boolean,
                              primary key (key, timestamp, step, run_uuid, value, is_nan));
        create table params (key text, value text, run_uuid text);
        insert into runs values ('r1', 'exp_0001', 'RUNNING', 1, 'active'), ('r0', 'old', 'FINISHED', 0, 'deleted');
        insert into params values ('learning_rate', '1e-4', 'r1');
        insert into metrics values ('loss', 2.0, 1000000, 'r1', 1, 0), ('loss', 0.0, 1001000, 'r1', 2, 1);"""
    )
    base.commit()
    return base


def test_a_sqlite_store_is_read_while_another_process_writes(tmp_path: Path) -> None:
    base = store(tmp_path / "mlflow.db")
    (run,) = find(str(tmp_path))
    first = run.poll()
    assert (run.name, first.state, run.settings) == ("exp_0001", "running", {"learning_rate": "1e-4"})
    assert [(row.step, row.time) for row in first.rows] == [(1, 1000.0), (2, 1001.0)]
    assert math.isnan(first.rows[1].values["loss"])
    base.execute("insert into metrics values ('loss', 1.0, 1002000, 'r1', 3, 0)")
    base.execute("update runs set status = 'FAILED' where run_uuid = 'r1'")
    base.commit()
    second = run.poll()
    assert ([row.step for row in second.rows], second.state) == ([3], "failed")
    base.close()


def test_a_database_that_is_no_mlflow_store_is_named(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "other.db").close()
    with pytest.raises(CockpitError, match="no MLflow store"):
        find(str(tmp_path / "other.db"))


def test_an_old_file_store(tmp_path: Path) -> None:
    run_dir = tmp_path / "mlruns/0/abc"
    (run_dir / "metrics/eval").mkdir(parents=True)
    (tmp_path / "mlruns/0/meta.yaml").write_text("name: Default\n")
    (run_dir / "meta.yaml").write_text("run_name: exp_0002\nstatus: 3\n")
    (run_dir / "metrics/loss").write_text("1000 2.5 1\n2000 1.5 2\n3000 1.")
    (run_dir / "metrics/eval/score").write_text("2000 0.5 2\n")
    (run,) = find(str(tmp_path / "mlruns"))
    update = run.poll()
    assert run.name == "exp_0002"
    assert update.state == "finished"
    assert [(row.step, dict(row.values)) for row in update.rows] == [
        (1, {"loss": 2.5}), (2, {"eval/score": 0.5}), (2, {"loss": 1.5}),
    ]  # fmt: skip


class _Server(BaseHTTPRequestHandler):
    """The four answers of an MLflow server that are asked for."""

    asked: list[str] = []  # noqa: RUF012 - one server a test

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.asked.append(self.headers.get("Authorization", ""))
        answers: dict[str, Any] = {
            "experiments/search": {"experiments": [{"experiment_id": "0"}]},
            "runs/search": {"runs": [{"info": {"run_id": "r1", "run_name": "exp_0003"}, "data": {}}]},
            "runs/get": {"run": {"info": {"status": "RUNNING"}, "data": {"metrics": [{"key": "loss"}]}}},
            "metrics/get-history": {"metrics": [{"key": "loss", "value": 0.5, "step": 4, "timestamp": 1000},
                                                {"key": "loss", "value": "NaN", "step": 5, "timestamp": 2000}]},
        }  # fmt: skip
        name = self.path.split("mlflow/", 1)[1].split("?")[0]
        body = json.dumps(answers[name]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    _Server.asked = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    http.server_close()


def test_a_server_is_asked_with_mlflows_own_credentials(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
    (run,) = find(server)
    update = run.poll()
    assert update.state == "running"
    assert [row.step for row in update.rows] == [4, 5]
    assert math.isnan(update.rows[1].values["loss"])
    assert run.poll().rows == []
    assert set(_Server.asked) == {"Bearer s3cret"}
    assert "s3cret" not in run.place


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(CockpitError, match="no MLflow server answers") as caught:
        find("http://me:hunter2@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)


# -- wandb --------------------------------------------------------------------------------------------------------


def wandb_log(records: list[bytes]) -> bytes:
    """A `.wandb` file: LevelDB's log format, blocks of 32 KiB, records split where a block ends."""
    out = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        rest, first = record, True
        while True:
            room = 32_768 - len(out) % 32_768
            if room < 7:
                out += b"\0" * room
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = 1 if first and not rest else 2 if first else 3 if rest else 4
            out += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
            if not rest:
                break
    return bytes(out)


def history(step: int, **values: float) -> bytes:
    items = [
        field(1, field(2, name.encode()) + field(16, json.dumps(value).encode()))
        for name, value in values.items()
    ]
    return field(2, b"".join(items) + field(2, varint(1 << 3) + varint(step)))


def test_a_wandb_file_across_blocks_and_half_records(tmp_path: Path) -> None:
    long = "x" * 40_000
    config = field(5, field(1, field(1, b"note") + field(16, json.dumps(long).encode())))
    whole = wandb_log(
        [config, *(history(n, loss=1 / n) for n in range(1, 2001)), field(18, varint(1 << 3) + varint(0))]
    )
    path = tmp_path / "offline-run-1" / "run-abc.wandb"
    path.parent.mkdir()
    path.write_bytes(whole[:50_003])
    (run,) = find(str(tmp_path))
    first = run.poll()
    assert run.settings["note"] == long
    path.write_bytes(whole)
    second = run.poll()
    steps = [row.step for row in [*first.rows, *second.rows]]
    assert steps == list(range(1, 2001))
    assert second.state == "finished"


def test_a_real_wandb_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb: Any = pytest.importorskip("wandb", reason="wandb is not installed (extra: trackers)")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    made = wandb.init(project="p", name="exp_0007", config={"beta": 0.04}, dir=str(tmp_path))
    for step in range(5):
        made.log({"train/loss": 1 / (step + 1), "train/global_step": step * 10})
    made.finish()
    (run,) = find(str(tmp_path))
    update, rows = run.poll(), list[Any]()
    rows += update.rows
    until = time.monotonic() + 180  # wandb's own process writes the file, and may lag behind `finish`
    while update.state != "finished" and time.monotonic() < until:
        time.sleep(0.1)
        update = run.poll()
        rows += update.rows
    assert (run.name, run.settings.get("beta"), update.state) == ("exp_0007", 0.04, "finished")
    assert [row.step for row in rows] == [0, 10, 20, 30, 40]
    assert [row.values["loss"] for row in rows] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


# -- what is there ------------------------------------------------------------------------------------------------


def test_nothing_there_names_what_could_be(tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="there is nothing at"):
        find(str(tmp_path / "missing"))
    with pytest.raises(CockpitError, match="no run was found") as caught:
        find(str(tmp_path))
    assert "mlflow.db" in caught.value.fix


@pytest.mark.parametrize(
    ("names", "technique"),
    [
        (["loss", "lr"], "sft"),
        (["train/reward", "train/completions/clipped_ratio"], "grpo"),
        (["reward", "reward_std"], "grpo"),
        (["rewards/accuracies", "rewards/margins"], "dpo"),
        (["rewards/margins", "kl"], "kto"),
        (["rewards/accuracies", "log_odds_ratio"], "orpo"),
        (["rewards/accuracies", "rewards/margins", "odds_ratio_loss", "sft_loss"], "orpo"),
        (["objective/kl", "objective/scores", "val/ratio"], "ppo"),
        (["loss", "accuracy", "min_reward", "mean_reward", "max_reward"], "reward"),
        (["loss", "accuracy", "margin"], "reward"),
        (["loss", "eval_accuracy", "eval_f1"], "sft"),
    ],
)
def test_the_technique_is_guessed_by_what_is_logged(names: list[str], technique: str) -> None:
    assert technique_of(names) == technique


def test_a_llamafactory_log_is_read_on_as_it_grows(tmp_path: Path) -> None:
    log = tmp_path / "trainer_log.jsonl"
    log.write_text(
        '{"current_steps": 1, "total_steps": 3, "loss": 0.7, "accuracy": 0.5, "lr": 1e-6, "elapsed_time": "0:01"}\n'
        '{"current_steps": 2, "total_'
    )
    (run,) = find(str(tmp_path))
    first = run.poll()
    assert [(row.step, dict(row.values)) for row in first.rows] == [
        (1, {"loss": 0.7, "rewards/accuracies": 0.5, "lr": 1e-6})
    ]
    assert (first.state, run.settings) == ("unknown", {"max_steps": 3})
    with log.open("a") as handle:
        handle.write(
            'steps": 3, "loss": 0.6}\nnot json\n{"current_steps": 3, "total_steps": 3, "eval_loss": 0.5}'
        )
    second = run.poll()
    assert [(row.step, dict(row.values)) for row in second.rows] == [
        (2, {"loss": 0.6}),
        (3, {"eval_loss": 0.5}),
    ]
    assert second.state == "finished"
    assert run.poll().rows == []
