"""Ways in which a file goes bad: what a crash, a bad disk, a full one, a careless hand or an attack leave."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Damage = Callable[[Path, random.Random], None]
ODD: tuple[Any, ...] = (None, True, -1, 1e308, "x", "\x1b[31m", [], {}, [[]], "9" * 400, 10**40, "../../x")


def cut(path: Path, dice: random.Random) -> None:
    with path.open("r+b") as handle:
        handle.truncate(dice.randrange(max(1, path.stat().st_size)))


def flip(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def zeros(path: Path, dice: random.Random) -> None:
    """A block that never reached the disk."""
    data = bytearray(path.read_bytes() or b"\0")
    begin = dice.randrange(len(data))
    data[begin : begin + dice.randrange(1, 4096)] = b"\0" * min(len(data) - begin, 4095)
    path.write_bytes(data)


def empty(path: Path, dice: random.Random) -> None:
    path.write_bytes(b"")


def gone(path: Path, dice: random.Random) -> None:
    path.unlink()


def noise(path: Path, dice: random.Random) -> None:
    path.write_bytes(dice.randbytes(dice.randrange(1, 2000)))


def a_folder(path: Path, dice: random.Random) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path, dice: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path, dice: random.Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def deep(path: Path, dice: random.Random) -> None:
    path.write_bytes(b"[" * 200_000)


def odd_value(path: Path, dice: random.Random) -> None:
    """One value of a JSON file, or of a line of one, is of another kind."""
    lines = (
        path.read_text("utf-8", "replace").splitlines()
        if path.suffix == ".jsonl"
        else [path.read_text("utf-8", "replace")]
    )
    at = dice.randrange(len(lines)) if lines else 0
    try:
        value = json.loads(lines[at])
    except (ValueError, IndexError):
        noise(path, dice)
        return
    lines[at] = json.dumps(_odd(value, dice))
    path.write_text("\n".join(lines) + "\n")


def _odd(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        return {**value, key: _odd(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return [*value[:at], _odd(value[at], dice), *value[at + 1 :]]
    return dice.choice(ODD)


DAMAGES: Mapping[str, Damage] = {
    damage.__name__: damage
    for damage in (cut, flip, zeros, empty, gone, noise, a_folder, a_pipe, endless, deep, odd_value)
}


def remove(path: Path) -> None:
    """Take away whatever is at `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
