"""Make the lock files anew, with the newest versions that the ranges allow today.

    python scripts/lock.py      (make lock)

It needs a network and Python 3.11, and no environment of the project's: uv, which resolves, and what the cockpit's own
modules import are put into a venv that is deleted at the end. No index is written down, and nothing that this machine
prefers: its configuration of pip is not read, and neither are uv's variables that narrow what may be chosen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "--inside"
TORCH = "torch"
LEFT_TO_TORCH = ("sympy",)  # torch 2.6 pins it, and would not be kept beside another version
OLDEST = "3.11"
EXTRAS = ("train", "trackers", "dev")  # what `make setup` installs
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LINUX = tuple({"sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine}
              for machine in ("x86_64", "aarch64"))  # fmt: skip
MACOS = tuple({"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": machine}
              for machine in ("arm64", "x86_64"))  # fmt: skip
NARROWING = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_FIND_LINKS", "UV_NO_INDEX",
             "UV_PRERELEASE", "UV_RESOLUTION", "UV_TORCH_BACKEND", "PYTHONPATH")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """One lock: what is resolved together, what is taken without its dependencies, and where it has to serve."""

    name: str
    says: str
    together: Sequence[str]
    alone: Sequence[str] = ()
    platforms: Sequence[dict[str, str]] = (*LINUX, *MACOS)


def main(argv: list[str]) -> int:
    if INSIDE not in argv:
        return bootstrap()
    wanted = every()
    home = ROOT / "cockpit" / "locks"
    with tempfile.TemporaryDirectory() as folder:
        for one in wanted:
            lines = resolve(
                one, Path(folder), home / f"{wanted[0].name}.txt" if one is not wanted[0] else None
            )
            text = (
                f"# {one.says}. Made by `make lock`; torch is chosen by the set-up.\n"
                + "\n".join(lines)
                + "\n"
            )
            (home / f"{one.name}.txt").write_text(text, encoding="utf-8")
            print(f"{one.name}: {len(lines)} lines")
    for old in {path.stem for path in home.glob("*.txt")} - {one.name for one in wanted}:
        (home / f"{old}.txt").unlink()
    return 0


def bootstrap() -> int:
    """Run this script again in a venv of its own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder) / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", folder], [*install, "uv", *project["dependencies"]]):
            if (code := subprocess.run(command, check=False).returncode) != 0:
                return code
        return subprocess.run([python, __file__, INSIDE], check=False).returncode


def every() -> list[Wanted]:
    """The cockpit's own environment first: the others take its versions where they can."""
    sys.path.insert(0, str(ROOT))
    from cockpit.services.system import environment_specs, lockfiles

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    found = [Wanted(lockfiles.MAIN, f"The extras {', '.join(EXTRAS)}", [*project["dependencies"], *extras])]
    for spec in environment_specs.every_build():
        steps = (*spec.instead, *spec.steps)
        found.append(
            Wanted(
                spec.lock,
                spec.description,
                [word for step in steps if "--no-deps" not in step for word in step],
                [word for step in steps if "--no-deps" in step for word in step if word != "--no-deps"],
                platforms=LINUX if spec.needs_gpu else (*LINUX, *MACOS),
            )
        )
    return found


def resolve(one: Wanted, folder: Path, like: Path | None) -> list[str]:
    """The lock's lines. `like`: a lock whose versions are taken where they will do."""
    from cockpit.services.system import stack

    lines: dict[str, None] = {}
    for words, options in ((one.together, ()), (one.alone, ("--no-deps",))):
        if not words:
            continue
        (folder / "in.txt").write_text("\n".join(words) + "\n")
        (folder / "constraints.txt").write_text(f"{TORCH}=={stack.TESTED[TORCH]}\n")
        (folder / "out.txt").write_text(like.read_text() if like else "")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-header"]
        command += ["--annotation-style", "line", "--strip-extras", "--python-version", OLDEST, *options]
        command += ["--constraints", "constraints.txt", "--output-file", "out.txt", "in.txt"]
        env = {name: value for name, value in os.environ.items() if name not in NARROWING}
        subprocess.run(command, cwd=folder, env=env, check=True)
        lines |= dict.fromkeys(kept((folder / "out.txt").read_text().splitlines(), one))
    return sorted(lines)


def kept(lines: Iterable[str], one: Wanted) -> list[str]:
    """The lines that hold on one of the lock's platforms, without torch and what torch alone asks for.

    `lines` as uv annotates them: `name==version ; marker  # via parent, parent`.
    """
    from packaging.requirements import Requirement

    machines = [{**where, "os_name": "posix", "python_version": python, "python_full_version": f"{python}.0"}
                for where in one.platforms for python in PYTHONS]  # fmt: skip
    found: list[tuple[str, str]] = []
    asked_by: dict[str, set[str]] = {}
    for line, _, why in (text.partition("# via ") for text in lines):
        entry = Requirement(line.strip())
        if entry.url is not None or "+" in str(entry.specifier):
            raise SystemExit(f"{one.name}: {line} is bound to one index or one build")
        asked_by.setdefault(entry.name, set()).update(parent.strip() for parent in why.split(","))
        if entry.marker is None or any(entry.marker.evaluate(machine) for machine in machines):
            found.append((entry.name, line.strip()))
    reached = reachable(asked_by)
    return [line for name, line in found if name in reached and name not in LEFT_TO_TORCH]


def reachable(asked_by: Mapping[str, Collection[str]]) -> set[str]:
    """What the requirements lead to when torch and its own requirements are left out."""
    reached: set[str] = set()
    new = {name for name, parents in asked_by.items() if any(parent.startswith("-r ") for parent in parents)}
    while new := new - reached - {TORCH}:
        reached |= new
        new = {name for name, parents in asked_by.items() if not reached.isdisjoint(parents)}
    return reached


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
