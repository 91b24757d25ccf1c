"""Files of one experiment that are damaged or hostile, each in turn: every command goes on, and shows the others."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockpit.services.foreign.sources.hf import STATE
from tests.support.cli import Cli
from tests.support.ui.gallery import build

DIGITS = "9" * 400
WRONG = {
    "deep lists": "[" * 100_000,
    "deep objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "depth that is still parsed": '{"score": ' + "[" * 700 + "]" * 700 + "}",
    "a list": "[1, 2, 3]",
    "a text": '"text"',
    "nothing": "",
    "half of it": '{"v": 1, "sco',
    "no UTF-8": b"\xff\xfe\x00{",
    "long numbers": f'{{"v": {DIGITS}, "score": {DIGITS}, "n": {DIGITS}, "step": {DIGITS}, "t": {DIGITS}, "kind": {DIGITS}}}',
    "wrong types": '{"v": [], "score": {}, "n": "x", "step": [], "t": {}, "kind": [], "lo": "a", "technique": {}, "data": 3, '
    '"mid_eval": [], "budget": "x", "model": 1, "outcome": {}, "pid": "x", "exit_code": [], "items": 3, "best_step": "a"}',
    "halves of characters": '{"v": 1, "kind": "\\ud800", "text": "\\udfff", "score": "\\ud800", "title": "\\ud800"}',
}  # fmt: skip
COMMANDS = (
    ("ls",),
    ("status",),
    ("show", "1"),
    ("findings",),
    ("compare", "1", "2"),
    ("logs", "1"),
    ("methodlog",),
)


def _write(text: str | bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode() + b"\n")

    return write


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


KINDS: dict[str, Callable[[Path], None]] = {name: _write(text) for name, text in WRONG.items()} | {
    "a pipe": os.mkfifo, "a device": _link("/dev/zero"), "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": Path.mkdir,
}  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile") / "ws"
    build("story", root, now=time.time())
    return root


def files(root: Path) -> list[Path]:
    """The first experiment's files of JSON."""
    found = sorted((root / ".cockpit" / "experiments" / "exp_0001").rglob("*.json*"))
    return [path for path in found if path.is_file() and not path.is_symlink()]


@contextlib.contextmanager
def replaced(paths: list[Path], make: Callable[[Path], None]) -> Iterator[None]:
    """The files made hostile; they are as they were afterwards."""
    kept = [path.rename(path.with_name(f".kept-{path.name}")) for path in paths]
    try:
        for path in paths:
            make(path)
        yield
    finally:
        for path, before in zip(paths, kept, strict=True):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            before.rename(path)


@pytest.mark.parametrize("kind", KINDS)
def test_one_bad_file_never_hides_the_other_experiments(
    kind: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli, every = Cli(story, capsys), files(story)
    assert len(every) > 5
    alone: list[tuple[list[Path], tuple[str, ...]]] = [([path], ("ls",)) for path in every]
    for paths, words in [*alone, *((every, words) for words in COMMANDS)]:
        with replaced(paths, KINDS[kind]):
            code, said = cli(*words)
        where = f"{[path.name for path in paths]}, {' '.join(words)}: {said[-600:]}"
        said.encode("utf-8")
        assert "Traceback" not in said, where
        assert words[0] in ("show", "compare", "logs") or code in (0, 1), where
        assert words[0] != "ls" or ("exp_0000" in said and "exp_0002" in said), where


HISTORY = [{"step": n, "loss": 2.0 - n / 50, "learning_rate": 1e-4, "epoch": n / 10} for n in range(1, 31)]
STATES = {
    name: _write(json.dumps(state)) for name, state in {
        "a history that is text": {"log_history": "x", "global_step": 3},
        "a history of lists": {"log_history": [[1], "x", None, 3], "global_step": 3},
        "steps of other types": {"log_history": [{"step": s, "loss": 1.0} for s in ("x", [1], {}, None, -5, 1.5, True, 10**400)]},
        "losses of other types": {"log_history": [{"step": 1, "loss": v} for v in ("x", [], {}, None, 10**400)]},
        "names of no end": {"log_history": [{"step": 1, "x" * 100_000: 1.0, "": 2.0, "\u001b[2J": 3.0}]},
        "settings of other types": {"log_history": HISTORY, "global_step": "x", "max_steps": {}, "num_train_epochs": [],
                                    "train_batch_size": "y", "save_steps": 10**400},
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, *STATES])
@pytest.mark.parametrize(
    "name", [STATE, "config.json", "trainer_log.jsonl", "run-x.wandb", "events.out.tfevents.1.a"]
)
def test_one_bad_run_never_hides_the_others_of_a_folder(
    kind: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name != STATE and kind in STATES:
        return
    for run in ("bad", "good"):
        (tmp_path / run).mkdir()
        if run == "good" or name == "config.json":
            (tmp_path / run / STATE).write_text(json.dumps({"log_history": HISTORY, "global_step": 30}))
    (KINDS | STATES)[kind](tmp_path / "bad" / name)
    code, said = Cli(tmp_path, capsys)("watch", str(tmp_path), "--json")
    said.encode("utf-8")
    assert code in (0, 1), said[-600:]
    assert "Traceback" not in said
    assert "good" in said
