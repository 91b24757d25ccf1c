"""Disks that take nothing more: small ones of their own, where this machine lets a test mount one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, options: str = "size=128k") -> Iterator[Path]:
    """A small disk at `place`; skips the test where none may be mounted."""
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "filler").open("ab", buffering=0) as out:
        try:
            while out.write(b"x" * 4096):
                pass
        except OSError:
            return


def use_up_inodes(disk: Path) -> None:
    """Leave no file to be made, though there is room."""
    try:
        for number in range(100_000):
            (disk / f"file-{number}").touch()
    except OSError:
        return


def lock(disk: Path) -> None:
    """Make it read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
