"""What a resume does before it trains: the mid-eval that the stop left due, by the model that can answer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import AttemptWriter
from trainers.attempt.checkpoints import EvalState
from trainers.attempt.processes import OneProcess
from trainers.attempt.signals import Stopped

pytestmark = pytest.mark.ml


class Scorer:
    """Takes note of the model that it is lent, and is stopped."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def score(self, lent: Any, **where: Any) -> Any:
        self.asked.append(lent())
        raise Stopped("enough")


class Answers:
    def generate(self) -> str:
        return "4"


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_mid_eval_left_due_is_made_by_the_policy(wrapped: bool, tmp_path: Path) -> None:
    mid_eval = pytest.importorskip("trainers.loop.mid_eval", reason="needs transformers")
    start = tmp_path / "step_000010"
    start.mkdir()
    EvalState(due=True).save(start)
    state = {"global_step": 10, "max_steps": 20, "log_history": []}
    (start / "trainer_state.json").write_text(json.dumps(state))
    policy = Answers()
    model = SimpleNamespace(policy=policy, value_model=object()) if wrapped else policy
    loaded: list[str] = []
    trainer = SimpleNamespace(
        model=model, state=SimpleNamespace(global_step=0), _load_from_checkpoint=loaded.append
    )
    attempt: Any = SimpleNamespace(
        processes=OneProcess(),
        recipe=SimpleNamespace(mid_eval=SimpleNamespace(every_steps=10)),
        out=AttemptWriter(tmp_path),
        told_to_stop=lambda: True,
    )
    scorer = Scorer()
    assert mid_eval.MidEval(attempt, trainer, scorer).settled(start)
    assert (scorer.asked, loaded) == ([policy], [str(start)])
