"""The keeper's promises, with real processes: found again, restarted, ended without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import serving
from cockpit.contract.errors import CockpitError
from cockpit.services.serving import keeper, servers
from cockpit.services.serving.servers import Server, ServerRequest
from cockpit.services.system.processes import descendants, look
from tests.services.serving.conftest import Start
from tests.support.attempts import PATIENCE_S, until
from trainers.scoring.served import Server as Asker
from trainers.scoring.served import Unserved

pytestmark = pytest.mark.fault


def running(server: Server) -> list[int]:
    """Pids of a server's processes, the engine's among them."""
    return [row.pid for row in servers.processes_of(server.facts)]


def alive(pids: Iterable[int]) -> list[int]:
    """Those that live; a zombie holds nothing."""
    return [pid for pid in pids if (row := look(pid)) is not None and not row.zombie]


def keeper_of(server: Server) -> int:
    assert server.facts.pid is not None
    return int(Path(f"/proc/{server.facts.pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def state_of(server: Server) -> str:
    facts = serving.read(server.layout)
    return facts.state if facts is not None else ""


def test_a_second_start_finds_the_first_one(start: Start, model: Path, python: Callable[..., str]) -> None:
    server = start()
    again, found = servers.start(None, str(model), ServerRequest(python=python()))
    assert found
    assert (again.facts.pid, again.facts.port) == (server.facts.pid, server.facts.port)
    assert [s.facts.pid for s in servers.every() if s.alive] == [server.facts.pid]


def test_two_that_start_at_once_make_one(start: Start, model: Path, python: Callable[..., str]) -> None:
    code = (
        "import sys; from cockpit.services.serving import servers\n"
        "from cockpit.services.serving.servers import ServerRequest\n"
        f"s, _ = servers.start(None, {str(model)!r}, ServerRequest(python={python()!r}))\n"
        "print(servers.wait(s.layout, 180).pid)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate(timeout=PATIENCE_S)[0].strip() for process in both]
    server = start()
    assert told == [str(server.facts.pid)] * 2


def test_stopping_leaves_no_process_and_no_key(start: Start) -> None:
    server = start()
    assert len(running(server)) >= 2
    key = serving.read_key(server.layout)
    facts = servers.stop(server.layout)
    assert facts is not None
    assert facts.state == "stopped"
    assert running(server) == []
    assert not server.layout.key.exists()
    assert not any(key in path.read_text() for path in server.layout.root.rglob("*") if path.is_file())


def test_the_key_is_its_owners_and_never_in_a_command_line(start: Start) -> None:
    server = start()
    key = serving.read_key(server.layout)
    assert len(key) == 64
    assert server.layout.key.stat().st_mode & 0o777 == 0o600
    assert server.layout.root.stat().st_mode & 0o777 == 0o700
    for pid in [*running(server), keeper_of(server)]:
        assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in (server.layout.record, server.layout.plan, server.layout.log, server.layout.keeper_log):
        assert key not in path.read_text()
    assert server.facts.host == "127.0.0.1"


def test_the_one_that_answers_is_killed_and_comes_back(start: Start) -> None:
    """vLLM's engine stays behind and holds the memory; the keeper ends it before it starts anew."""
    server = start()
    before = running(server)
    assert server.facts.pid is not None
    os.kill(server.facts.pid, signal.SIGKILL)
    facts: Any = until(
        lambda: (f := serving.read(server.layout)) and f.restarts == 1 and f.state == "ready" and f
    )
    now = running(Server(server.layout, facts, True))
    assert facts.pid != server.facts.pid
    assert not set(before) & set(now)
    assert alive(before) == []


def test_what_died_is_not_ready_for_anybody_before_its_keeper_has_noticed(start: Start) -> None:
    """The keeper is held, so that the record goes on saying "ready"; whoever reads it looks at the process."""
    server = start()
    assert server.facts.pid is not None
    above = keeper_of(server)
    os.kill(above, signal.SIGSTOP)
    try:
        os.kill(server.facts.pid, signal.SIGKILL)
        until(lambda: alive([server.facts.pid or 0]) == [])
        assert json.loads(server.layout.record.read_text())["state"] == "ready"
        assert serving.kept(server.layout)
        assert state_of(server) == "starting"
        assert [(s.facts.state, s.adapters) for s in servers.every()] == [("starting", ())]
        with pytest.raises(CockpitError, match="not ready after"):
            servers.wait(server.layout, 0.5)
        with pytest.raises(Unserved, match="still starting after"):
            Asker(server.layout.root, bound_s=0.5).ready()
    finally:
        os.kill(above, signal.SIGCONT)
    facts = servers.wait(server.layout, PATIENCE_S)
    assert facts.restarts == 1
    assert facts.pid != server.facts.pid
    assert Asker(server.layout.root, bound_s=PATIENCE_S).ready().pid == facts.pid


def test_a_server_whose_keeper_was_killed_is_not_waited_for(start: Start) -> None:
    """It may live a little longer, but nobody keeps it."""
    server = start()
    assert server.facts.pid is not None
    os.kill(server.facts.pid, signal.SIGSTOP)  # it would end by itself, and take the question along
    os.kill(keeper_of(server), signal.SIGKILL)
    until(lambda: not serving.kept(server.layout))
    assert alive([server.facts.pid]) == [server.facts.pid]
    with pytest.raises(CockpitError, match="did not start: its keeper is gone"):
        servers.wait(server.layout, PATIENCE_S)


class Told(keeper.Keeper):
    """Notes what the record says whenever the keeper begins to end processes."""

    def __init__(self, layout: serving.ServerLayout, plan: dict[str, Any]) -> None:
        super().__init__(layout, plan)
        self.told: list[tuple[str, str, int]] = []

    def _end(self) -> None:
        facts = serving.read(self.layout)
        if self.process is not None and facts is not None:
            self.told.append((facts.state, facts.says, facts.restarts))
        super()._end()


def test_the_keeper_says_what_it_does_before_it_does_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, and with a server that falls silent as often as it is started."""
    monkeypatch.setattr(keeper, "HEALTH_EVERY_S", 0.1)
    monkeypatch.setattr(keeper, "HEALTH_MISSES", 1)
    monkeypatch.setattr(keeper, "TICK_S", 0.05)
    server = start("deaf")
    servers.stop(server.layout)
    kept = Told(server.layout, json.loads(server.layout.plan.read_text()))
    assert kept.run() == 1
    why = "it lives, but does not answer any more"
    assert kept.told == [
        *(("starting", f"restarting: {why}", count) for count in range(1, keeper.RESTARTS + 1)),
        ("stopping", why, keeper.RESTARTS),
    ]
    facts = serving.read(server.layout)
    assert facts is not None
    assert (facts.state, facts.says, facts.restarts) == ("failed", why, keeper.RESTARTS)


def test_a_killed_keeper_takes_the_server_along(start: Start) -> None:
    server = start()
    os.kill(keeper_of(server), signal.SIGKILL)
    until(lambda: not serving.kept(server.layout))
    servers.sweep(server.layout)
    assert running(server) == []
    assert state_of(server) == "stopped"
    assert not server.layout.key.exists()


def test_everything_but_the_engine_is_killed_and_the_next_look_sweeps(start: Start) -> None:
    server = start()
    assert server.facts.pid is not None
    above = keeper_of(server)
    engine = [row.pid for row in descendants(server.facts.pid)]
    os.kill(above, signal.SIGSTOP)  # it must not come to its senses in between
    os.kill(server.facts.pid, signal.SIGKILL)
    os.kill(above, signal.SIGKILL)
    until(lambda: not serving.kept(server.layout))
    assert alive(engine) == engine != []
    assert [s.facts.says for s in servers.every()] == ["its keeper was killed"]
    assert alive(engine) == []


def test_the_next_start_after_a_kill_is_a_new_server(start: Start) -> None:
    server = start()
    os.kill(keeper_of(server), signal.SIGKILL)
    until(lambda: not serving.kept(server.layout))
    again = start()
    assert again.facts.state == "ready"
    assert again.facts.pid != server.facts.pid


def test_it_ends_when_nobody_needs_it_and_not_while_a_run_does(start: Start) -> None:
    server = start(ready=False, idle_min=0.02)
    lease = serving.lease(server.layout, "exp_0001-1")
    assert lease is not None
    servers.wait(server.layout, PATIENCE_S)
    time.sleep(3)
    assert state_of(server) == "ready"
    lease.close()
    until(lambda: state_of(server) == "stopped")
    facts = serving.read(server.layout)
    assert facts is not None
    assert "nobody asked" in facts.says
    assert running(server) == []


def test_what_can_not_start_says_why_and_is_not_tried_again(start: Start) -> None:
    server = start("crash", ready=False)
    with pytest.raises(CockpitError, match="no kernel for") as caught:
        servers.wait(server.layout, PATIENCE_S)
    assert str(server.layout.log) in str(caught.value)
    facts = serving.read(server.layout)
    assert facts is not None
    assert (facts.state, facts.restarts) == ("failed", 0)


def test_what_starts_but_can_not_answer_is_not_called_ready(start: Start) -> None:
    server = start("broken", ready=False)
    with pytest.raises(CockpitError, match="can't answer: HTTP 500"):
        servers.wait(server.layout, PATIENCE_S)
    assert running(server) == []


def test_one_that_no_longer_answers_is_started_anew(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, with less patience than the real one has."""
    monkeypatch.setattr(keeper, "HEALTH_EVERY_S", 0.1)
    monkeypatch.setattr(keeper, "HEALTH_MISSES", 3)
    monkeypatch.setattr(keeper, "TICK_S", 0.05)
    server = start("deaf")
    servers.stop(server.layout)
    kept = keeper.Keeper(server.layout, json.loads(server.layout.plan.read_text()))
    server.layout.key.write_text("a key")
    try:
        assert kept._one_life() == "it lives, but does not answer any more"
    finally:
        kept._end()
    assert running(Server(server.layout, kept.facts, False)) == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"max_model_len": 0}, "serve.max_model_len=0: it must be more than 0"),
        ({"idle_min": -1}, "serve.idle_min=-1: it can't be less than 0"),
        ({"max_model_len": "2k"}, "serve.max_model_len='2k': it must be a whole number"),
        ({"max_loras": True}, "serve.max_loras=True: it must be a whole number"),
        ({"kv_cache_gib": "1"}, "serve.kv_cache_gib='1': it must be a number"),
        ({"python": 3}, "serve.python=3: it must be a text"),
        ({"python": "/nowhere/python"}, "serve.python is no interpreter"),
    ],
)
def test_a_request_that_can_not_be_is_one_sentence(model: Path, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(CockpitError, match=says):
        servers.start(None, str(model), ServerRequest(**asked))
    assert servers.every() == []


def test_a_start_without_vllm_names_the_command(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CockpitError, match="cockpit env add vllm"):
        servers.start(None, str(model), ServerRequest())
