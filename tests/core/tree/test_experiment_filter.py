"""The filter words: what each keeps, how it orders, and what it says to a word that means nothing."""

from __future__ import annotations

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.core.tree.experiment_filter import parse

ROWS = [
    {"id": "exp_0000", "technique": "baseline", "status": "evaluated", "score": 0.32, "items": 200},
    {"id": "exp_0001", "technique": "sft", "weights": "lora", "status": "failed", "step": 30, "note": "more data"},
    {"id": "exp_0002", "technique": "grpo", "status": "committed", "score": 0.805, "delta": 0.485, "items": 200},
    {"id": "exp_0003", "technique": "grpo", "status": "discarded", "score": 0.4, "delta": 0.08, "mini": 0.5},
]  # fmt: skip


def ids(words: str) -> list[str]:
    return [str(row["id"])[-1] for row in parse(words).apply(ROWS, lambda row: row)]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("", "0123"),
        ("technique:grpo", "23"),
        ("technique:grpo score>0.4", "2"),
        ("technique:grpo score>=0.4", "23"),
        ("score>40%", "2"),
        ("score=0.805", "2"),
        ("score:0.4", "3"),
        ("score!=0.4", "02"),
        ("status:committed", "2"),
        ("status=comm", ""),
        ("-status:failed", "023"),
        ("GRPO", "23"),
        ("-grpo", "01"),
        ("'more data'", "1"),
        ("note:'more data'", "1"),
        ("hypothesis:'more", ""),
        ("weights:lora", "1"),
        ("lora", "1"),
        ("step<100", "1"),
        ("score<1 -technique:baseline", "23"),
        ("sort:score", "0321"),
        ("sort:-score", "2301"),
        ("sort:-score technique:grpo", "23"),
        ("sort:technique", "0231"),
        ("http://x", ""),
    ],
)
def test_words_keep_and_order(words: str, kept: str) -> None:
    assert "".join(ids(words)) == kept


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("colour:red", "no field 'colour'"),
        ("satus:draft", "no field 'satus'"),
        ("score>high", "'high' is no number"),
        ("technique>grpo", "technique is a text"),
        ("sort:nothing", "no field 'nothing'"),
    ],
)
def test_a_word_that_means_nothing_is_named(words: str, says: str) -> None:
    with pytest.raises(CockpitError, match=says) as caught:
        parse(words)
    assert caught.value.fix
    assert ("Did you mean status?" in caught.value.fix) == words.startswith("satus")
