"""A push to a hub of the test's own: one commit, private, with the token of the environment."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError

pytest.importorskip("huggingface_hub")


class Hub(BaseHTTPRequestHandler):
    """What huggingface_hub asks when it makes a repository and commits small files to it."""

    asked: list[tuple[str, str, bytes]]
    private: bool | None = None
    """Of the repository that is there; None where there is none."""

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        if self.private is None:
            self._answer({"error": "Repository not found"}, 404, "RepoNotFound")
        else:
            self._answer({"id": "me/model", "sha": "0" * 40, "siblings": [], "private": self.private})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        type(self).asked.append((self.path, self.headers.get("Authorization") or "", body))
        if self.headers.get("Authorization") != "Bearer hf_right":
            self._answer({"error": "Invalid username or password."}, 401)
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            told = {"uploadMode": "regular", "shouldIgnore": False}
            self._answer({"files": [{"path": name, **told} for name in names]})
        elif "/commit/" in self.path:
            url = f"{os.environ['HF_ENDPOINT']}/me/model/commit/{'1' * 40}"
            self._answer({"commitUrl": url, "commitOid": "1" * 40, "success": True})
        else:
            self._answer({"url": f"{os.environ['HF_ENDPOINT']}/me/model", "name": "me/model"})

    def _answer(self, value: object, code: int = 200, error: str = "") -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    Hub.asked, Hub.private = [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_folder_is_pushed_in_one_private_commit(
    hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainers.exports.push import run

    monkeypatch.setenv("HF_TOKEN", "hf_right")
    (tmp_path / "README.md").write_text("the card")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    asked = {"folder": str(tmp_path), "repo": "me/model", "message": "exp_0001 as merged"}
    assert run(asked, lambda _: None)["url"].endswith(f"/me/model/commit/{'1' * 40}")
    made = json.loads(next(body for path, _, body in hub.asked if path.endswith("/repos/create")))
    assert (made["name"], made["visibility"]) == ("model", "private")
    (commit,) = [body for path, _, body in hub.asked if "/commit/" in path]
    rows = [json.loads(line) for line in commit.splitlines()]
    told = {
        row["value"]["path"]: base64.b64decode(row["value"]["content"])
        for row in rows
        if row["key"] == "file"
    }
    assert told == {"README.md": b"the card", "model.safetensors": b"weights"}
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(CockpitError, match="the hub did not take it") as refused:
        run(asked, lambda _: None)
    assert "hf_wrong" not in str(refused.value)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CockpitError, match="the hub did not take it") as refused:
        run(asked, lambda _: None)
    assert "the same command again" in refused.value.fix


def test_a_repository_that_is_there_keeps_who_may_see_it_and_a_public_one_must_be_meant(
    hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainers.exports.push import run

    monkeypatch.setenv("HF_TOKEN", "hf_right")
    (tmp_path / "README.md").write_text("the card")
    asked = {"folder": str(tmp_path), "repo": "me/model", "message": "exp_0001 as merged"}
    hub.private = False
    with pytest.raises(CockpitError, match="there already and public") as refused:
        run(asked, lambda _: None)
    assert "--public" in refused.value.fix
    assert hub.asked == []
    assert run({**asked, "public": True}, lambda _: None)["url"]
    hub.private = True
    assert run(asked, lambda _: None)["url"]
    assert not [path for path, _, _ in hub.asked if path.endswith("/repos/create")]
