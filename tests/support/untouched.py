"""A folder that is only looked at stays as it is: names, contents and times of all that is in it."""

from __future__ import annotations

from pathlib import Path


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder below `root`, with its time of change (ns) and what is in it."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in (root, *sorted(root.rglob("*")))
    }


def changed(before: dict[str, tuple[int, bytes]], root: Path) -> list[str]:
    """Return what is new, gone or different since `before`."""
    after = snapshot(root)
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
