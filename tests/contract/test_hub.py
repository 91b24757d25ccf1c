"""Whether the hub can be reached: asked at the right address, answered in time, and believed by what loads models."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.network import hub
from cockpit.services import doctor
from cockpit.services.dataset import hub_rows
from cockpit.services.system import stack
from trainers.attempt.environment import quiet_environment
from trainers.model.loading import cannot_load

VARIABLES = (
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    hub.SILENT,
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        for form in (name, name.upper(), name.lower()):
            monkeypatch.setenv(form, "")  # so that what a test sets is taken away again
            monkeypatch.delenv(form)


@pytest.fixture
def listener() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def deaf() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"  # nobody listens any more


@pytest.mark.parametrize(
    ("env", "where"),
    [
        ({}, ("huggingface.co", 443)),
        ({"HF_ENDPOINT": "https://mirror.example"}, ("mirror.example", 443)),
        ({"HF_ENDPOINT": "http://mirror.example:8080/hf"}, ("mirror.example", 8080)),
        ({"HF_ENDPOINT": "mirror.example"}, ("mirror.example", 443)),
        ({"https_proxy": "http://user:secret@proxy.example:3128"}, ("proxy.example", 3128)),
        ({"HTTPS_PROXY": "proxy.example:3128"}, ("proxy.example", 3128)),
        ({"all_proxy": "socks5://proxy.example"}, ("proxy.example", 1080)),
        ({"https_proxy": "http://proxy.example:3128", "no_proxy": "huggingface.co"}, ("huggingface.co", 443)),
        ({"http_proxy": "http://proxy.example:3128"}, ("huggingface.co", 443)),
        ({"HF_ENDPOINT": "https://mirror.example:none"}, ("mirror.example", 443)),
    ],
)
def test_who_is_asked_first(
    env: dict[str, str], where: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert hub.host() == where


def test_somebody_listens_or_nobody(listener: str, deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://{listener}")
    assert hub.reachable()
    monkeypatch.setenv("HF_ENDPOINT", f"http://{deaf}")
    assert not hub.reachable()
    monkeypatch.setenv("HF_ENDPOINT", "https://")
    assert not hub.reachable()


def test_what_the_hub_says_of_a_model(deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = self.headers.get("Authorization") == "Bearer mine"
            self.send_response(200 if self.path == "/api/models/a/b" or told else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        assert (hub.status("a/b"), hub.status("a/none")) == (200, 404)
        monkeypatch.setenv("HF_TOKEN", "mine")
        assert hub.status("a/private") == 200
        server.shutdown()
    monkeypatch.setenv("HF_ENDPOINT", f"http://{deaf}")
    assert hub.status("a/b") == 0


def test_the_token_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str | None]] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Authorization")))
            to = {"/api/models/a/old": "/api/models/a/new", "/api/models/a/away": elsewhere}.get(self.path)
            self.send_response(307 if to else 200)
            self.send_header("Location", to or "")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Hub) as one,
        ThreadingHTTPServer(("127.0.0.1", 0), Hub) as other,
    ):
        elsewhere = f"http://127.0.0.1:{other.server_port}/there"
        for server in (one, other):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{one.server_port}")
        monkeypatch.setenv("HF_TOKEN", "mine")
        assert (hub.status("a/old"), hub.status("a/away")) == (200, 200)
        one.shutdown()
        other.shutdown()
    mine = "Bearer mine"
    assert seen == [
        ("/api/models/a/old", mine), ("/api/models/a/new", mine), ("/api/models/a/away", mine), ("/there", None),
    ]  # fmt: skip


def test_a_name_server_that_hangs_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(hub.socket, "create_connection", lambda *_, **__: free.wait(180) and socket.socket())
    began = time.monotonic()
    assert not hub.reachable(0.2)
    free.set()
    assert time.monotonic() - began < 120


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("Qwen/Qwen3-0.6B", True), ("gpt2", True), ("/models/x", False), ("./x", False), ("~/x", False),
     ("a/b/c", False), ("", False), (None, False)],
)  # fmt: skip
def test_what_is_a_name_of_the_hub(name: str | None, is_one: bool) -> None:
    assert hub.is_id(name) is is_one


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny/base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not hub.is_id("tiny/base")


def of(model: str) -> Recipe:
    return Recipe.parse({
        "experiment_id": "exp_0001", "technique": "sft", "model": {"name_or_path": model}, "verifier": "exact",
        "data": {"train": "t", "mini_eval": "e", "held_out": "h"},
    })  # fmt: skip


def test_where_the_hub_is_silent_a_trainer_asks_its_cache_alone(
    deaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://{deaf}")
    quiet_environment(of("some/model"))
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    told: CockpitError = cannot_load("tokenizer", "some/model", OSError("offline"))
    assert "the hub (127.0.0.1) can't be reached, and its cache does not hold some/model" in str(told)
    assert "HF_HUB_OFFLINE" not in str(told), "the user did not set it"


@pytest.mark.parametrize(("model", "mine"), [("/models/x", None), ("some/model", "0"), ("some/model", "1")])
def test_nobody_is_asked_for_a_folder_or_where_the_user_has_said_it(
    model: str, mine: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "reachable", lambda: pytest.fail("asked"))
    if mine is not None:
        monkeypatch.setenv("HF_HUB_OFFLINE", mine)
    quiet_environment(of(model))
    assert os.environ.get("HF_HUB_OFFLINE") == mine
    assert hub.SILENT not in os.environ


def test_a_hub_that_answers_is_used(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://{listener}")
    quiet_environment(of("some/model"))
    assert "HF_HUB_OFFLINE" not in os.environ


def test_a_data_set_of_a_silent_hub_is_refused_at_once(deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://{deaf}")
    with pytest.raises(CockpitError, match="the hub can't be reached from here"):
        next(hub_rows.stream("some/set", split=None, limit=1))


def test_the_doctor_says_it(deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://{deaf}")
    silent = doctor.judge_hub(os.environ, True, hub.reachable())
    assert (silent.level, silent.message.split(",")[0]) == ("warn", "127.0.0.1 can't be reached")
    assert "HTTPS_PROXY" in silent.fix
    assert doctor.judge_hub(os.environ, True, True).level == "ok"
    assert doctor.judge_hub(os.environ, True).level == "ok"


def test_the_doctor_goes_by_the_environment_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "reachable", lambda: pytest.fail("asked"))
    monkeypatch.setattr(doctor.stack, "ask_torch", lambda *_: stack.Torch(version="2.13.0"))
    found = doctor.checks(tmp_path, env={"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": "/there"})
    (said,) = [check.message for check in found if check.name == "hugging face"]
    assert said.startswith("offline, ")
    assert said.endswith("cache /there")
