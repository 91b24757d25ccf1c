"""`cockpit doctor`: report what this machine has and lacks for fine-tuning, and how to fix each lack."""

from __future__ import annotations

import argparse
from pathlib import Path

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="leave out what takes seconds (asking torch)")


def run(options: argparse.Namespace) -> int:
    from cockpit.services import doctor

    root = Path(options.dir) if options.dir else None
    checks = doctor.quick_checks(root) if options.quick else doctor.checks(root)
    failed = any(check.level == "fail" for check in checks)
    if options.json:
        print_json({"ok": not failed, "checks": checks})
    else:
        for check in checks:
            say(f"{check.level:<4}  {check.name}: {check.message}")
            if check.fix and check.level != "ok":
                say(f"      {check.fix}")
    return FAILED if failed else OK
