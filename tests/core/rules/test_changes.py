"""What a finding would change: declared by its rule, valid in a recipe, said in its sentence, and not there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cockpit.contract.techniques import GROUPED, TECHNIQUES
from cockpit.core.findings import Finding
from cockpit.core.recipe import recipes, trl_fields
from cockpit.core.recipe.settings import unset
from cockpit.core.rules.run_rules.judge import read
from cockpit.core.rules.table import RULES, rule
from cockpit.core.runs.run_record import Run
from tests.core.rules.test_run_preference import DISPLACED, HACKED, NOT_APART, STALE
from tests.core.rules.test_run_rules import AT_FLOOR, FALLING, LONG_FLAT, WARMING, curve, run
from tests.core.rules.test_run_rules import FIRES as LOUD
from tests.core.rules.test_silent_faults import FIRES as SILENT

DECLARED = {(row.id, name) for row in RULES for name in row.changes}
EPOCHS = [0.04 * (i + 1) for i in range(100)]
RISES = [1.0 + abs(i - 30) / 60 for i in range(100)]
MORE = [
    ("warms up for ever", run(loss=LONG_FLAT, lr=WARMING)),
    ("at its floor", run(loss=[*FALLING[:40], *curve(lambda x: 0.75, 60, 0.02)], lr=AT_FLOOR)),
    ("held-out loss rises, by epochs", run(loss=FALLING, epoch=EPOCHS, eval_loss=RISES)),
    ("waits for data", run("sft", data_time=[0.8] * 60, step_time=[1.0] * 60)),
    ("shorter and shorter", run("grpo", reward=[0.5] * 60, length=[900 - 12 * i for i in range(60)])),
]
RUNS = [
    *((f"{case[2]}: {case[0]}", case[1]) for case in (*LOUD, *SILENT)),
    *((case[0], case[1]) for case in (*NOT_APART, *DISPLACED, *HACKED, *STALE)),
    *MORE,
]
KIN = {
    "sft": ("sft", "rft"),
    "dpo": ("dpo", "kto", "orpo"),
    "grpo": ("grpo", "rloo", "ppo"),
    "ppo": ("ppo", "grpo"),
}
"""Techniques whose runs look alike, so that each made run stands for one of each."""
SAMPLES: Mapping[str, Any] = {
    "bf16": True, "fp16": False, "vllm_enable_sleep_mode": False, "loss_type": "dr_grpo",
    "vllm_importance_sampling_correction": True, "rewards": "0*format,1*verifier", "num_generations": 16, "top_p": 1.0,
    "assistant_only_loss": False, "completion_only_loss": False, "learning_rate": 1e-5, "max_length": 64,
}  # fmt: skip
"""Values of settings that don't take a 1."""
EDGED: Mapping[str, Any] = {
    "fp16": True, "bf16": False, "assistant_only_loss": True, "top_p": 0.9, "top_k": 50, "min_p": 0.1,
    "temperature": 0.7, "num_iterations": 2, "max_grad_norm": 5.0, "vllm_enable_sleep_mode": True,
    "vllm_importance_sampling_correction": False, "max_completion_length": 4096, "response_length": 4096,
    "num_train_epochs": 1, "max_steps": 500, "warmup_steps": 500,
}  # fmt: skip
"""Settings that lead to what goes wrong, so that each has something to change."""
LONG = {"num_train_epochs": 4, "completion_only_loss": True}


def resolve(technique: str, overrides: Mapping[str, Any]) -> Any:
    data = {"train": "train.jsonl", "mini_eval": "mini.jsonl", "held_out": "held_out.jsonl"}
    return recipes.resolve(
        technique,
        experiment_id="exp_0001",
        model="tiny/base",
        verifier="exact",
        data=data,
        overrides=overrides,
    )


def settings_of(technique: str) -> dict[str, Any]:
    recipe = resolve(technique, {})
    return {
        **unset(technique),
        **recipe.trainer,
        "generation.max_new_tokens": recipe.generation.max_new_tokens,
    }


SETTINGS = {technique: settings_of(technique) for technique in TECHNIQUES}


def has(technique: str, name: str) -> bool:
    """Whether the technique has the setting."""
    return "." in name or name in trl_fields.fields(technique)


def ours(run: Run, technique: str, more: Mapping[str, Any]) -> Run:
    """The run as one of ours: with the settings of its recipe, and the parts of its reward."""
    parts = {name.split("/")[1] for name in run.metrics if name.startswith("rewards/")} | {"verifier"}
    rewards = [(name if name in ("verifier", "format") else f"mine:{name}", 1.0) for name in sorted(parts)]
    known = {**SETTINGS[technique], **{name: value for name, value in more.items() if has(technique, name)}}
    summed = rewards if technique in GROUPED else ()
    return replace(
        run, technique=technique, settings=known, rewards=summed, row_tokens=lambda: 3_000, beta=None
    )


def variants(run: Run) -> Iterator[tuple[Run, list[Finding]]]:
    """The run under each technique that it may be of and each kind of recipe, with what is found of it."""
    for technique in KIN.get(run.technique, (run.technique,)):
        for more in ({}, EDGED, LONG):
            made = ours(run, technique, more)
            yield made, read(made)


@pytest.mark.parametrize("row", RULES, ids=lambda row: row.id)
def test_every_rule_says_what_it_changes_or_why_no_setting_is_the_cure(row) -> None:  # type: ignore[no-untyped-def]
    assert row.changes or row.instead
    assert not row.instead or ("`cockpit " in row.instead and row.instead.endswith("."))


@pytest.mark.parametrize("row", [row for row in RULES if row.changes], ids=lambda row: row.id)
def test_a_declared_change_is_a_setting_of_each_of_its_techniques(row) -> None:  # type: ignore[no-untyped-def]
    for name, techniques in row.changes.items():
        for technique in techniques:
            made = resolve(technique, {name: SAMPLES.get(name, 1)})
            assert name in made.trainer or "." in name or name == "rewards", (name, technique)


@pytest.mark.parametrize("run", [run for _, run in RUNS], ids=[name for name, _ in RUNS])
def test_what_a_finding_changes_is_declared_valid_and_said(run: Run) -> None:
    for made, findings in variants(run):
        for finding in findings:
            check(finding, made.technique, made.settings)


def check(finding: Finding, technique: str, known: Mapping[str, Any]) -> None:
    row = rule(finding.rule)
    assert row is not None
    for setting, value in finding.change.items():
        assert technique in row.changes.get(setting, ()), (finding.rule, setting, technique)
        assert known.get(setting) != value, f"{finding.rule} changes nothing about {setting}"
        assert setting in finding.next_step, finding.next_step
        if setting == "rewards":
            continue
        assert isinstance(value, str | bool) or f"{value:g}" in finding.next_step, finding.next_step
    resolve(technique, finding.change)


def test_every_declared_setting_is_changed_by_some_finding() -> None:
    made = {
        (finding.rule, setting)
        for _, run in RUNS
        for _, findings in variants(run)
        for finding in findings
        for setting in finding.change
    }
    assert DECLARED - made == set()


def test_a_run_of_others_is_advised_in_its_own_words() -> None:
    name, run = next((name, run) for name, run in RUNS if name.startswith("nothing-trained: masked batches"))
    found = read(replace(run, settings={"cutoff_len": 1024}))[0]
    assert "raise cutoff_len from 1024 to 2048" in found.next_step[0].lower() + found.next_step[1:], name
