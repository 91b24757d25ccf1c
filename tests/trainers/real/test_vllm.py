"""A real vLLM server, in an environment of its own, with real adapters: the contract, parity, faults, rollouts.

On a machine without a GPU it is the CPU build; the model is the tiny one with wider heads (support/serving/wide.py).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError, serving
from cockpit.contract.reader import read_rows
from cockpit.contract.serving import FOLDER_VARIABLE, ServerLayout
from cockpit.services.serving import servers
from cockpit.services.serving.servers import Server, ServerRequest
from cockpit.services.system import environments, spawn
from cockpit.services.system.processes import look
from tests.support.serving import checks
from tests.support.serving.wide import widen
from tests.trainers.real.conftest import ROOT, Run, Tiny, make_attempt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
START_S = 800.0


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An interpreter with vLLM: COCKPIT_TEST_VLLM's, else that of `cockpit env add vllm`, from the registry.

    Skipped where it can't be had. The environment is a gigabyte, so it doesn't stay.
    """
    if own := os.environ.get("COCKPIT_TEST_VLLM"):
        yield own
        return
    place = tmp_path_factory.mktemp("vllm")
    try:
        made = environments.add(place, "vllm")
    except CockpitError as error:
        pytest.skip(f"needs vLLM from a package index, and a CPU or GPU that it runs on: {error}")
    yield str(made.python)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def wide(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(widen(tiny.model, tmp_path_factory.mktemp("wide") / "model"), tiny.files, tiny.verifier)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's state folder, the same for all the tests here: they share the server."""
    return tmp_path_factory.mktemp("serving-state")


@pytest.fixture(autouse=True)
def _one_state(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("COCKPIT_STATE", str(state))


@pytest.fixture(scope="module", autouse=True)
def _handlers() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """A scorer takes over the signals that end a test run: give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def server(python: str, wide: Tiny, state: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COCKPIT_STATE", str(state))
        server, _ = servers.start(None, str(wide.model), ServerRequest(python=python))
        servers.wait(server.layout, START_S)
        ready = servers.look(server.layout)
        assert ready is not None
        yield ready
        servers.stop(server.layout)


@pytest.fixture
def served(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv(FOLDER_VARIABLE, str(server.layout.root))
    return server


@pytest.fixture(scope="module")
def trained(wide: Tiny, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """SFT with LoRA on the right format, its mini-evals answered by the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(server.layout.root))
        run = make_attempt(
            wide, tmp_path_factory.mktemp("trained") / "exp_0001", "sft", lora=True,
            mid_eval__engine="vllm", mid_eval__every_steps=20, mid_eval__early_stop=False, max_steps=40,
            learning_rate=5e-3, per_device_train_batch_size=32, peft__r=16,
        )  # fmt: skip
        assert run.here() == 0
    return run


def attempt(wide: Tiny, root: Path, **more: Any) -> Run:
    """Two steps of SFT that want the server for their one mini-eval."""
    asked = {"lora": True, "mid_eval__engine": "vllm", "mid_eval__every_steps": 2, "max_steps": 2}
    return make_attempt(wide, root, "sft", **{**asked, **more})


def engines(run: Run) -> list[str]:
    return [row["engine"] for row in run.events("mid_eval")]


@pytest.mark.parametrize("promise", checks.TESTS, ids=lambda test: test.__name__)
def test_vllms_server_keeps_a_promise_of_the_serving_contract(
    promise: Callable[[ServerLayout, Path, Path], None], server: Server, trained: Run, tmp_path: Path
) -> None:
    promise(server.layout, trained.layout.best.resolve(), tmp_path)


def test_a_run_is_answered_by_the_server_and_leaves_nothing_loaded(server: Server, trained: Run) -> None:
    evals = trained.events("mid_eval")
    assert {row["engine"] for row in evals} == {"vllm"}
    assert evals[-1]["score"] >= 0.5, "an adapter that learnt the format answers unlike the base"
    assert "transformers" not in trained.notices
    now = servers.look(server.layout)
    assert now is not None
    assert now.adapters == ()
    assert list(server.layout.adapters.iterdir()) == []


@pytest.mark.parametrize("technique", ["baseline", "sft"])
def test_vllm_and_transformers_score_a_checkpoint_alike(
    technique: str, served: Server, wide: Tiny, trained: Run, tmp_path: Path
) -> None:
    """Greedy answers of base and adapter: the two engines say the same to at least 197 of 200 items.

    They add up in another order, so that where two tokens are as likely as each other they may choose differently.
    """
    from trainers import evaluate

    answers: dict[str, list[dict[str, Any]]] = {}
    for engine in ("transformers", "vllm"):
        run = make_attempt(wide, tmp_path / engine / "exp_0007", "baseline", mid_eval__engine=engine)
        words = [] if technique == "baseline" else ["--checkpoint", str(trained.layout.best.resolve())]
        assert evaluate.main([str(run.layout.root), *words]) == 0
        score = json.loads((run.layout.held_out / "score.json").read_text())
        assert score["engine"] == engine
        answers[engine] = list(read_rows(run.layout.held_out / "items.jsonl"))
    pairs = list(zip(answers["transformers"], answers["vllm"], strict=True))
    assert all(a["prompt"] == b["prompt"] and a["item"] == b["item"] for a, b in pairs)
    said = ("completion", "tokens", "truncated")
    same = sum(all(a[name] == b[name] for name in said) for a, b in pairs)
    print(f"{technique}: {same} of {len(pairs)} answers the same")
    assert same >= 197
    assert len({a["completion"] for a in answers["vllm"]}) > 20


def test_full_weights_are_answered_by_transformers_and_it_is_said(
    served: Server, wide: Tiny, tmp_path: Path
) -> None:
    run = attempt(wide, tmp_path / "exp_0002", lora=False)
    assert run.here() == 0
    assert engines(run) == ["transformers"]
    assert (
        "answered by transformers: a server takes adapters, and this run trains full weights" in run.notices
    )


@pytest.mark.fault
def test_a_server_that_is_killed_costs_a_run_nothing_and_comes_back(
    served: Server, wide: Tiny, tmp_path: Path
) -> None:
    """Meanwhile the run goes on with transformers, and says so; nothing of the dead engine stays."""
    before = servers.processes_of(served.facts)
    assert served.facts.pid is not None
    os.kill(served.facts.pid, signal.SIGKILL)
    run = attempt(wide, tmp_path / "exp_0003", mid_eval__serve_wait_s=1)
    assert run.here() == 0
    assert engines(run) == ["transformers"]
    assert "Evaluations are answered by transformers: the server" in run.notices
    facts = servers.wait(served.layout, START_S)
    assert facts.restarts == 1
    assert not [row.pid for row in before if (now := look(row.pid)) is not None and not now.zombie]
    later = attempt(wide, tmp_path / "exp_0004")
    assert later.here() == 0
    assert engines(later) == ["vllm"]


# Whether torch's oneDNN computes in bfloat16 here (AVX-512, and some that have less): vLLM's then does too.
PROBE = """
import json, torch
from trainers.rollouts.vllm_rollouts import packs_weights_away as asked
gpu = torch.cuda.is_available()
packs = not gpu and torch.ops.mkldnn._is_mkldnn_bf16_supported()
told = [] if gpu else [asked("float32"), asked("bfloat16"), asked()]
print(json.dumps({"gpu": gpu, "packs": packs, "told": told}))
"""


@pytest.fixture(scope="module")
def probed(python: str) -> dict[str, Any]:
    """What vLLM's environment says of this processor, asked in it, from the repository's root."""
    done = subprocess.run(
        [python, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_vllm_is_asked_whether_it_packs_weights_away(probed: dict[str, Any]) -> None:
    """float32 has a kernel on every processor, so that both answers are vLLM's own on those that lack bfloat16's."""
    if probed["gpu"]:
        pytest.skip("vLLM packs no weights on a GPU")
    assert probed["told"] == [True, probed["packs"], probed["packs"]]


def test_rollouts_by_vllm(python: str, probed: dict[str, Any], wide: Tiny, tmp_path: Path) -> None:
    """`use_vllm` in the trainer's own process, in vLLM's environment, from the command that the supervisor runs: two
    steps, or, where vLLM packs the weights away, one sentence before anything is loaded.

    GRPO alone: RLOO's trainer takes the same way to vLLM, and each start of the engine costs half a minute and more.
    """
    run = make_attempt(
        wide, tmp_path / "exp_0005", "grpo", "train", lora=True, use_vllm=True, max_steps=2,
        mid_eval__every_steps=2, num_generations=4, per_device_train_batch_size=16,
        resources__python=python,
    )  # fmt: skip
    recipe = run.recipe.model_dump(mode="json")
    command = spawn.command(run.layout.root, recipe, {"PATH": "/usr/bin:/bin"}, token="t")
    done = subprocess.run(
        command.argv,
        env=dict(command.env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    if probed["packs"]:
        assert done.returncode == 1, done.stdout[-2000:]
        assert "use_vllm can't train on this processor" in run.end["reason"]
        assert [row["name"] for row in run.events("stage")] == ["importing"]
        return
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert len([row for row in run.metrics if "reward" in row]) == 2
    assert "Loading safetensors checkpoint shards" in done.stderr, "vLLM's loader, which transformers has not"


def test_stopping_leaves_nothing_of_the_engine(server: Server) -> None:
    now = servers.look(server.layout)
    assert now is not None
    assert now.resident is not None
    assert now.resident > 500 << 20
    assert len(servers.processes_of(now.facts)) >= 3
    key = serving.read_key(server.layout)
    servers.stop(server.layout)
    assert servers.processes_of(now.facts) == []
    assert key not in server.layout.log.read_text(errors="replace")
