"""On a full, inode-less or read-only disk each command says so in a sentence, and leaves nothing half-made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.disks import fill, lock, mounted, use_up_inodes

DISKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "full": (fill, "full"),
    "inodes": (use_up_inodes, "inodes"),
    "read-only": (lock, "ead-only"),
}
COMMANDS = [
    ["new", "custom", "--command", "true"],
    ["new", "sft"],
    ["note", "a word"],
    ["sweep", "sft", "learning_rate=1e-5,3e-5"],
    ["launch", "exp_0001", "--reason", "for once"],
    ["spot-check"],
]


def tree(root: Path) -> set[str]:
    """What is there, but for locks and caches, which say nothing."""
    found = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    return {name for name in found if not name.endswith(".lock") and "/cache" not in name}


@pytest.fixture(params=list(DISKS))
def disk(
    request: pytest.FixtureRequest, workspace: Cli, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[Cli, str]]:
    """A workspace with a draft, moved to a disk that then takes nothing more; and the word that has to be said."""
    spoil, word = DISKS[request.param]
    assert workspace("new", "custom", "--command", "true")[0] == 0
    with mounted(tmp_path / "disk", "size=1m,nr_inodes=200") as place:
        shutil.copytree(workspace.root, place / "ws")
        spoil(place)
        yield Cli(place / "ws", capsys), word


def test_every_command_says_it_in_a_sentence_and_leaves_nothing(disk: tuple[Cli, str]) -> None:
    cli, word = disk
    before = tree(cli.root)
    for command in COMMANDS:
        code, said = cli(*command)
        assert "Traceback" not in said, command
        if command != ["spot-check"]:  # which looks, and finds nothing to keep
            assert code != 0, (command, said)
            assert word in said, (command, said)
        assert tree(cli.root) == before, command
