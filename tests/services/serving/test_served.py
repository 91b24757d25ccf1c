"""The protocol that lends a checkpoint's adapter to the server, and what it refuses; on the stand-in, without torch."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import serving
from cockpit.contract.recipe import GenerationSettings
from cockpit.contract.serving import ServerFacts
from cockpit.services.serving import http, servers
from tests.services.serving.conftest import Start
from tests.support.serving.standin import END
from trainers.attempt.signals import StopFlag, Stopped
from trainers.scoring import served
from trainers.scoring.served import Server, Unserved, check_adapter

SETTINGS = GenerationSettings(max_new_tokens=8)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def facts(model: Path) -> ServerFacts:
    return ServerFacts(
        "ready", str(model), serving.model_digest(model), max_model_len=128, max_lora_rank=32, max_loras=2
    )


def held(layout: serving.ServerLayout) -> list[str]:
    facts = serving.read(layout)
    assert facts is not None
    return http.adapters(facts.url, serving.read_key(layout))


@pytest.mark.fault
def test_an_adapter_is_lent_for_one_evaluation(start: Start, model: Path, adapter: Path) -> None:
    layout = start().layout
    server = Server(layout.root, bound_s=180)
    facts = server.ready()
    with server.lend(facts, adapter, str(model), "exp_0003-step120") as name:
        assert name.startswith("exp_0003-step120-")
        assert held(layout) == [name]
        shutil.rmtree(adapter)  # as checkpoint rotation would: the server has a copy of its own
        said = server.answer(facts, name, [[1, 2], [7]], SETTINGS, ends=[END], seed=0)
        assert said == [[3, END], [8, END]]
    assert held(layout) == []
    assert list(layout.adapters.iterdir()) == []


@pytest.mark.fault
def test_other_content_has_another_name(start: Start, model: Path, adapter: Path) -> None:
    server = Server(start().layout.root, bound_s=180)
    facts = server.ready()
    with server.lend(facts, adapter, str(model), "a-step1") as first:
        pass
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes().replace(b'"pt"', b'"np"'))
    with server.lend(facts, adapter, str(model), "a-step1") as second:
        assert first != second


@pytest.mark.fault
def test_it_is_unloaded_when_the_evaluation_is_stopped(start: Start, model: Path, adapter: Path) -> None:
    layout, stop = start().layout, StopFlag()
    server = Server(layout.root, bound_s=20, stop=stop)
    facts = server.ready()
    with server.lend(facts, adapter, str(model), "a-step1") as name:
        stop.set("asked")
        with pytest.raises(Stopped):
            server.answer(facts, name, [[1]], SETTINGS, ends=[END], seed=0)
    assert held(layout) == []


@pytest.mark.fault
def test_a_server_that_holds_something_else_is_not_believed(
    start: Start, model: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody loaded another folder under the very name."""
    layout = start().layout
    server = Server(layout.root, bound_s=180)
    facts = server.ready()
    other = tmp_path / "other"
    shutil.copytree(adapter, other)

    def elsewhere(facts: ServerFacts, name: str, copy: Path) -> None:
        body = {"lora_name": name, "lora_path": str(other)}
        server._ask(facts, "/v1/load_lora_adapter", body, 10)

    monkeypatch.setattr(server, "_load", elsewhere)
    with pytest.raises(Unserved, match="holds something else"), server.lend(facts, adapter, str(model), "a"):
        raise AssertionError("it was believed")


@pytest.mark.fault
def test_a_dead_server_is_no_error_of_the_run(start: Start, model: Path, adapter: Path) -> None:
    begun = start()
    server = Server(begun.layout.root, bound_s=2)
    facts = server.ready()
    servers.stop(begun.layout)
    with pytest.raises(Unserved, match=r"can't be read|can't be reached"):
        server.answer(facts, "base", [[1]], SETTINGS, ends=[END], seed=0)
    with pytest.raises(Unserved, match=r"the server is stopped \(asked to\)"):
        server.ready()


@pytest.mark.fault
def test_too_long_a_text_is_said_before_it_is_asked(start: Start) -> None:
    server = Server(start().layout.root, bound_s=180)
    facts = server.ready()
    with pytest.raises(Unserved, match=r"may have 129 tokens, and the server takes 128 \(max_model_len"):
        server.answer(facts, "base", [[5] * 121], SETTINGS, ends=[END], seed=0)


def test_waiting_has_a_bound_and_a_stop_ends_it(tmp_path: Path, facts: ServerFacts) -> None:
    layout = serving.ServerLayout(tmp_path / "server")
    layout.root.mkdir()
    serving.write(layout, replace(facts, state="starting"))
    with serving.holding(layout.lock) as mine:  # a keeper lives
        assert mine
        began = time.monotonic()
        with pytest.raises(Unserved, match="still starting after"):
            Server(layout.root, bound_s=0.5).ready()
        assert time.monotonic() - began < 60
        stop = StopFlag()
        threading.Timer(0.3, stop.set, ["asked"]).start()
        with pytest.raises(Stopped):
            Server(layout.root, bound_s=60, stop=stop).ready()
    with pytest.raises(Unserved, match="keeper is gone"):
        Server(layout.root, bound_s=60).ready()


@pytest.mark.parametrize(
    ("of_process", "state"),
    [
        ({}, "ready"),  # this very process
        ({"born": 1}, "starting"),  # its number, given to another since
        ({"pid": 2**22 + 1}, "starting"),  # no such process
        ({"pid": 2**22 + 1, "namespace": "pid:[1]"}, "ready"),  # another container's numbers
        ({"pid": 2**22 + 1, "born": None}, "ready"),  # an older keeper did not note it
    ],
    ids=["lives", "another's", "gone", "elsewhere", "unknown"],
)
def test_ready_is_believed_of_a_process_that_lives(
    tmp_path: Path, facts: ServerFacts, of_process: dict[str, Any], state: str
) -> None:
    layout = serving.ServerLayout(tmp_path)
    pid = os.getpid()
    here: dict[str, Any] = {"pid": pid, "born": serving.born(pid), "namespace": serving.pid_namespace()}
    serving.write(layout, replace(facts, **here | of_process))
    read = serving.read(layout)
    assert read is not None
    assert read.state == state


def test_a_zombie_was_born_no_more() -> None:
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet taken note of
        assert serving.born(process.pid) is None


def test_a_silent_server_is_given_up(tmp_path: Path, facts: ServerFacts) -> None:
    """It takes the connection and never answers."""
    import socket

    layout = serving.ServerLayout(tmp_path / "server")
    layout.root.mkdir()
    layout.key.write_text("k")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = replace(facts, port=listener.getsockname()[1])
        with pytest.raises(Unserved, match=r"no answer within|can't be reached: timed out"):
            Server(layout.root, bound_s=0.5).answer(told, "base", [[1]], SETTINGS, ends=[END], seed=0)


Change = Callable[[Path], None]


def _config(**more: Any) -> Change:
    def change(folder: Path) -> None:
        file = folder / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | more))

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_config(r=64), "rank is 64, and the server takes 32"),
        (_config(rank_pattern={"q_proj": 48}), "rank is 48"),
        (_config(use_dora=True), "use_dora"),
        (_config(modules_to_save=["lm_head"]), "modules_to_save"),
        (_config(bias="all"), "biases"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "full weights"),
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "full weights"),
    ],
    ids=["rank", "rank pattern", "dora", "saved modules", "bias", "no config", "no weights"],
)
def test_adapters_that_a_server_can_not_serve(
    facts: ServerFacts, adapter: Path, change: Change, says: str
) -> None:
    # A hub's model, whose shapes are not on this disk.
    facts = replace(facts, model="org/model", digest=None)
    check_adapter(adapter, "org/model", facts)
    change(adapter)
    with pytest.raises(Unserved, match=says):
        check_adapter(adapter, "org/model", facts)


def test_an_adapter_of_another_base_is_refused(facts: ServerFacts, adapter: Path, tmp_path: Path) -> None:
    """vLLM would load it, and answer like the base."""
    other = tmp_path / "sister"
    other.mkdir()
    (other / "config.json").write_text("{}")
    with pytest.raises(Unserved, match="sister, and the server serves"):
        check_adapter(adapter, str(other), facts)
    with pytest.raises(Unserved, match="org/other"):
        check_adapter(adapter, "org/other", replace(facts, model="org/model", digest=None))


def test_leases_end_with_their_holder(tmp_path: Path) -> None:
    layout = serving.ServerLayout(tmp_path)
    handle = serving.lease(layout, "exp_0001-1")
    assert handle is not None
    assert serving.leased(layout) == ["exp_0001-1"]
    handle.close()
    (layout.leases / "exp_0002-9").touch()  # a killed run's
    assert serving.leased(layout) == []
    assert list(layout.leases.iterdir()) == []


@pytest.mark.fault
def test_the_proxy_of_the_environment_is_not_asked(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    layout = start().layout
    server = Server(layout.root, bound_s=180)
    assert server.answer(server.ready(), "base", [[1]], SETTINGS, ends=[END], seed=0) == [[2, END]]


def test_the_module_that_asks_a_server_imports_no_torch() -> None:
    import subprocess
    import sys

    code = f"import sys, {served.__name__}; assert not {{'torch', 'transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=os.getcwd())
