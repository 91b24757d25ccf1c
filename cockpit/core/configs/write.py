"""A recipe as another trainer's configuration, and what of it that trainer has no setting for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cockpit.contract.errors import CockpitError
from cockpit.core.configs.axolotl import RL
from cockpit.core.recipe.settings import shown

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe


class Written(NamedTuple):
    """A configuration in the tool's own names, and what of the recipe it doesn't hold, each with the reason."""

    settings: dict[str, Any]
    left: dict[str, str]


_SCORED = "scores are the cockpit's own"
_STARTED = "tell it to what starts the training"
_WHY: Mapping[str, str] = {
    "data.mini_eval": _SCORED,
    "data.held_out": _SCORED,
    "data.filter_samples": "prompts are chosen by the cockpit alone",
    "data.filter_band": "prompts are chosen by the cockpit alone",
    "data.system_prompt": "put it into each row",
    "rewards": "reward functions are code: name yours in the configuration",
    "generation": _SCORED,
    "budget": "the cockpit alone keeps to it",
    "resources": _STARTED,
    "slurm": _STARTED,
    "launcher": _STARTED,
}
"""A field, or a section -> why it is left."""
_RECORDS: Any = {
    "v": True, "experiment_id": True, "attempt": True, "parent": True, "technique": True, "hypothesis": True,
    "reasons": True, "seed": True, "verifier": True, "mid_eval": True, "model": {"name_or_path", "warm_start_from"},
    "data": {"train", "train_hash", "mini_eval_hash", "held_out_hash"},
}  # fmt: skip
"""What is no setting, or what every tool is given or refused in the same way."""


def _apart(name: str, value: Any) -> dict[str, Any]:
    """What a section holds, by dotted names; what is none, by its own."""
    if not isinstance(value, Mapping):
        return {name: value}
    return {f"{name}.{key}": part for key, part in cast("Mapping[str, Any]", value).items()}


class _Writing:
    """A recipe on its way into a configuration: each field that isn't the default is taken, or left with a reason."""

    def __init__(self, recipe: Recipe, tool: str) -> None:
        self.tool = tool
        self.made: dict[str, Any] = {}
        self.left = {
            "mid_eval": "mini-evals and their early stop are the cockpit's own",
            "verifier": f"scores are the cockpit's own: {recipe.verifier}",
        }
        self.fields: dict[str, Any] = {}
        """What is neither taken nor left so far, by the recipe's dotted names."""
        chosen = recipe.model_dump(mode="json", exclude_defaults=True, exclude=_RECORDS)
        for section, value in [*chosen.items(), ("trainer", recipe.trainer)]:
            for name, part in _apart(section, value).items():
                whole = name not in ("trainer.model_init_kwargs", "data.chat_template_kwargs")
                self.fields |= {name: part} if whole else _apart(name, part)

    def below(self, section: str) -> dict[str, Any]:
        """Return the fields of a section that are neither taken nor left so far, without its name."""
        return {
            n.removeprefix(f"{section}."): v for n, v in self.fields.items() if n.startswith(f"{section}.")
        }

    def take(self, ours: str, theirs: str) -> None:
        """Write a field, where it isn't the default, under the tool's name."""
        if ours in self.fields:
            self.made[theirs] = self.fields.pop(ours)

    def put(self, settings: Mapping[str, Any], *ours: str) -> None:
        """Write settings that stand for fields of the recipe."""
        self.made |= settings
        for name in ours:
            self.fields.pop(name, None)

    def leave(self, ours: str, why: str) -> None:
        """Leave a field, where it isn't the default, with a reason of its own; `{}` in it is the value."""
        value = self.fields.pop(ours, None)
        if value is not None:
            self.left[ours] = why.replace("{}", shown(value))

    def written(self, recipe: Recipe) -> Written:
        """Return what was taken, and every other field with the reason."""
        self.leave("model.warm_start", f"it goes on from {recipe.model.warm_start}")
        self.leave("data.columns", "rename the columns in the file: " + ", ".join(
            f"{theirs} is read as {ours}" for theirs, ours in recipe.data.columns.items()
        ))  # fmt: skip
        for name in self.fields:
            why = _WHY.get(name) or _WHY.get(name.partition(".")[0])
            self.left[name] = why or f"{self.tool} has no setting of this name"
        return Written({**self.made, "seed": recipe.seed, "output_dir": recipe.experiment_id}, self.left)


def _adapter(writing: _Writing, names: Mapping[str, str]) -> None:
    """Write what is set of the adapter and has one name in the tool."""
    for ours, theirs in names.items():
        writing.take(f"peft.{ours}", theirs)


def as_trl(recipe: Recipe) -> Written:
    """Return the YAML of `trl TECHNIQUE --config FILE`."""
    _trained(recipe, "trl", ("sft", "dpo", "kto", "grpo", "rloo", "reward"))
    now = _Writing(recipe, "TRL's command line")
    now.put({"model_name_or_path": recipe.model.name_or_path})
    if recipe.data.train:
        now.put({"datasets": [{"path": "json", "data_files": recipe.data.train}]})
    now.put({"dtype": recipe.model.dtype}, "model.dtype")
    for ours, theirs in {"revision": "model_revision", "trust_remote_code": "trust_remote_code",
                         "load_in_4bit": "load_in_4bit"}.items():  # fmt: skip
        now.take(f"model.{ours}", theirs)
    if recipe.peft is not None:
        peft = recipe.peft
        targets = peft.target_modules
        now.put(
            {"use_peft": True, "lora_r": peft.r, "lora_alpha": peft.lora_alpha, "lora_dropout": peft.lora_dropout,
             "lora_target_modules": [targets] if isinstance(targets, str) else targets},
            "peft.r", "peft.lora_alpha", "peft.lora_dropout", "peft.target_modules",
        )  # fmt: skip
        _adapter(
            now,
            {"use_rslora": "use_rslora", "use_dora": "use_dora", "modules_to_save": "lora_modules_to_save"},
        )
    now.take("trainer.model_init_kwargs.attn_implementation", "attn_implementation")
    if kwargs := now.below("trainer.model_init_kwargs"):
        now.put({"model_init_kwargs": kwargs}, *(f"trainer.model_init_kwargs.{name}" for name in kwargs))
    templates = now.below("data.chat_template_kwargs")
    if recipe.technique in ("grpo", "rloo"):
        now.left["reward_funcs"] = "name a reward function of yours: TRL has no verifiers"
        if templates:
            now.put(
                {"chat_template_kwargs": templates},
                *(f"data.chat_template_kwargs.{name}" for name in templates),
            )
    for name in templates:
        now.leave(f"data.chat_template_kwargs.{name}", "TRL takes it from a column of the data")
    now.take("report_to", "report_to")
    for name in now.below("trainer"):
        now.take(f"trainer.{name}", name)
    return now.written(recipe)


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
    now = _Writing(recipe, "axolotl")
    now.put({"base_model": recipe.model.name_or_path})
    if recipe.technique in RL:
        now.put({"rl": recipe.technique})
    for ours, theirs in {"load_in_4bit": "load_in_4bit", "revision": "revision_of_model",
                         "trust_remote_code": "trust_remote_code"}.items():  # fmt: skip
        now.take(f"model.{ours}", theirs)
    if recipe.peft is not None:
        peft = recipe.peft
        every = peft.target_modules == "all-linear"
        now.put(
            {"adapter": "qlora" if recipe.model.load_in_4bit else "lora", "lora_r": peft.r,
             "lora_alpha": peft.lora_alpha, "lora_dropout": peft.lora_dropout,
             **({"lora_target_linear": True} if every else {"lora_target_modules": peft.target_modules})},
            "peft.r", "peft.lora_alpha", "peft.lora_dropout", "peft.target_modules",
        )  # fmt: skip
        _adapter(now, {"use_rslora": "peft_use_rslora", "use_dora": "peft_use_dora",
                       "modules_to_save": "lora_modules_to_save"})  # fmt: skip
    if recipe.data.train:
        now.put({"datasets": [{"path": recipe.data.train, "ds_type": "json"}]})
        now.left["datasets.type"] = "say how axolotl shall read the rows: `type: chat_template`, say"
    now.leave("model.dtype", "it is {}: say bf16: true, fp16: true or neither")
    now.leave(
        "trainer.model_init_kwargs.attn_implementation",
        "it is {}: axolotl has a switch for each, flash_attention: true",
    )
    nested: dict[str, Any] = {}
    for name, value in now.below("trainer").items():
        if recipe.technique == "grpo" and name in _AXOLOTL_TRL:
            nested[name] = value
        elif name == "completion_only_loss":
            now.put({"train_on_inputs": not value})
        elif name == "warmup_steps":
            share = isinstance(value, float) and 0 < value < 1
            now.put({"warmup_ratio" if share else "warmup_steps": value})
        elif name == "loss_type" and value in ("ipo", ["ipo"]) and recipe.technique == "dpo":
            now.put({"rl": "ipo"})
        elif name in _AXOLOTL or name in _AXOLOTL_TOP:
            now.put({_AXOLOTL.get(name, name): value})
        else:
            continue
        now.put({}, f"trainer.{name}")
    if nested:
        now.put({"trl": nested})
    return now.written(recipe)


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
    now = _Writing(recipe, "LLaMA-Factory")
    now.put({
        "model_name_or_path": recipe.model.name_or_path,
        "stage": _STAGE[recipe.technique],
        "do_train": True,
        "finetuning_type": "full" if recipe.peft is None else "lora",
    })  # fmt: skip
    if recipe.technique == "orpo":
        now.put({"pref_loss": "orpo"})
    if recipe.model.load_in_4bit:
        now.put({"quantization_bit": 4}, "model.load_in_4bit")
    now.take("model.revision", "model_revision")
    now.take("model.trust_remote_code", "trust_remote_code")
    now.leave("model.dtype", "it is {}: say bf16: true, fp16: true or neither")
    if recipe.peft is not None:
        peft = recipe.peft
        targets = (
            peft.target_modules if isinstance(peft.target_modules, str) else ",".join(peft.target_modules)
        )
        now.put(
            {"lora_rank": peft.r, "lora_alpha": peft.lora_alpha, "lora_dropout": peft.lora_dropout,
             "lora_target": "all" if targets == "all-linear" else targets},
            "peft.r", "peft.lora_alpha", "peft.lora_dropout", "peft.target_modules",
        )  # fmt: skip
        _adapter(now, {"use_rslora": "use_rslora", "use_dora": "use_dora"})
        if peft.modules_to_save:
            now.put({"additional_target": ",".join(peft.modules_to_save)}, "peft.modules_to_save")
    if recipe.data.train:
        now.put({"dataset_dir": ".", "dataset": recipe.experiment_id})
        now.left["data.train"] = f'put it into dataset_info.json: {{"{recipe.experiment_id}": {{"file_name": ' \
                                 f'"{recipe.data.train}"}}}}, with its columns'  # fmt: skip
        now.left["template"] = "say which template LLaMA-Factory shall use: it doesn't take the model's own"
    now.take("data.system_prompt", "default_system")
    now.take("data.chat_template_kwargs.enable_thinking", "enable_thinking")
    now.leave(
        "trainer.model_init_kwargs.attn_implementation", "it is {}: say flash_attn: fa2, sdpa or disabled"
    )
    now.take("report_to", "report_to")
    for name, value in now.below("trainer").items():
        if name == "completion_only_loss":
            now.put({"train_on_prompt": not value})
        elif name == "activation_checkpointing":
            now.put({"disable_gradient_checkpointing": not value})
        elif name == "loss_type" and recipe.technique == "dpo" and value in ("sigmoid", "hinge", "ipo"):
            now.put({"pref_loss": value})
        elif name in _FACTORY or name in _FACTORY_SAME:
            now.put({_FACTORY.get(name, name): value})
        else:
            continue
        now.put({}, f"trainer.{name}")
    return now.written(recipe)


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
