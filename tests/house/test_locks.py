"""The lock files: they hold what the ranges ask for, for every environment, and nothing of where they were made."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

from cockpit.services.system import environment_specs, lockfiles, stack
from cockpit.services.system.environment_specs import Spec

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
UNLOCKED = {
    "docs"
}  # builds pages, in an environment of its own (`make docs`): nothing that trains goes by it
BUILDS = environment_specs.every_build()
LOCKS = [lockfiles.MAIN, *(spec.lock for spec in BUILDS)]
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}
MACHINES = [
    {**platform, "python_version": python, "python_full_version": f"{python}.0", "os_name": "posix"}
    for platform, python in product((LINUX, MACOS), ("3.11", "3.12", "3.13"))
]
ONE_VERSION = re.compile(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.]*( ; [a-z0-9_'.<>=!() ]+)?", re.IGNORECASE)


def unmet(lock: str, asked: Sequence[str], machines: Sequence[dict[str, str]] = MACHINES) -> list[str]:
    """The requirements that a lock does not meet on one of the machines; torch is none of a lock's."""
    found: list[str] = []
    for machine in machines:
        versions = lockfiles.read(lock, machine)
        for wish in map(Requirement, asked):
            version = versions.get(lockfiles.normal(wish.name))
            if wish.name != "torch" and (version is None or version not in wish.specifier):
                found.append(f"{wish}: {version} on {machine['sys_platform']}, {machine['python_version']}")
    return found


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - UNLOCKED))
def test_every_extra_is_met_by_a_lock(extra: str) -> None:
    if extra == "art":
        assert not unmet("art", EXTRAS[extra]), "run `make lock`"
    else:
        assert not unmet(lockfiles.MAIN, [*PROJECT["dependencies"], *EXTRAS[extra]]), "run `make lock`"


@pytest.mark.parametrize("spec", BUILDS, ids=lambda spec: spec.lock)
def test_every_environment_is_met_by_its_lock(spec: Spec) -> None:
    asked = [word for step in (*spec.instead, *spec.steps) for word in step if not word.startswith("-")]
    machines = [one for one in MACHINES if not spec.needs_gpu or one["sys_platform"] == "linux"]
    assert not unmet(spec.lock, asked, machines), "run `make lock`"


def test_what_an_unlocked_range_asks_for_is_named() -> None:
    assert len(unmet(lockfiles.MAIN, ["trl<1", "no-such-package", "torch>=99"])) == 2 * len(MACHINES)


def test_every_lock_has_its_environment() -> None:
    assert {path.stem for path in lockfiles.path(lockfiles.MAIN).parent.iterdir()} == set(LOCKS)
    assert {spec.name for spec in BUILDS} == set(environment_specs.KNOWN)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_exact_versions_and_nothing_of_an_index_a_path_or_a_build(lock: str) -> None:
    first, *lines = lockfiles.path(lock).read_text().splitlines()
    assert first.startswith("# ")
    assert lines == sorted(lines)
    assert [line for line in lines if not ONE_VERSION.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_says_which_torch(lock: str) -> None:
    names = {re.split("[=; ]", line)[0] for line in lockfiles.path(lock).read_text().splitlines()[1:]}
    assert not names & {"torch", "nvidia-cublas", "nvidia-cudnn-cu13", "cuda-toolkit"}
    if lock != "vllm-gpu":  # whose kernels ask for tools of CUDA themselves
        assert {name for name in names if re.match("nvidia-|cuda-|triton", name)} <= {"nvidia-ml-py"}


def test_what_is_shared_is_the_same_in_both_locks() -> None:
    """Else the environment that shares could not take its lock beside a cockpit that was installed by `make setup`."""
    for spec in (one for one in BUILDS if one.shares_first):
        for machine in MACHINES:
            main, own = (lockfiles.read(lock, machine) for lock in (lockfiles.MAIN, spec.lock))
            names = [entry.partition("==")[0] for entry in spec.shares]
            assert not lockfiles.differing({name: own[name] for name in names if name in own}, main)


def test_the_versions_that_count_as_tested_are_those_locked() -> None:
    locked = lockfiles.read()
    others = {name: (tested, locked[name]) for name, tested in stack.TESTED.items() if name != "torch"
              and not stack.same_release(locked[name], tested)}  # fmt: skip
    assert not others


def test_installed_goes_by_the_folders_and_the_first_one_found_counts(tmp_path: Path) -> None:
    for place, folder in (
        ("a", "Some_Thing-1.2+cpu.dist-info"),
        ("b", "some.thing-9.dist-info"),
        ("b", "x-y-1"),
    ):
        (tmp_path / place / folder).mkdir(parents=True)
    there = lockfiles.installed([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "none")])
    assert there == {"some-thing": "1.2+cpu"}
    assert lockfiles.differing({"some-thing": "1.2", "not-there": "1"}, there) == {}
    assert lockfiles.differing({"some-thing": "1.3"}, there) == {"some-thing": ("1.2+cpu", "1.3")}


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    found = importlib.util.spec_from_file_location("installer", ROOT / ".ci" / "install_packages.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("settings", "venv", "will"),
    [
        ("", "home = /usr/bin\ninclude-system-site-packages = false\n", True),
        ("global.cert='/a/b'\nglobal.extra-index-url='file:///more'\n:env:.find-links='/w'\n", "", True),
        ("global.index-url='https://mirror.example/simple'\n", "", False),
        (":env:.index-url='https://mirror.example/simple'\n", "", False),
        ("install.no-index='true'\n", "", False),
        ("", "home = /usr/bin\ninclude-system-site-packages = true\n", False),
    ],
)
def test_uv_installs_only_what_pip_would(installer: ModuleType, settings: str, venv: str, will: bool) -> None:
    assert installer.uv_will_do(settings, venv) is will
