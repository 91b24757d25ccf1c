"""The flow under the real evo: init, baseline, a committed improvement, a discarded one, a child of its artifact."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.services.workspace import open as open_workspace

pytestmark = [pytest.mark.ml, pytest.mark.slow, pytest.mark.timeout(1200)]

TOML = """
name = "adding"
[model]
name_or_path = "{model}"
[data]
mini_eval = "{mini_eval}"
held_out = "{held_out}"
[verifier]
spec = "{verifier}"
[generation]
max_new_tokens = 16
batch_size = 64
[mid_eval]
every_steps = {every}
every_epochs = 100
patience = 9
[resources]
omp_num_threads = 1
"""
RECIPE = """
technique = "sft"
full = true
hypothesis = "{why}"
[data]
train = "{train}"
[trainer]
learning_rate = 1e-3
per_device_train_batch_size = 32
gradient_accumulation_steps = 1
max_steps = {steps}
max_length = 64
"""


class Evo:
    """`evo` in a repository of the test's own."""

    def __init__(self, command: Path, root: Path, tiny: dict[str, Any]) -> None:
        self.command, self.root, self.tiny = command, root, tiny
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("EVO_", "GIT_"))},
            "EVO_TELEMETRY": "0",
            "EVO_SKIP_VERSION_CHECK": "1",
            "EVO_HOME": str(root.parent / "evo-home"),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        } | {
            f"GIT_{who}_{what}": "t@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }

    def __call__(self, *words: str, code: int = 0) -> str:
        done = self.start(*words)
        said, _ = done.communicate(timeout=600)
        assert done.returncode == code, said
        return said

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.command), *words],
            cwd=self.root, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.root, env=self.env, check=True, capture_output=True)

    def init(self) -> None:
        files = self.tiny["files"]
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        (self.root / ".gitignore").write_text(".evo/\n")
        toml = TOML.format(model=self.tiny["model"], verifier=self.tiny["verifier"], every=40, **files)
        (self.root / "cockpit.toml").write_text(toml)
        (self.root / "recipe.toml").write_text('technique = "baseline"\n')
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "init")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        benchmark = f"exec '{sys.executable}' -m trainers.run {{target}}"
        self(
            "init", "--name", "adding", "--target", "recipe.toml", "--benchmark", benchmark, "--metric", "max",
            "--host", "generic", "--per-exp-timeout", "600", "--port", port,
        )  # fmt: skip
        self("config", "set", "max-attempts", "1")

    def new(self, parent: str, why: str, train: str | None, steps: int = 0, seed: str = "") -> str:
        more = ["--from-artifact", seed] if seed else []
        self("new", "--parent", parent, "-m", why, *more)
        id_ = max(self.nodes)
        if train is not None:
            text = RECIPE.format(why=why, train=self.tiny["files"][train], steps=steps)
            (Path(self.nodes[id_]["worktree"]) / "recipe.toml").write_text(text)
        return id_

    @property
    def nodes(self) -> dict[str, Any]:
        nodes = json.loads((self.root / ".evo/run_0000/graph.json").read_text())["nodes"]
        return {id_: node for id_, node in nodes.items() if id_ != "root"}

    def attempt(self, id_: str) -> Path:
        return self.root / ".evo/run_0000/experiments" / id_ / "attempts/001"


@pytest.fixture
def evo(evo_command: Path, tmp_path: Path, tiny: dict[str, Any]) -> Iterator[Evo]:
    made = Evo(evo_command, tmp_path / "repo", tiny)
    try:
        made.init()
        yield made
    finally:
        for name in ("supervisor.pid", "dashboard.pid"):  # init starts a dashboard
            pid = made.root / ".evo" / name
            if pid.exists():
                try:
                    os.kill(int(pid.read_text().split()[0]), signal.SIGTERM)
                except (OSError, ValueError):
                    continue


def test_from_init_to_a_child_of_a_discarded_artifact(evo: Evo) -> None:
    assert evo.new("root", "the base model", None) == "exp_0000"
    assert "CHECK_PASSED" in evo("run", "exp_0000", "--check")
    assert "COMMITTED" in evo("run", "exp_0000")
    base = evo.nodes["exp_0000"]["score"]

    assert "COMMITTED" in evo("run", evo.new("exp_0000", "the right format", "sft", steps=80))
    node = evo.nodes["exp_0001"]
    assert node["score"] > base + 0.2
    _left_what_the_contract_wants(evo, "exp_0001", node)

    assert "EVALUATED" in evo("run", evo.new("exp_0001", "another format", "sft_wrong_format", steps=40))
    assert evo.nodes["exp_0002"]["score"] < node["score"]
    evo("discard", "exp_0002", "--reason", "it answers in the wrong format", "--failure-class", "hypothesis")

    evo("run", evo.new("exp_0001", "mend the format", "sft", steps=40, seed="exp_0002"))
    recipe = json.loads((evo.attempt("exp_0003") / "checkpoints/cockpit/recipe.json").read_text())
    seed = evo.nodes["exp_0003"]["from_artifact"]["path"]
    assert Path(recipe["model"]["warm_start"]).resolve() == Path(seed).resolve()
    assert evo.nodes["exp_0003"]["score"] > evo.nodes["exp_0002"]["score"]

    views = {view.id: view for view in open_workspace.find(evo.root).experiments()}
    assert [views[f"exp_000{i}"].status for i in range(4)][:3] == ["committed", "committed", "discarded"]
    assert [views[f"exp_000{i}"].parent for i in range(4)] == [None, "exp_0000", "exp_0001", "exp_0001"]
    assert views["exp_0001"].technique == "sft"
    assert views["exp_0001"].delta is not None
    assert views["exp_0001"].delta.kind == "gained"
    assert views["exp_0001"].score is not None
    assert views["exp_0001"].score.value == pytest.approx(node["score"])


def _left_what_the_contract_wants(evo: Evo, id_: str, node: dict[str, Any]) -> None:
    """result.json, traces, summary, metrics, a loadable artifact with its content key, the method log."""
    attempt = evo.attempt(id_)
    result = json.loads((attempt / "result.json").read_text())
    assert len(result["tasks"]) == 200
    assert result["score"] == pytest.approx(sum(result["tasks"].values()) / 200)
    (artifact,) = result["artifacts"]
    assert artifact["kind"] == "checkpoint"
    assert artifact["created_by"] == id_
    assert artifact["content_key"].startswith("sha256:")
    checkpoint = Path(artifact["uri"])
    assert checkpoint.is_relative_to(attempt.resolve() / "checkpoints")
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= {
        path.name for path in checkpoint.iterdir()
    }

    traces = sorted((attempt / "traces").glob("task_*.json"))
    assert len(traces) == 200
    trace = json.loads(traces[0].read_text())
    assert trace["experiment_id"] == id_
    assert result["tasks"][trace["task_id"]] == trace["score"]

    summary = json.loads((attempt / "train_summary.json").read_text())
    assert summary["method"] == "sft"
    assert summary["steps"] == 80
    assert not {"held_out_score", "delta", "reward_saturation"} & set(summary)
    rows = [json.loads(line) for line in Path(summary["metrics_path"]).read_text().splitlines()]
    assert {"step", "loss", "lr", "grad_norm"} <= set(rows[0])
    log = (Path(node["worktree"]) / "methodlog.md").read_text()
    assert "trains on" in log
    assert id_ in log


def test_a_stop_is_answered_with_a_score(evo: Evo) -> None:
    """SIGTERM to the trainer: checkpoint, held-out pass, result, exit 0; evo records it like any other."""
    id_ = evo.new("root", "a long one", "sft", steps=100_000)
    run = evo.start("run", id_)
    seam = evo.attempt(id_) / "checkpoints/cockpit"
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and not list((seam / "checkpoints").glob("step_*")):
        time.sleep(0.2)
    live = open_workspace.find(evo.root).experiment(id_)
    assert live.status == "running"
    assert live.attempt is not None
    assert live.attempt.step
    os.kill(json.loads((seam / "process.json").read_text())["trainer"]["pid"], signal.SIGTERM)
    said, _ = run.communicate(timeout=600)
    assert run.returncode == 0, said
    assert evo.nodes[id_]["status"] in ("committed", "evaluated")
    assert evo.nodes[id_]["benchmark_result"]["artifacts"]
    assert json.loads((evo.attempt(id_) / "train_summary.json").read_text())["outcome"] == "stopped"


def test_a_recipe_that_fails_says_so_and_scores_nothing(evo: Evo) -> None:
    id_ = evo.new("root", "no such setting", "sft", steps=5)
    recipe = Path(evo.nodes[id_]["worktree"]) / "recipe.toml"
    recipe.write_text(recipe.read_text() + "lerning_rate = 1\n")
    assert "FAILED" in evo("run", id_, code=1)
    log = (evo.attempt(id_) / "benchmark_err.log").read_text()
    assert "lerning_rate=1: there is no such setting. Did you mean learning_rate?" in log
    assert "Traceback" not in log
    assert evo.nodes[id_]["score"] is None
    assert open_workspace.find(evo.root).experiment(id_).status == "failed"
