"""How a run's end reads to a person: each thing once."""

from __future__ import annotations

import pytest

from cockpit.contract import Recipe
from cockpit.core.runs.evidence import Signs
from cockpit.core.runs.status import Liveness, derive
from trainers.attempt.ending import blame, explain
from trainers.attempt.signals import StopFlag

RECIPE = Recipe.parse(
    {
        "experiment_id": "exp_0001",
        "technique": "sft",
        "model": {"name_or_path": "none"},
        "verifier": "exact",
        "data": {"train": "t.jsonl", "mini_eval": "m", "held_out": "h"},
        "trainer": {"per_device_train_batch_size": 8, "max_length": 512},
    }
)


def sentence(reason: str) -> str:
    """What the cockpit says of a run whose memory ran out, with this reason in its `end` event."""
    end = {"kind": "end", "time": 1.0, "outcome": "out_of_memory", "reason": reason, "step": 3}
    return derive(None, Signs.read([end]), now=2.0, alive=Liveness()).sentence


@pytest.mark.parametrize("recipe", [RECIPE, None], ids=["with its recipe", "before it was read"])
def test_advice_on_memory_is_given_once(recipe: Recipe | None) -> None:
    ending = explain(MemoryError(), StopFlag(), recipe)
    said = sentence(ending.reason)
    assert ending.outcome == "out_of_memory"
    assert said.startswith("Ran out of memory at step 3. To make it fit, try in this order: ")
    assert said.lower().count("memory") == 1
    assert said.count("per_device_train_batch_size") == 1
    assert said.lower().count("try") == 1


def test_a_trainer_that_gives_no_reason_gets_the_usual_advice() -> None:
    assert sentence("") == "Ran out of memory at step 3. Try a smaller batch or shorter texts."


def test_the_innermost_part_says_what_a_failure_is_about() -> None:
    def broken() -> None:
        with blame("data"), blame("reward"):
            raise ValueError("no such column")

    with pytest.raises(ValueError, match="no such column") as caught:
        broken()
    ending = explain(caught.value, StopFlag(), None)
    assert (ending.outcome, ending.fields()["part"]) == ("failed", "reward")
    assert "part" not in explain(ValueError(), StopFlag(), None).fields()
