"""What people call a setting, and what a recipe calls it: one table, for the cockpit and for the trainers.

A recipe holds a setting under one name alone: TRL's field name, or a section's (`peft.r`). People type what the
trainer they know calls it; `ALIASES` has the spellings of TRL's past versions, transformers, Axolotl, Unsloth,
LLaMA-Factory and verl whose value means the same. Names whose value can't be taken over stand in `GONE`.
"""

from __future__ import annotations

from collections.abc import Mapping

_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("lr",),
    "per_device_train_batch_size": (
        "bs", "batch", "batch_size", "train_batch_size", "micro_batch_size", "per_device_batch_size",
        "per_gpu_train_batch_size",
    ),
    "gradient_accumulation_steps": (
        "ga", "gas", "accum", "grad_acc", "grad_accum", "grad_accum_steps", "gradient_accumulation",
        "accumulation_steps",
    ),
    "num_train_epochs": ("epoch", "epochs", "num_epochs", "n_epochs", "train_epochs"),
    "max_steps": ("steps", "num_steps", "train_steps", "max_iters"),
    # transformers 5 has no warmup_ratio: a value of warmup_steps below 1 is the share.
    "warmup_steps": ("warmup", "warmup_ratio", "num_warmup_steps"),
    "lr_scheduler_type": ("scheduler", "schedule", "lr_scheduler", "lr_schedule"),
    "weight_decay": ("wd",),
    "max_grad_norm": ("grad_clip", "clip_grad", "max_norm", "gradient_clipping"),
    "label_smoothing_factor": ("label_smoothing",),
    "neftune_noise_alpha": ("neftune", "neftune_alpha", "noise_alpha"),
    "optim": ("optimizer",),
    "activation_checkpointing": ("gradient_checkpointing", "grad_checkpointing", "grad_ckpt"),
    "dataloader_num_workers": ("num_workers", "workers"),
    "max_length": (
        "max_len", "max_seq_len", "max_seq_length", "seq_len", "seq_length", "sequence_len", "sequence_length",
        "cutoff_len", "context_length",
    ),
    "packing": ("pack", "sample_packing"),
    "beta": ("kl", "kl_beta", "kl_coef", "kl_coeff", "pref_beta"),
    "num_generations": ("n", "num_gen", "num_gens", "n_generations", "num_samples", "n_samples", "group_size"),
    "max_completion_length": ("completion_length", "max_completion_len", "response_length", "max_response_length"),
    "temperature": ("temp",),
    "epsilon": ("clip_eps", "clip_range", "clip_ratio"),
    "num_ppo_epochs": ("ppo_epochs",),
    "peft.r": ("r", "rank", "lora_r", "lora_rank"),
    "peft.lora_alpha": ("alpha", "lora_alpha"),
    "peft.lora_dropout": ("dropout", "lora_dropout"),
    "peft.target_modules": ("target_modules", "lora_target", "lora_targets", "lora_target_modules"),
    "peft.use_rslora": ("rslora", "use_rslora"),
    "peft.use_dora": ("dora", "use_dora"),
    "peft.init_lora_weights": ("init_lora_weights",),
    "peft.modules_to_save": ("modules_to_save",),
    "peft.trainable_token_indices": ("trainable_token_indices",),
    "model.dtype": ("dtype", "torch_dtype"),
    "model.load_in_4bit": ("load_in_4bit",),
    "model.device_map": ("device_map",),
    "generation.max_new_tokens": ("max_new_tokens", "max_tokens"),
    "data.chat_template_kwargs": ("chat_template_kwargs", "template_kwargs", "chat_template_args"),
    "data.chat_template_kwargs.enable_thinking": ("enable_thinking", "thinking"),
    "mid_eval.every_steps": ("eval_steps", "save_steps"),
    "mid_eval.patience": ("patience", "early_stopping_patience"),
    "resources.cuda_visible_devices": ("cuda_visible_devices",),
    "resources.gpus": ("gpus", "num_gpus"),
}  # fmt: skip

ALIASES: Mapping[str, str] = {alias: name for name, all_ in _SPELLINGS.items() for alias in all_}
"""What is typed -> what the recipe calls it."""

OWN: Mapping[str, frozenset[str]] = {
    "dpo": frozenset({"label_smoothing"}),
    "ppo": frozenset({"kl_coef", "response_length"}),
}
"""Names that are a technique's own in TRL, although they are another name's spelling elsewhere."""

_STANDS_FOR: Mapping[str, Mapping[str, str]] = {
    "ppo": {"beta": "kl_coef", "max_completion_length": "response_length"},
}
"""What a technique calls a setting that the others call otherwise."""

_MOVED: Mapping[tuple[str, str], str] = {
    ("generation", "enable_thinking"): "data.chat_template_kwargs.enable_thinking",
}
"""Settings that once stood in another section."""

SECTION_ALIASES: Mapping[str, str] = {
    "lora": "peft",
    "eval": "mid_eval",
    "training": "trainer",
    "train": "trainer",
}

GONE: Mapping[str, str] = {
    "evaluation_strategy": "mid_eval.every_steps or mid_eval.every_epochs, a number",
    "no_cuda": "use_cpu",
    "max_prompt_length": "nothing: filter long prompts out of the data",
    "tokenizer": "processing_class, which the cockpit passes",
    "logging_dir": "nothing: metrics.jsonl is the log",
    "overwrite_output_dir": "nothing: an attempt's folder is its own",
    "save_safetensors": "nothing: it is always safetensors",
    "group_by_length": 'train_sampling_strategy="group_by_length"',
    "peft_config": "the peft section of the recipe",
}
"""Names that TRL or transformers had once, and what is to be written now, with another value."""

DECIDED: Mapping[str, str] = {
    "chat_template_kwargs": "data.chat_template_kwargs, which holds for training, scoring and serving alike",
    "output_dir": "the attempt's folder",
    "run_name": "the experiment's id",
    "report_to": "report_to of the recipe",
    "seed": "seed of the recipe",
    "save_strategy": "mid_eval.every_steps and mid_eval.every_epochs",
    "save_steps": "mid_eval.every_steps and mid_eval.every_epochs",
    "save_total_limit": "mid_eval.keep_last",
    "eval_strategy": "mid_eval.every_steps",
    "eval_steps": "mid_eval.every_steps",
    "load_best_model_at_end": "the best checkpoint, which is always kept",
    "resume_from_checkpoint": "--resume",
    "reward_weights": "rewards of the recipe",
    "enable_jit_checkpoint": "the trainer's own signal handlers",
    "push_to_hub": "nothing: checkpoints stay in the attempt's folder",
}
"""Fields of TRL that another part of the recipe, or the cockpit, decides."""


def recipe_name(name: str, technique: str) -> str:
    """Return what a recipe of `technique` calls the setting `name`; `name` itself where no alias is known.

    Dotted, except that the trainer's own settings stand bare: `trainer.lr` and `lr` are `learning_rate`.
    """
    section, dot, key = name.strip().partition(".")
    if not dot:
        return _bare(section, technique)
    section = SECTION_ALIASES.get(section, section)
    if (section, key) in _MOVED:
        return _MOVED[section, key]
    if section == "trainer":
        return _bare(key, technique)
    target = ALIASES.get(_plain(key), "")
    return target if target.startswith(f"{section}.") else f"{section}.{key}"


def _bare(name: str, technique: str) -> str:
    technique = technique.strip().lower()
    own, plain = OWN.get(technique, frozenset()), _plain(name)
    if plain in own:
        return plain
    target = ALIASES.get(plain) or (plain if plain in _SPELLINGS else name)
    return _STANDS_FOR.get(technique, {}).get(target, target)


def _plain(name: str) -> str:
    """`Learning-Rate` as `learning_rate`."""
    return name.lower().replace("-", "_")


TOTALS = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss")
"""What a Trainer logs once, at its end: no series."""
METRICS = {"learning_rate": "lr", "lr-AdamW": "lr"}
"""What trainers and trackers log, and the column that it is kept under."""
