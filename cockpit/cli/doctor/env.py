"""`cockpit env`: make separate environments for trainers and servers that pin other versions than the cockpit."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table, warn
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("add", "ls", "rm"))
    parser.add_argument("name", nargs="?", help="ppo, vllm, art, embedder, gguf, or a name of your own")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="one of your own: what pip installs")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.system import environments

    root = None if _everywhere(options) else workspace(options).root
    if options.action == "ls" and root is not None:
        found = environments.every(root)
        if options.json:
            print_json(found)
        else:
            rows = [
                (env.name, "ready" if env.ready else "not made", _size(env.megabytes), env.description)
                for env in found
            ]
            say(table(("name", "state", "size", "what"), rows, right=(2,)))
        return OK
    if not options.name:
        raise CockpitError(f"cockpit env {options.action} needs a name", "`cockpit env ls` lists them.")
    if options.action == "rm":
        gone = environments.remove(root, options.name)
        if options.json:
            print_json({"removed": gone})
        else:
            say(f"Removed {gone}.")
        return OK
    tell = warn if options.json else say
    made = environments.add(root, options.name, packages=options.packages, say=tell)
    if options.json:
        print_json(made)
    else:
        what = ", ".join(f"{name} {version}" for name, version in sorted(made.installed.items())[:6])
        say(
            f"{made.name} is ready: {what} ({_size(made.megabytes)}, {made.seconds} s). Interpreter: {made.python}"
        )
    return OK


def _everywhere(options: argparse.Namespace) -> bool:
    """Whether the environment belongs to no workspace."""
    from cockpit.services.system import environments

    spec = environments.KNOWN.get(options.name or "")
    return spec is not None and spec.everywhere and options.action != "ls"


def _size(megabytes: float | None) -> str:
    return "-" if megabytes is None else f"{megabytes:.0f} MB"
