"""`resume --from STEP`: the marks that make every later resume go on from there, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError
from cockpit.contract.bounded import checkpoint
from cockpit.contract.reader import read_rows
from cockpit.core.runs.evidence import Signs
from cockpit.core.runs.run_record import mid_evals_of
from cockpit.services.live.attempt_state import LiveRun
from cockpit.services.runs import attempts
from cockpit.services.runs.rewinding import rewound

TENSORS = b"\x02\0\0\0\0\0\0\0{}"


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptLayout:
    layout = AttemptLayout(tmp_path)
    for step in (10, 20, 30):
        layout.checkpoint(step).mkdir(parents=True)
        (layout.checkpoint(step) / "model.safetensors").write_bytes(TENSORS)
        (layout.checkpoint(step) / "trainer_state.json").write_text("{}")
    return layout


def test_later_checkpoints_are_passed_over_from_then_on(attempt: AttemptLayout) -> None:
    with rewound(attempt, 10):
        pass
    assert checkpoint.newest_whole(attempt) == attempt.checkpoint(10)
    with rewound(attempt, 20):  # and one may change one's mind
        pass
    assert checkpoint.newest_whole(attempt) == attempt.checkpoint(20)


def test_a_resume_that_does_not_come_about_changes_nothing(attempt: AttemptLayout) -> None:
    with pytest.raises(CockpitError, match="it runs"), rewound(attempt, 10):
        raise CockpitError("it runs")
    assert checkpoint.newest_whole(attempt) == attempt.checkpoint(30)


def test_marks_that_can_not_be_written_are_a_sentence(attempt: AttemptLayout) -> None:
    (attempt.checkpoint(30) / "passed_over.txt").symlink_to(
        "passed_over.txt"
    )  # a circle, which nothing can look into
    (attempt.checkpoint(20) / "passed_over.txt").mkdir()
    with pytest.raises(CockpitError, match="can't be marked"), rewound(attempt, 20):
        pass


def test_a_step_without_a_whole_checkpoint_is_refused(attempt: AttemptLayout) -> None:
    with (
        pytest.raises(CockpitError, match=r"no checkpoint of step 15.*There are: 10, 20, 30"),
        rewound(attempt, 15),
    ):
        pass
    (attempt.checkpoint(20) / "model.safetensors").write_bytes(TENSORS[:-1])
    with pytest.raises(CockpitError, match=r"step 20 is damaged: model\.safetensors"), rewound(attempt, 20):
        pass


def test_a_trainer_of_ones_own_says_itself_what_a_checkpoint_is(tmp_path: Path) -> None:
    own, told = AttemptLayout(tmp_path), list[str]()
    own.recipe.write_text('{"technique": "custom"}')
    for step in (10, 20):
        own.checkpoint(step).mkdir(parents=True)
        (own.checkpoint(step) / "state.ckpt").write_text("mine")
    with rewound(own, 10, say=told.append):
        assert (own.checkpoint(20) / "passed_over.txt").exists()
    assert "passed_over.txt" in told[0]
    with pytest.raises(CockpitError, match="no checkpoint of step 15"), rewound(own, 15):
        pass


def standing(attempt: AttemptLayout) -> tuple[list[int], int | None]:
    """The steps of the mini-evals that count and the best step, about which every reader agrees."""
    events, live, seen = list(read_rows(attempt.events)), LiveRun(), attempts.read(attempt, 0.0)
    for event in events:
        live.fold_event(event)
    steps = [mid.step for mid in mid_evals_of(events)[0]]
    assert [mid.step for mid in live.mid_evals] == steps
    assert live.evals is not None
    assert len(live.evals.values("mid-eval")[0]) == len(steps)
    assert live.best_step == seen.best_step == Signs.read(events).best_step
    assert live.best_score == seen.mini_best == max(mid.score for mid in live.mid_evals)
    return steps, live.best_step


def test_mini_evals_of_weights_that_were_left_count_no_more(tmp_path: Path) -> None:
    with_ = AttemptWriter(tmp_path)
    for step, score in {10: 0.5, 20: 0.8, 30: 0.1}.items():
        with_.mid_eval(step, score, n=50)
    assert standing(with_.layout) == ([10, 20, 30], 20)
    with_.rewind(10)
    assert standing(with_.layout) == ([10], 10)
    for step, score in {15: 0.52, 25: 0.51}.items():
        with_.mid_eval(step, score, n=50)
    assert standing(with_.layout) == ([10, 15, 25], 15)
    with_.rewind(25)
    assert sum(row["kind"] == "rewound" for row in read_rows(with_.layout.events)) == 1, "nothing was left"
    with_.rewind(30)
    assert standing(with_.layout) == ([10, 20, 30], 20)
    with_.rewind(20)  # one may change one's mind
    assert standing(with_.layout) == ([10, 20], 20)
    with_.rewind(0)
    with_.mid_eval(5, 0.2, n=50)
    assert standing(with_.layout) == ([5], 5)
    with_.close()
