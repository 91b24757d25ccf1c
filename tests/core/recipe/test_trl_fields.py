"""Every field of TRL's configs: refused where nothing could take the value, and found by what TRL says of it."""

from __future__ import annotations

import importlib.metadata
import json
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.recipe import recipes, trl_fields
from cockpit.core.recipe.settings import SETTINGS, defaults


def resolve(technique: str, *texts: str) -> dict[str, Any]:
    data = {"train": "t.jsonl", "mini_eval": "m.jsonl", "held_out": "h.jsonl"}
    made = recipes.resolve(
        technique, experiment_id="exp_0001", model="/m", verifier="exact", data=data, overrides=texts
    )
    return made.trainer


@pytest.mark.parametrize(
    ("technique", "text", "says"),
    [
        ("sft", "optim=foo", "is not known: allowed is one of adamw_torch, "),
        ("sft", "bf16=maybe", "is not true or false"),
        ("sft", "bf16=1", "is not true or false"),
        ("sft", "loss_type=foo", "one of nll, dft, chunked_nll"),
        ("grpo", "loss_type=foo", "one of grpo, dr_grpo, dapo, bnpo, cispo, sapo, luspo, vespo"),
        ("dpo", 'loss_type=["sigmoid","foo"]', 'is not known ("foo")'),
        ("grpo", "importance_sampling_level=word", "one of token, sequence"),
        ("grpo", "vllm_importance_sampling_mode=foo", "token_truncate, token_mask, sequence_truncate, sequence_mask"),
        ("grpo", "scale_rewards=foo", "one of group, batch, none or true or false"),
        ("sft", "lr_scheduler_type=foo", "one of linear"),
        ("sft", "lr_scheduler_type=reduce_lr_on_plateau", "is not known"),
        ("sft", "adam_epsilon=-1e-8", "is out of range: allowed is a number from 0 on"),
        ("grpo", "epsilon_high=-0.2", "is out of range"),
        ("ppo", "cliprange=-1", "is out of range"),
        ("sft", "adam_beta1=1.5", "from 0 to 1"),
        ("sft", "logging_steps=0", "above 0"),
        ("sft", "dataset_num_proc=two", "is not a whole number"),
        ("sft", "dataset_num_proc=1.5", "is not a whole number"),
        ("sft", "adam_beta2=Infinity", "is not a number"),
        ("sft", "epsilon_high=0.28", "SFT has no such setting, only grpo, rloo"),
        ("sft", "dataloader_num_worker=2", "Did you mean dataloader_num_workers?"),
        ("sft", "xyzzy=1", "`cockpit settings sft` lists them all"),
        ("sft", "optim.x=1", "holds no settings"),
        ("sft", "bf16=true fp16=true", "exclude each other"),
    ],
)  # fmt: skip
def test_what_nothing_can_take_is_refused_with_the_choices(technique: str, text: str, says: str) -> None:
    with pytest.raises(CockpitError) as refused:
        resolve(technique, *text.split(" "))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("technique", "text", "value"),
    [
        ("sft", "optim=paged_adamw_8bit", "paged_adamw_8bit"),
        ("dpo", "loss_type=ipo", "ipo"),
        ("dpo", 'loss_type=["sigmoid","sft"]', ["sigmoid", "sft"]),
        ("grpo", "scale_rewards=false", False),
        ("grpo", "top_k=-1", -1),
        ("grpo", "entropy_coef=-0.01", -0.01),
        ("sft", "dataset_num_proc=null", None),
        ("sft", "trainer.model_init_kwargs.attn_implementation=eager", {"attn_implementation": "eager"}),
        ("rft", "max_age=-1", -1),
        ("sft", "fsdp=true", True),
        ("sft", 'fsdp=["full_shard", "auto_wrap"]', ["full_shard", "auto_wrap"]),
        ("sft", "fsdp=full_shard auto_wrap", "full_shard auto_wrap"),
        ("sft", "eos_token=0", "0"),
        ("sft", "eos_token=007", "007"),
        ("sft", "eos_token=null", None),
    ],
)
def test_what_trl_takes_is_taken(technique: str, text: str, value: object) -> None:
    assert (
        resolve(technique, text)[text.partition("=")[0].removeprefix("trainer.").partition(".")[0]] == value
    )


@pytest.mark.parametrize("text", ["max_steps=1e3", "trainer.max_steps=1000.0", "dataset_num_proc=1e3"])
def test_a_whole_number_is_one_however_it_is_written(text: str) -> None:
    name = text.partition("=")[0].removeprefix("trainer.")
    assert repr(resolve("sft", text)[name]) == "1000"


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_field_has_a_line_and_takes_its_own_default(technique: str) -> None:
    known = trl_fields.fields(technique)
    assert len(known) > 120
    for field in known.values():
        assert field.line, field.name
        assert field.allowed(), field.name
        assert not field.problem(field.default), (field.name, field.default)
    ours = {name for name, setting in SETTINGS.items() if not setting.only or technique in setting.only}
    assert not {*defaults(technique, lora=True), *ours} - known.keys() - {"label_smoothing"}


def test_the_search_reads_names_before_descriptions() -> None:
    assert trl_fields.search("grpo", "sequence level")[0].name == "importance_sampling_level"
    assert "loss_type" in [field.name for field in trl_fields.search("grpo", "dr_grpo")]
    first = [field.name for field in trl_fields.search("sft", "")]
    assert first[0] == "learning_rate"
    assert "output_dir" not in first
    assert trl_fields.search("sft", "no such words") == []


@pytest.mark.ml
def test_the_table_is_that_of_the_installed_trl() -> None:
    from scripts import trl_fields as made

    kept = json.loads(made.PLACE.read_text("utf-8"))
    assert kept["versions"]["trl"] == importlib.metadata.version("trl")
    now = made.table()
    there = made.apart(kept["fields"])
    assert {name: there[name] for name in made.CONFIGS} == json.loads(json.dumps(now["techniques"]))
