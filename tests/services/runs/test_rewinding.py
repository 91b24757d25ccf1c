"""`resume --from STEP`: the marks that make every later resume go on from there, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.contract import AttemptLayout, CockpitError
from cockpit.contract.bounded import checkpoint
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
