"""Prompts of training and of scoring by token ids (one a character here); and which policy gave a sample."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.trainers.data.test_shapes import Attempt
from trainers.data.freshness import behind, flag_stale, starting_ids
from trainers.data.same_tokens import check_tokens


class Tokenizer:
    """`<` before what the user says, `>` before the answer; ids are code points, a BOS is 1."""

    def __init__(self, *, template: bool = True, bos: bool = False) -> None:
        self.chat_template = "yes" if template else None
        self.bos = bos

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": ([1] if self.bos and add_special_tokens else []) + [ord(c) for c in text]}

    def apply_chat_template(self, chat: list[dict[str, str]], **_: Any) -> str:
        return "".join("<" + turn["content"] for turn in chat) + ">"

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(i) for i in ids)


class Rows(list[dict[str, Any]]):
    """As much of a data set as is looked at."""

    @property
    def column_names(self) -> list[str]:
        return list(self[0])


def ids(text: str) -> list[int]:
    return [ord(c) for c in text]


def check(
    examples: list[dict[str, Any]], rows: Rows, tokenizer: Tokenizer | None = None
) -> tuple[list[Any], list[str]]:
    attempt: Any = Attempt()
    found: list[Any] = []
    attempt.out = SimpleNamespace(finding=lambda *given: found.append(given))
    check_tokens(SimpleNamespace(train_dataset=rows), examples, attempt, tokenizer or Tokenizer())
    return found, attempt.said


ASKED = [{"role": "user", "content": "2+2"}]
CASES = [
    ("sft", {"prompt": ASKED}, {"input_ids": ids("<2+2>4")}, False),
    ("conversations", {"messages": [*ASKED, {"role": "assistant", "content": "4"}]}, {"input_ids": ids("<2+2>4")},
     False),
    ("dpo", {"prompt": ASKED}, {"prompt_ids": ids("<2+2>"), "chosen_ids": ids("4"), "rejected_ids": ids("5")}, False),
    ("kto, another marker", {"prompt": ASKED}, {"prompt_ids": ids("<2+2"), "completion_ids": ids("|4")}, True),
    ("orpo, a doubled marker", {"prompt": ASKED}, {"chosen_input_ids": ids("<<2+2>4")}, True),
    ("cut short of the prompt's end", {"prompt": ASKED}, {"input_ids": ids("<2+")}, True),
]  # fmt: skip


@pytest.mark.parametrize(("case", "example", "row", "drifts"), CASES, ids=[case[0] for case in CASES])
def test_prompts_that_differ_are_an_alarm(case: str, example: Any, row: Any, drifts: bool) -> None:
    found, said = check([example], Rows([row]))
    assert [finding[:2] for finding in found] == ([("template-drift", "alarm")] if drifts else [])
    assert ("have the same token ids" in said[-1]) is not drifts


def test_a_bos_that_only_one_side_has_is_found() -> None:
    bare = Tokenizer(template=False, bos=True)
    assert not check([{"prompt": "2+2\n"}], Rows([{"input_ids": [1, *ids("2+2\n4")]}]), bare)[0]
    assert check([{"prompt": "2+2\n"}], Rows([{"input_ids": ids("2+2\n4")}]), bare)[0]


def test_what_can_not_be_compared_is_not_judged() -> None:
    packed = Rows([{"input_ids": ids("x"), "seq_lengths": [1]}])
    assert check([{"prompt": ASKED}], packed) == ([], [])
    assert check([{"text": "x"}], Rows([{"input_ids": ids("x")}])) == ([], [])
    odd = SimpleNamespace(train_dataset=Rows([{"input_ids": None}]))
    attempt: Any = Attempt()
    check_tokens(odd, [{"prompt": ASKED}], attempt, Tokenizer())
    assert "could not be compared" in attempt.said[-1]


def test_what_grpo_samples_from_is_compared_as_well() -> None:
    attempt: Any = Attempt("grpo")
    found: list[Any] = []
    attempt.out = SimpleNamespace(finding=lambda *given: found.append(given))
    for tail, drifts in ((">", False), (">think", True)):
        trainer = SimpleNamespace(
            train_dataset=[], _tokenize_prompts=lambda prompts, tail=tail: ([ids("<2+2" + tail)], None)
        )
        check_tokens(trainer, [{"prompt": ASKED}], attempt, Tokenizer())
        assert bool(found) is drifts


POLICIES = [
    ("exp_0003@120", {"exp_0003", "exp_0003@120"}, 0),
    ("exp_0003@100", {"exp_0003", "exp_0003@120"}, 20),
    ("exp_0002@120", {"exp_0003", "exp_0003@120"}, None),
    ("exp_0003", {"exp_0003", "exp_0003@120"}, 0),
    ("base", {"Qwen/Qwen3-0.6B", "base", "exp_0000"}, 0),
    ("sha256:ab", {"base"}, None),
]


@pytest.mark.parametrize(("policy", "current", "steps"), POLICIES)
def test_how_far_behind_a_policy_is(policy: str, current: set[str], steps: int | None) -> None:
    assert behind(policy, current) == steps


def test_a_warm_start_is_known_by_experiment_step_and_weights(tmp_path: Path) -> None:
    folder = tmp_path / "step_000120"
    folder.mkdir()
    (folder / "adapter.safetensors").write_bytes(b"weights")
    recipe = Attempt().recipe
    warm = recipe.model.model_copy(update={"warm_start": str(folder), "warm_start_from": "exp_0003"})
    names = starting_ids(recipe.model_copy(update={"model": warm}))
    assert {"exp_0003", "exp_0003@120"} <= names
    assert any(name.startswith("sha256:") for name in names)
    assert starting_ids(recipe) == {"none", "base", "exp_0000"}


def test_samples_that_name_no_policy_say_nothing() -> None:
    attempt: Any = Attempt("rft")
    flag_stale({None: 3}, attempt)
    assert attempt.extra_metrics == {}
