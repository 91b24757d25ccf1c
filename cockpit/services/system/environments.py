"""Make separate environments, one per workspace and kind, for packages that can't share the cockpit's versions.

An environment is a venv below the workspace's cache. One that shares sees the cockpit's own libraries (torch,
transformers, …) behind what is installed into it, through a `.pth` file: seconds and a few megabytes instead of minutes
and gigabytes. `env.json` is written last: a folder without it is half an environment and is made anew.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cockpit.contract import atomic, lock
from cockpit.contract.bounded import children
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.system import lockfiles
from cockpit.services.system.environment_specs import KNOWN as KNOWN
from cockpit.services.system.environment_specs import Spec as Spec
from cockpit.services.system.paths import cache_dir

Say = Callable[[str], None]
RECORD = "env.json"
SHARED = "_cockpit_shared.pth"
PIP_S = 1800.0  # longer than any install that still moves


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment as it stands: `ready` when it was made whole, `python` its interpreter."""

    name: str
    description: str
    ready: bool
    python: Path
    folder: Path
    installed: Mapping[str, str]
    shared: bool = False
    seconds: float | None = None
    megabytes: float | None = None


def folder_of(root: Path | None, name: str = "") -> Path:
    """Where a workspace's environments are; where `name` is one that all workspaces share, the user's cache."""
    if root is None or (name in KNOWN and KNOWN[name].everywhere):
        return cache_dir() / "envs"
    return WorkspaceLayout(root).cache / "envs"


def look(root: Path | None, name: str) -> Environment:
    """The environment `name` of the workspace at `root`, made or not. Raises CockpitError for a name unknown."""
    folder = folder_of(root, name) / _known(name, folder_of(root, name))
    facts = atomic.read_object(folder / RECORD) or {}
    python = folder / "bin" / "python"
    spec = KNOWN.get(name)
    return Environment(
        name=name,
        description=str(facts.get("says") or (spec.description if spec else "")),
        ready=bool(facts) and python.exists(),
        python=python,
        folder=folder,
        installed=cast("dict[str, str]", facts.get("installed") or {}),
        shared=bool(facts.get("shared")),
        seconds=facts.get("seconds"),
        megabytes=facts.get("megabytes"),
    )


def every(root: Path) -> list[Environment]:
    """Every environment that is known or made, by name."""
    home = folder_of(root)
    made = {path.name for path in home.iterdir() if path.is_dir()} if home.is_dir() else set[str]()
    return [look(root, name) for name in sorted({*KNOWN, *made})]


def for_technique(root: Path, technique: str) -> Environment | None:
    """The environment that a technique's trainer needs; None where the cockpit's own will do."""
    name = next((spec.name for spec in KNOWN.values() if technique in spec.techniques), None)
    return look(root, name) if name else None


def add(
    root: Path | None, name: str, *, packages: Sequence[str] = (), say: Say = print, spec: Spec | None = None
) -> Environment:
    """Make the environment `name`, or find it made. `packages`: one of your own, `pip install`ed as they stand.

    Blocks for seconds to minutes; two that make it at once make one. Raises CockpitError with pip's last word.
    """
    spec = spec or (Spec(name, "your own", steps=(tuple(packages),)) if packages else KNOWN.get(name))
    if spec is None:
        raise CockpitError(
            f"there is no environment {name!r}",
            f"There is: {', '.join(KNOWN)}. One of your own: cockpit env add {name} PACKAGE==VERSION …",
        )
    if not name.replace("-", "").replace("_", "").isalnum():
        raise CockpitError(f"{name!r} is no name for an environment", "Use letters, digits, - and _.")
    home = folder_of(root, name)
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / f".{name}.lock", say):
        if (home / name / RECORD).is_file():
            return look(root, name)
        _make(home / name, spec, say)
    return look(root, name)


def remove(root: Path | None, name: str) -> Path:
    """Delete an environment; gives its folder. Raises CockpitError where there is none."""
    folder = folder_of(root, name) / _known(name, folder_of(root, name))
    if not folder.is_dir():
        raise CockpitError(f"the environment {name!r} was never made", file=folder)
    (folder / RECORD).unlink(
        missing_ok=True
    )  # first, so that half a deletion is not taken for an environment
    shutil.rmtree(folder)
    return folder


def _known(name: str, home: Path) -> str:
    if name in KNOWN or (Path(name).name == name and (home / name).is_dir()):
        return name
    raise CockpitError(f"there is no environment {name!r}", f"There is: {', '.join(KNOWN)}.")


def _make(folder: Path, spec: Spec, say: Say) -> None:
    began = time.monotonic()
    shared = bool(spec.shares) and _has_all(spec.shares)
    own_pip = importlib.util.find_spec("pip") is None
    say(f"Making the environment {spec.name} ({spec.description}).")
    shutil.rmtree(folder, ignore_errors=True)
    _run(
        [sys.executable, "-m", "venv", *([] if own_pip else ["--without-pip"]), str(folder)],
        "the venv could not be made",
        "Install Python's venv module (Debian: apt-get install python3-venv).",
    )
    python = folder / "bin" / "python"
    if shared and spec.shares_first:
        _share(folder)
    pip = [str(python), "-m", "pip"] if own_pip else [sys.executable, "-m", "pip", "--python", str(python)]
    versions = pins(spec, shared, say)
    for step in (*(() if shared else spec.instead), *spec.steps):
        more = f" … ({len(step) - 6} more)" if len(step) > 6 else ""
        say(f"pip install {' '.join(step[:6])}{more}")
        # Most of what comes is never imported; what is, Python compiles then.
        options = [
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-compile",
            "--quiet",
            *versions,
        ]
        _run([*pip, *options, *step], "pip could not install it", "Is there a network, or a package index?")
    for name, version in spec.shims.items():
        _shim(folder, name, version)
    if shared:
        _share(folder)
        say(f"It shares the cockpit's {', '.join(spec.shares)}.")
    if spec.check:
        say("Trying it.")
        _run([str(python), "-c", spec.check], "it was installed, but does not work", "")
    size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    atomic.write_json(
        folder / RECORD,
        {
            "v": 1,
            "says": spec.description,
            "installed": _installed(folder),
            "steps": [list(step) for step in spec.steps],
            "shared": shared,
            "seconds": round(time.monotonic() - began, 1),
            "megabytes": round(size / 2**20, 1),
        },
    )


def pins(spec: Spec, shared: bool, say: Say, own: Mapping[str, str] | None = None) -> list[str]:
    """The options with which pip takes the versions of the spec's lock.

    None beside shared libraries of other versions (a plain `pip install` chose them from ranges): the lock was resolved
    together with its own, and what fits those need not fit these. `own`: what the cockpit's own environment holds.
    """
    if not spec.lock:
        return []
    if shared and spec.shares_first:
        names = [lockfiles.normal(entry.partition("==")[0]) for entry in spec.shares]
        own = lockfiles.installed(_own_places()) if own is None else own
        there = {name: own[name] for name in names if name in own}
        if others := lockfiles.differing(lockfiles.read(spec.lock), there):
            say(
                f"Not from its lock: the cockpit's own {', '.join(others)} differ, and pip chooses what fits."
            )
            return []
    return ["-c", str(lockfiles.path(spec.lock))]


def _share(folder: Path) -> None:
    """Behind what is installed into it, the environment in `folder` sees the cockpit's own libraries."""
    _site_packages(folder).joinpath(SHARED).write_text("".join(f"{place}\n" for place in _own_places()))


def _shim(folder: Path, name: str, version: str) -> None:
    """A distribution that is nothing but its name and version."""
    place = _site_packages(folder) / f"{name}-{version}.dist-info"
    place.mkdir(exist_ok=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (place / "INSTALLER").write_text("cockpit\n")
    (place / "RECORD").write_text("")


def _has_all(names: Sequence[str]) -> bool:
    """Whether the cockpit's own environment holds every one of these distributions, in the version that is named."""
    try:
        for name, _, wanted in (entry.partition("==") for entry in names):
            found = importlib.metadata.version(name)
            if wanted and found.partition("+")[0] != wanted:
                return False
        return True
    except importlib.metadata.PackageNotFoundError:
        return False


def _own_places() -> list[str]:
    """The folders with the libraries that this interpreter sees, its own before those of a system it includes."""
    own = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    seen = [place for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    return list(dict.fromkeys(place for place in (*own, *seen) if os.path.isdir(place)))


def _site_packages(folder: Path) -> Path:
    return next((folder / "lib").glob("python*/site-packages"))


def _installed(folder: Path) -> dict[str, str]:
    found = importlib.metadata.distributions(path=[str(_site_packages(folder))])
    return {dist.metadata["Name"]: dist.version for dist in found if dist.metadata["Name"] not in ("pip",)}


def _run(command: list[str], what: str, fix: str) -> None:
    env = {
        **os.environ,
        "PIP_NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    env.pop("PYTHONPATH", None)
    try:
        done = children.ask(command, env=env, seconds=PIP_S)
    except OSError as error:
        raise CockpitError(f"{what}: {error.strerror}", fix) from error
    if done.late:
        raise CockpitError(f"{what}: no answer within {PIP_S / 60:.0f} minutes", fix)
    if not done.well:
        lines = [line.strip() for line in (done.complaint or done.text).splitlines() if line.strip()]
        last = next(
            (line for line in reversed(lines) if "ERROR" in line or "Error" in line),
            lines[-1] if lines else "",
        )
        raise CockpitError(f"{what}: {last[:300] or f'exit code {done.code}'}", fix)


@contextmanager
def _lock(path: Path, say: Say) -> Generator[None]:
    """Hold `path` alone; the kernel lets go of it when its holder dies, so that no lock is ever stale."""
    held = lock.take(path)
    if held.state == "busy":
        say("Another process makes it already; waiting.")
        held = lock.take(path, wait_s=float("inf"))
    with held:
        yield
