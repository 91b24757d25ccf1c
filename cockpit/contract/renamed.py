"""Names that others use and what they are called here: of settings (for recipes and trainers alike), of metrics."""

from __future__ import annotations

RENAMED = {
    "lr": "learning_rate",
    "epochs": "num_train_epochs",
    "num_epochs": "num_train_epochs",
    "batch_size": "per_device_train_batch_size",
    "warmup_ratio": "warmup_steps (a value below 1 is the share)",
    "max_seq_length": "max_length",
    "kl_coef": "beta",
    "group_size": "num_generations",
    "group_by_length": "train_sampling_strategy",
    "gradient_checkpointing": "activation_checkpointing",
    "no_cuda": "use_cpu",
    "patience": "mid_eval.patience",
    "peft_config": "the peft section of the recipe",
    "lora_rank": "peft.r",
    "lora_r": "peft.r",
    "rank": "peft.r",
    "lora_alpha": "peft.lora_alpha",
    "lora_dropout": "peft.lora_dropout",
    "torch_dtype": "model.dtype",
    "max_new_tokens": "generation.max_new_tokens",
    "evaluation_strategy": "mid_eval.every_steps",
    "eval_steps": "mid_eval.every_steps",
    "save_steps": "mid_eval.every_steps",
    "cuda_visible_devices": "resources.cuda_visible_devices",
    "max_prompt_length": "nothing: filter long prompts out of the data",
    "tokenizer": "processing_class, which the cockpit passes",
    "logging_dir": "nothing: metrics.jsonl is the log",
    "overwrite_output_dir": "nothing: an attempt's folder is its own",
    "save_safetensors": "nothing: it is always safetensors",
}
"""A name without a blank in its value is taken for the other one where short names are allowed (sweeps)."""

METRICS = {"learning_rate": "lr", "lr-AdamW": "lr"}
"""What trainers and trackers log, and the column that it is kept under."""
