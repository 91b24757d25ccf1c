"""The committed lock files: the exact versions that `make setup` and `cockpit env add` install.

`make lock` makes them. They are constraints for pip (`-c`): the ranges say what is installed, a lock in which version.
What no lock names is torch, which the set-up chooses, and what a build of torch brings along.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

MAIN = "main"  # the cockpit's own environment: the extras train, trackers and dev


def path(name: str) -> Path:
    """Where the lock `name` lies, in a checkout or in an installed package."""
    return Path(str(resources.files("cockpit") / "locks" / f"{name}.txt"))


def read(name: str = MAIN, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Each distribution that the lock `name` holds and its version, for this interpreter or another `environment`."""
    from packaging.requirements import Requirement

    asked = dict(environment or {})
    found: dict[str, str] = {}
    for line in path(name).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate(asked):
            found[normal(one.name)] = next(iter(one.specifier)).version
    return found


def installed(places: Iterable[str] | None = None) -> dict[str, str]:
    """What is installed where this interpreter looks, by the names of the metadata's folders: no file is opened."""
    found: dict[str, str] = {}
    for place in sys.path if places is None else places:
        for folder in Path(place or ".").glob("*.dist-info"):
            name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
            found.setdefault(normal(name), version)  # the first that is found is the one that is imported
    return found


def differing(locked: Mapping[str, str], there: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Name -> the version that is there and the locked one, where they differ. What is not there does not differ."""
    return {
        name: (there[name], version)
        for name, version in locked.items()
        if name in there and there[name].partition("+")[0] != version
    }


def from_checkout() -> bool:
    """Whether the cockpit runs from its source tree, not as a package that pip chose."""
    return Path(str(resources.files("cockpit"))).with_name("pyproject.toml").is_file()


def normal(name: str) -> str:
    """A distribution's name as every tool compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
