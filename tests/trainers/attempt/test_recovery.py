"""One damaged file never makes a run unresumable, is always named, and never makes it forget what it knew."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError
from cockpit.contract.bounded import manifest
from cockpit.contract.bounded.checkpoint import STATE, TRAINER_STATE, all_of
from cockpit.contract.layout import PASSED_OVER
from trainers.attempt import checkpoints, recovery
from trainers.attempt.attempt import Attempt
from trainers.attempt.checkpoints import EvalState
from trainers.attempt.signals import StopFlag

SCORES = {2: 0.25, 4: 0.75, 6: 0.5}


def tensors(data: bytes) -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


def fill(folder: Path, step: int) -> None:
    """What transformers writes, as far as anything looks at it."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(tensors(bytes(range(200))))
    for name in ("optimizer.pt", "rng_state.pth"):
        with zipfile.ZipFile(folder / name, "w") as packed:
            packed.writestr("data", bytes(500))
    (folder / "config.json").write_text('{"use_cache": true}')
    state = {"global_step": step, "max_steps": 12, "epoch": 1.0, "log_history": [], "stateful_callbacks": {}}
    (folder / TRAINER_STATE).write_text(json.dumps(state))


def attempt_in(root: Path) -> Attempt:
    recipe: Any = SimpleNamespace(mid_eval=SimpleNamespace(min_delta=0.0, every_steps=2))
    out = AttemptWriter(root, clock=lambda: 1.0)
    return Attempt(AttemptLayout(root), recipe, out, StopFlag(), resume=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three mini-evals and a checkpoint for each, the best at step 4."""
    made = attempt_in(tmp_path_factory.mktemp("run"))
    layout = made.layout
    made.out.event("plan", steps=12)
    state = EvalState(planned=6)
    for step, score in SCORES.items():
        written = layout.checkpoints / ".writing" / f"checkpoint-{step}"
        fill(written, step)
        best = state.best_score is None or score > state.best_score
        state.scores.append(score)
        state.history.append([score] * 4)
        if best:
            state.best_score, state.best_step, state.since_best = score, step, 0
        else:
            state.since_best += 1
        checkpoints.publish(layout, written, step, state)
        made.out.samples(step, "eval", [{"score": score}] * 4)
        made.out.mid_eval(step, score)
        made.out.checkpoint(step, best=best)
    made.out.close()
    return layout.root


@pytest.fixture
def attempt(run: Path, tmp_path: Path) -> Attempt:
    """A copy of the run, to be damaged."""
    return attempt_in(shutil.copytree(run, tmp_path / "run", symlinks=True))


def said(attempt: Attempt) -> str:
    return "\n".join(text for text, _, _ in attempt.said)


class Fresh:
    """A new trainer's state, as transformers makes it."""

    global_step = max_steps = train_batch_size = 0

    def compute_steps(self, args: object, max_steps: int) -> None: ...

    def save_to_json(self, path: str) -> None:
        Path(path).write_text(json.dumps({"log_history": [], "stateful_callbacks": {}} | vars(self)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: list[Callable[[Path], None]] = [Path.unlink, cut, flip, empty, a_folder]


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "rng_state.pth", "config.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_newest_whole_checkpoint_is_taken_and_the_damage_named(
    attempt: Attempt, damage: Callable[[Path], None], name: str
) -> None:
    assert recovery.choose(attempt) == attempt.layout.checkpoint(6)
    assert not said(attempt)
    damage(attempt.layout.checkpoint(6) / name)
    assert recovery.choose(attempt) == attempt.layout.checkpoint(4)
    assert "step_000006 (" in said(attempt)
    assert name in said(attempt) or "no weights" in said(attempt)


def test_where_none_is_whole_it_is_refused_with_each_ones_damage(attempt: Attempt) -> None:
    for step in SCORES:
        cut(attempt.layout.checkpoint(step) / "optimizer.pt")
    with pytest.raises(CockpitError, match=r"step_000006 .*step_000004 .*step_000002 \(optimizer\.pt has"):
        recovery.choose(attempt)


def test_a_run_without_checkpoints_begins_anew(attempt: Attempt) -> None:
    shutil.rmtree(attempt.layout.checkpoints)
    assert recovery.choose(attempt) is None


def test_no_resume_goes_on_from_what_was_passed_over(attempt: Attempt) -> None:
    (attempt.layout.checkpoint(6) / PASSED_OVER).write_text("resumed from step 4")
    assert recovery.choose(attempt) == attempt.layout.checkpoint(4)
    checkpoints.rotate(attempt.layout, keep_last=1, best_step=4)
    assert [path.name for path in all_of(attempt.layout)] == ["step_000002", "step_000004"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.safetensors", cut),
        ("optimizer.pt", cut),
        ("config.json", empty),
        (TRAINER_STATE, cut),
        (TRAINER_STATE, Path.unlink),
    ],
)
def test_of_checkpoints_without_a_manifest_what_is_cut_is_found(
    attempt: Attempt, name: str, damage: Callable[[Path], None]
) -> None:
    newest = attempt.layout.checkpoint(6)
    (newest / manifest.FILE).unlink()
    (newest / "notes.json").write_text("[1, 2")  # a person's own files are nobody's business
    (newest / "plots").mkdir()
    (newest / "plots" / "map.bin").write_bytes(b"\0")
    assert recovery.choose(attempt) == newest
    damage(newest / name)
    rebuilt = name == TRAINER_STATE and damage is not Path.unlink
    assert recovery.choose(attempt) == (newest if rebuilt else attempt.layout.checkpoint(4))


@pytest.mark.parametrize("damage", DAMAGES[:-1])
def test_a_damaged_early_stop_state_is_rebuilt_from_the_events(
    attempt: Attempt, damage: Callable[[Path], None]
) -> None:
    newest = attempt.layout.checkpoint(6)
    whole = recovery.eval_state(attempt, newest)
    damage(newest / STATE)
    assert recovery.choose(attempt) == newest
    rebuilt = recovery.eval_state(attempt, newest)
    assert asdict(rebuilt) == asdict(whole) | {"planned": 0}
    assert "the best is step 4, 0.75" in said(attempt)


@pytest.mark.parametrize(
    "values", [{"best_step": "4"}, {"scores": 3}, {"history": [["a"]]}, {"due": None}, []]
)
def test_an_early_stop_state_of_wrong_types_is_rebuilt(attempt: Attempt, values: Any) -> None:
    newest = attempt.layout.checkpoint(6)
    (newest / STATE).write_text(json.dumps(values))
    assert recovery.eval_state(attempt, newest).best_step == 4
    assert STATE in said(attempt)


@pytest.mark.parametrize(
    "values",
    [
        {"train_batch_size": "6"},
        {"global_step": "6"},
        {"global_step": 12},
        {"max_steps": "6"},
        {"log_history": 3},
        {"epoch": []},
    ],
)
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_damaged_trainer_state_is_rebuilt_and_never_ends_the_run(
    attempt: Attempt, values: dict[str, Any], with_manifest: bool
) -> None:
    newest = attempt.layout.checkpoint(6)
    if not with_manifest:
        (newest / manifest.FILE).unlink()
    state = json.loads((newest / TRAINER_STATE).read_text())
    (newest / TRAINER_STATE).write_text(json.dumps(state | values))
    assert recovery.choose(attempt) == newest
    trainer = SimpleNamespace(state=Fresh(), args=SimpleNamespace(train_batch_size=8))
    recovery.mend_trainer_state(attempt, newest, trainer)
    assert TRAINER_STATE in said(attempt)
    state = json.loads((newest / TRAINER_STATE).read_text())
    assert (state["global_step"], state["max_steps"]) == (6, 12)
    assert not recovery.finished(newest)
    assert recovery.trainer_state_is_sound(newest)
    told = len(attempt.said)
    recovery.mend_trainer_state(attempt, newest, trainer)
    assert len(attempt.said) == told, "what is sound is left alone"


def test_the_best_checkpoint_is_none_that_a_resume_went_back_from(attempt: Attempt) -> None:
    layout = attempt.layout
    for step in (4, 6):
        (layout.checkpoint(step) / PASSED_OVER).write_text("resumed from step 2")
    attempt.out.rewind(2)
    attempt.out.mid_eval(7, 0.3)
    shutil.copytree(layout.checkpoint(2), layout.checkpoint(7))
    (layout.checkpoint(7) / STATE).unlink()
    state = recovery.eval_state(attempt, layout.checkpoint(7))
    assert (state.best_step, state.scores) == (7, [0.25, 0.3])
    assert layout.best.resolve() == layout.checkpoint(7)
    EvalState(best_step=4, best_score=0.75).save(layout.checkpoint(2))  # as another version left it
    assert recovery.eval_state(attempt, layout.checkpoint(2)).best_step == 2
    EvalState().save(layout.checkpoint(2))
    recovery.eval_state(attempt, layout.checkpoint(2))
    assert not layout.best.is_symlink()


def test_a_damaged_best_checkpoint_is_replaced_by_the_best_whole_one(attempt: Attempt) -> None:
    flip(attempt.layout.checkpoint(4) / "model.safetensors")
    state = recovery.eval_state(attempt, attempt.layout.checkpoint(6))
    assert (state.best_step, state.best_score) == (6, 0.5)
    assert attempt.layout.best.resolve().name == "step_000006"
    assert "step_000004 (model.safetensors" in said(attempt)


@pytest.mark.parametrize(
    "files", [[], {}, {"../x": {}}, {"a": 3}, {"/etc/passwd": {"size": 1, "crc32": 1}}, "x"]
)
def test_a_manifest_that_says_nonsense_is_none(attempt: Attempt, files: Any) -> None:
    newest = attempt.layout.checkpoint(6)
    (newest / manifest.FILE).write_text(json.dumps({"v": 1, "files": files}))
    assert recovery.choose(attempt) == newest
