"""Names that a trainer refuses, with what they are called now: the table is the cockpit's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cockpit.contract.errors import CockpitError
from trainers.loop.settings import check_names


@dataclass
class Config:
    """A stand-in for TRL's config, with the two names of one switch that transformers has."""

    learning_rate: float = 0.1
    gradient_checkpointing: bool = True
    activation_checkpointing: bool = True
    output_dir: str = ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lr", "It is now learning_rate."),
        ("lora_rank", "It is now peft.r."),
        ("group_by_length", "It is now train_sampling_strategy"),
        ("output_dir", "it follows the attempt's folder"),
        ("learning_rat", "Close to it: learning_rate."),
    ],
)
def test_a_name_that_is_not_trls_is_refused_with_the_one_that_is(name: str, says: str) -> None:
    with pytest.raises(CockpitError) as caught:
        check_names(Config, {"learning_rate": 0.1, name: 1}, "sft")
    assert says in str(caught.value)


def test_trls_own_names_pass() -> None:
    check_names(Config, {"learning_rate": 0.1, "gradient_checkpointing": True}, "sft")
