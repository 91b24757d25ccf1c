"""A folder on another machine, by an ssh that runs its command here: the shell at the far end is a real one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.services.foreign import find
from cockpit.services.foreign.remote import Remote, split
from tests.services.foreign.test_sources import event, trainer_state

SSH = """#!/bin/sh
[ -e "$GONE" ] && { echo "ssh: connect to host gpu1 port 22: No route to host" >&2; exit 255; }
while [ $# -gt 1 ]; do shift; done
echo "Welcome to gpu1"
exec sh -c "$1"
"""


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's ssh; the host is out of reach while the file that this gives is there."""
    place = tmp_path / "bin" / "ssh"
    place.parent.mkdir()
    place.write_text(SSH)
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GONE", str(tmp_path / "gone"))
    return tmp_path / "gone"


@pytest.fixture
def far(tmp_path: Path) -> Path:
    folder = tmp_path / "far away's $(touch x)"
    folder.mkdir()
    return folder


@pytest.fixture
def remote(gone: Path, far: Path) -> Iterator[Remote]:
    trainer_state(far / "out/checkpoint-5", 5)
    (far / "out/model.safetensors").write_bytes(b"weights")
    found = Remote("gpu1", str(far))
    yield found
    found.close()
    assert not found.root.exists()


def test_a_run_is_followed_and_its_weights_stay_where_they_are(remote: Remote, far: Path) -> None:
    before = sorted(far.rglob("*"))
    (run,) = find(str(remote.root))
    assert [row.step for row in run.poll().rows] == [1, 2, 3, 4, 5]
    assert not list(remote.root.rglob("*.safetensors"))
    assert sorted(far.rglob("*")) == before
    events = far / "out/runs/x/events.out.tfevents.1.gpu1.7.0"
    events.parent.mkdir(parents=True)
    events.write_bytes(event(6, {"train/loss": 1.0}))
    remote.copy()
    assert [row.step for row in run.poll().rows] == [6]
    with events.open("ab") as handle:
        handle.write(event(7, {"train/loss": 0.5}))
    remote.copy()
    assert [row.step for row in run.poll().rows] == [7]


def test_a_large_file_comes_whole(remote: Remote, far: Path) -> None:
    rows = "".join(f'{{"step": {step}, "loss": 1.0, "word": "{"x" * 60}"}}\n' for step in range(30_000))
    (far / "b").mkdir()
    (far / "b/metrics.jsonl").write_text(rows)
    remote.copy()
    assert (remote.root / "b/metrics.jsonl").read_text() == rows


def test_a_file_that_was_begun_anew_is_read_anew(remote: Remote, far: Path) -> None:
    log = far / "b" / "metrics.jsonl"
    log.parent.mkdir()
    log.write_text('{"step": 1, "loss": 2.0}\n' * 9)
    remote.copy()
    log.unlink()
    log.write_text('{"step": 1, "loss": 3.0}\n')
    remote.copy()
    assert (remote.root / "b/metrics.jsonl").read_text() == '{"step": 1, "loss": 3.0}\n'


def test_the_command_tells_a_run_of_another_machine(
    gone: Path, far: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_state(far / "run", 60, of=60)
    assert main(["watch", f"gpu1:{far / 'run'}", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [(run["technique"], run["state"], run["step"]) for run in told["runs"]] == [
        ("sft", "finished", 60)
    ]


@pytest.mark.parametrize("missing", [True, False])
def test_what_is_not_there_and_who_is_not_reached_are_two_sentences(
    gone: Path, far: Path, capsys: pytest.CaptureFixture[str], missing: bool
) -> None:
    if not missing:
        gone.touch()
    assert main(["watch", f"gpu1:{far}/nothing"]) == 2
    said = capsys.readouterr().err
    assert (f"there is nothing at {far}/nothing on gpu1" in said) == missing
    assert ("No route to host" in said) != missing


def test_a_line_that_breaks_is_said_and_the_copy_stays(remote: Remote, gone: Path) -> None:
    gone.touch()
    remote._shell.kill()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(OSError, match=r"the connection to gpu1 ended|Broken pipe"):
        remote.copy()
    assert list(remote.root.rglob("trainer_state.json"))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("gpu1:/runs/a", ("gpu1", "/runs/a")),
        ("me@gpu-1.lab:runs", ("me@gpu-1.lab", "runs")),
        ("gpu1:~/out put", ("gpu1", "~/out put")),
        ("http://127.0.0.1:5000", None),
        ("sqlite:///mlflow.db", None),
        ("-oProxyCommand=x:/a", None),
        ("runs/a", None),
    ],
)
def test_what_is_a_place_on_another_machine(place: str, expected: tuple[str, str] | None) -> None:
    assert split(place) == expected


def test_a_name_that_leads_out_of_the_copy_is_not_taken(
    gone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (far / "stat").write_text("#!/bin/sh\necho 5 1 1 ./../../evil.log\necho x 1 1 ./a.log\n")
    (far / "stat").chmod(0o755)
    (far / "a.log").write_text("12345")
    monkeypatch.setenv("PATH", f"{far}{os.pathsep}{os.environ['PATH']}")
    remote = Remote("gpu1", str(far))
    try:
        with pytest.raises(CockpitError, match="no run was found"):
            find(str(remote.root))
    finally:
        remote.close()
    assert not list(tmp_path.rglob("evil.log"))
