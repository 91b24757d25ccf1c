"""A recipe as another trainer's configuration, and what of it that trainer has no setting for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cockpit.contract.errors import CockpitError
from cockpit.core.configs.axolotl import RL

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe


class Written(NamedTuple):
    """A configuration in the tool's own names, and what of the recipe it doesn't hold, each with the reason."""

    settings: dict[str, Any]
    left: dict[str, str]


_MID = "mini-evals and their early stop are the cockpit's own"


def _left(recipe: Recipe) -> dict[str, str]:
    left = {"mid_eval": _MID, "verifier": f"scores are the cockpit's own: {recipe.verifier}"}
    if recipe.model.warm_start:
        left["model.warm_start"] = f"it goes on from {recipe.model.warm_start}"
    if recipe.rewards:
        left["rewards"] = "reward functions are code: name yours in the configuration"
    if recipe.data.columns:
        left["data.columns"] = "rename the columns in the file: " + ", ".join(
            f"{theirs} is read as {ours}" for theirs, ours in recipe.data.columns.items()
        )
    return left


def as_trl(recipe: Recipe) -> Written:
    """Return the YAML of `trl TECHNIQUE --config FILE`."""
    _trained(recipe, "trl", ("sft", "dpo", "kto", "grpo", "rloo", "reward"))
    made: dict[str, Any] = {"model_name_or_path": recipe.model.name_or_path}
    if recipe.data.train:
        made["datasets"] = [{"path": "json", "data_files": recipe.data.train}]
    left = _left(recipe)
    if recipe.model.dtype:
        made["dtype"] = recipe.model.dtype
    if recipe.model.trust_remote_code:
        made["trust_remote_code"] = True
    if recipe.model.load_in_4bit:
        made["load_in_4bit"] = True
    if recipe.peft is not None:
        peft = recipe.peft
        targets = peft.target_modules
        made |= {"use_peft": True, "lora_r": peft.r, "lora_alpha": peft.lora_alpha, "lora_dropout": peft.lora_dropout,
                 "lora_target_modules": [targets] if isinstance(targets, str) else targets}  # fmt: skip
        if peft.use_rslora:
            made["use_rslora"] = True
        if peft.modules_to_save:
            made["lora_modules_to_save"] = peft.modules_to_save
        if peft.trainable_token_indices:
            left["peft.trainable_token_indices"] = "TRL's command line has no argument for it"
    trainer = dict(recipe.trainer)
    kwargs: Any = trainer.pop("model_init_kwargs", None)
    if isinstance(kwargs, Mapping) and "attn_implementation" in kwargs:
        made["attn_implementation"] = kwargs["attn_implementation"]
    if recipe.technique in ("grpo", "rloo"):
        left["reward_funcs"] = "name a reward function of yours: TRL has no verifiers"
        if recipe.data.chat_template_kwargs:
            made["chat_template_kwargs"] = dict(recipe.data.chat_template_kwargs)
    elif recipe.data.chat_template_kwargs:
        left["data.chat_template_kwargs"] = "TRL takes them from a column of the data"
    if recipe.data.system_prompt:
        left["data.system_prompt"] = "put it into each row"
    return Written({**made, **trainer, "seed": recipe.seed, "output_dir": recipe.experiment_id}, left)


_AXOLOTL: Mapping[str, str] = {
    "per_device_train_batch_size": "micro_batch_size", "num_train_epochs": "num_epochs", "optim": "optimizer",
    "lr_scheduler_type": "lr_scheduler", "max_length": "sequence_len", "packing": "sample_packing", "beta": "rl_beta",
    "activation_checkpointing": "gradient_checkpointing", "label_smoothing": "dpo_label_smoothing",
}  # fmt: skip
_AXOLOTL_TOP = frozenset({
    "learning_rate", "gradient_accumulation_steps", "max_steps", "weight_decay", "max_grad_norm", "bf16", "fp16",
    "tf32", "neftune_noise_alpha", "adam_beta1", "adam_beta2", "adam_epsilon", "logging_steps", "lr_scheduler_kwargs",
    "dataloader_num_workers",
})  # fmt: skip
_AXOLOTL_TRL = frozenset({
    "beta", "num_generations", "max_completion_length", "epsilon", "epsilon_high", "temperature", "top_p", "top_k",
    "min_p", "scale_rewards", "loss_type", "mask_truncated_completions", "num_iterations", "use_vllm", "vllm_mode",
    "importance_sampling_level",
})  # fmt: skip


def as_axolotl(recipe: Recipe) -> Written:
    """Return axolotl's YAML."""
    _trained(recipe, "axolotl", ("sft", "dpo", "kto", "orpo", "grpo"))
    left = _left(recipe)
    made: dict[str, Any] = {"base_model": recipe.model.name_or_path}
    if recipe.technique in RL:
        made["rl"] = recipe.technique
    if recipe.model.load_in_4bit:
        made["load_in_4bit"] = True
    if recipe.peft is not None:
        peft = recipe.peft
        made |= {"adapter": "qlora" if recipe.model.load_in_4bit else "lora", "lora_r": peft.r,
                 "lora_alpha": peft.lora_alpha, "lora_dropout": peft.lora_dropout}  # fmt: skip
        every = peft.target_modules == "all-linear"
        made |= {"lora_target_linear": True} if every else {"lora_target_modules": peft.target_modules}
        if peft.use_rslora:
            made["peft_use_rslora"] = True
        if peft.modules_to_save:
            made["lora_modules_to_save"] = peft.modules_to_save
    if recipe.data.train:
        made["datasets"] = [{"path": recipe.data.train, "ds_type": "json"}]
        left["datasets.type"] = "say how axolotl shall read the rows: `type: chat_template`, say"
    nested: dict[str, Any] = {}
    for name, value in recipe.trainer.items():
        if recipe.technique == "grpo" and name in _AXOLOTL_TRL:
            nested[name] = value
        elif name == "completion_only_loss":
            made["train_on_inputs"] = not value
        elif name == "warmup_steps":
            share = isinstance(value, float) and 0 < value < 1
            made["warmup_ratio" if share else "warmup_steps"] = value
        elif name == "loss_type" and value in ("ipo", ["ipo"]) and recipe.technique == "dpo":
            made["rl"] = "ipo"
        elif name in _AXOLOTL or name in _AXOLOTL_TOP:
            made[_AXOLOTL.get(name, name)] = value
        else:
            left[f"trainer.{name}"] = "axolotl has no setting of this name"
    if nested:
        made["trl"] = nested
    return Written({**made, "seed": recipe.seed, "output_dir": recipe.experiment_id}, left)


_FACTORY: Mapping[str, str] = {
    "max_length": "cutoff_len", "beta": "pref_beta", "desirable_weight": "kto_chosen_weight",
    "undesirable_weight": "kto_rejected_weight", "use_liger_kernel": "enable_liger_kernel",
}  # fmt: skip
_FACTORY_SAME = frozenset({
    "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps",
    "lr_scheduler_type", "weight_decay", "max_grad_norm", "optim", "bf16", "fp16", "packing", "neftune_noise_alpha",
    "adam_beta1", "adam_beta2", "adam_epsilon", "logging_steps", "label_smoothing_factor", "warmup_steps",
    "dataloader_num_workers", "lr_scheduler_kwargs",
})  # fmt: skip
_STAGE = {"sft": "sft", "dpo": "dpo", "orpo": "dpo", "kto": "kto", "reward": "rm"}


def as_llamafactory(recipe: Recipe) -> Written:
    """Return LLaMA-Factory's YAML."""
    _trained(recipe, "llamafactory", tuple(_STAGE))
    left = _left(recipe)
    made: dict[str, Any] = {
        "model_name_or_path": recipe.model.name_or_path,
        "stage": _STAGE[recipe.technique],
        "do_train": True,
        "finetuning_type": "full" if recipe.peft is None else "lora",
    }
    if recipe.technique == "orpo":
        made["pref_loss"] = "orpo"
    if recipe.model.load_in_4bit:
        made["quantization_bit"] = 4
    if recipe.peft is not None:
        peft = recipe.peft
        every = peft.target_modules == "all-linear"
        targets = (
            peft.target_modules if isinstance(peft.target_modules, str) else ",".join(peft.target_modules)
        )
        made |= {"lora_rank": peft.r, "lora_alpha": peft.lora_alpha, "lora_dropout": peft.lora_dropout,
                 "lora_target": "all" if every else targets}  # fmt: skip
        if peft.use_rslora:
            made["use_rslora"] = True
        if peft.modules_to_save:
            made["additional_target"] = ",".join(peft.modules_to_save)
    if recipe.data.train:
        made |= {"dataset_dir": ".", "dataset": recipe.experiment_id}
        left["data.train"] = f'put it into dataset_info.json: {{"{recipe.experiment_id}": {{"file_name": ' \
                             f'"{recipe.data.train}"}}}}, with its columns'  # fmt: skip
        left["template"] = "say which template LLaMA-Factory shall use: it doesn't take the model's own"
    if recipe.data.system_prompt:
        made["default_system"] = recipe.data.system_prompt
    for name, value in recipe.trainer.items():
        if name == "completion_only_loss":
            made["train_on_prompt"] = not value
        elif name == "activation_checkpointing":
            made["disable_gradient_checkpointing"] = not value
        elif name == "loss_type" and recipe.technique == "dpo" and value in ("sigmoid", "hinge", "ipo"):
            made["pref_loss"] = value
        elif name in _FACTORY or name in _FACTORY_SAME:
            made[_FACTORY.get(name, name)] = value
        else:
            left[f"trainer.{name}"] = "LLaMA-Factory has no setting of this name"
    return Written({**made, "seed": recipe.seed, "output_dir": recipe.experiment_id}, left)


def _trained(recipe: Recipe, tool: str, known: tuple[str, ...]) -> None:
    if recipe.technique not in known:
        raise CockpitError(
            f"{recipe.experiment_id} is {recipe.technique}, which has no {tool} configuration",
            f"There is one for {', '.join(known)}.",
        )


WRITERS: Mapping[str, Callable[[Recipe], Written]] = {
    "trl": as_trl,
    "axolotl": as_axolotl,
    "llamafactory": as_llamafactory,
}
