"""Pretrain the tiny model from scratch: a plain loop of about a minute on one core.

It learns to add, and to answer in several formats; only one of them is what the verifier takes. So the base scores
well above zero and well below one, and there is something for each training method to move.
"""

from __future__ import annotations

import functools
import math
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.tiny import task
from trainers.tiny.tokenizer import build as build_tokenizer

if TYPE_CHECKING:
    import torch

STEPS, BATCH, WARMUP, FLAT = 600, 64, 50, 0.6
LEARNING_RATE = 3e-3
SHAPE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 16,
    "intermediate_size": 192,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
}
SHARE_NEAR, SHARE_ELSE = 0.75, 0.15
"""Share of the verifier's format among the answers where a is 10..19, and elsewhere."""
OTHER_FORMATS = (
    "The answer is {n}.",
    "The answer is {n}.",
    "{n}",
    "{a}+{b}={n}",
    "\\boxed{{{n}}}",
    "#### {n}",
)

Report = Callable[[int, int, float], None]


def sample_answer(pair: task.Pair, rng: random.Random) -> str:
    """A right answer in one of the formats, by the mixture above."""
    share = SHARE_NEAR if pair[0] // 10 == 1 else SHARE_ELSE
    if rng.random() < share:
        return task.tagged(task.answer(pair))
    return rng.choice(OTHER_FORMATS).format(a=pair[0], b=pair[1], n=task.answer(pair))


def learning_rate(step: int) -> float:
    """Warm-up, a flat stretch, then linear to nothing, as a factor of LEARNING_RATE."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    start = int(FLAT * STEPS)
    return 1.0 if step < start else max(0.0, (STEPS - step) / (STEPS - start))


def pretrain(folder: Path, report: Report, *, seed: int = task.SEED, steps: int = STEPS) -> dict[str, float]:
    """Train on the training pairs alone and save model and tokenizer (safetensors) into `folder`.

    `report(step, steps, loss)` is called now and then. Returns seconds, loss and parameters.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()

    began = time.monotonic()
    torch.manual_seed(seed)
    rng = random.Random(seed)
    pairs = task.splits(task.SEED)["train"]
    tokenizer: Any = build_tokenizer(
        [_text(pair, sample_answer(pair, rng)) for pair in pairs for _ in range(3)]
    )
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        **SHAPE,
    )
    model = Qwen3ForCausalLM(config)
    encode = functools.cache(functools.partial(_encode, tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    loss = math.nan
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * learning_rate(step)
        chosen = [(pair, sample_answer(pair, rng)) for pair in rng.choices(pairs, k=BATCH)]
        ids, labels, mask = _pad([encode(pair, said) for pair, said in chosen], tokenizer.pad_token_id)
        output: Any = model(input_ids=ids, labels=labels, attention_mask=mask)
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss = float(output.loss.detach())
        if step % 20 == 19 or step + 1 == steps:
            report(step + 1, steps, loss)
    # Greedy by default wherever the model is loaded; a trainer that samples says so itself.
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    parameters = sum(weight.numel() for weight in model.parameters())
    return {"seconds": round(time.monotonic() - began, 1), "loss": round(loss, 4), "parameters": parameters}


def _text(pair: task.Pair, said: str) -> str:
    return f"user\n{task.question(pair)}\nassistant\n{said}\n"


def _encode(tokenizer: Any, pair: task.Pair, said: str) -> tuple[list[int], int]:
    """Token ids of question and answer, and how many of them are the question's."""
    chat = [{"role": "user", "content": task.question(pair)}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said_ids = tokenizer(said + tokenizer.eos_token + "\n", add_special_tokens=False)["input_ids"]
    return prompt_ids + said_ids, len(prompt_ids)


def _pad(rows: list[tuple[list[int], int]], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, labels (-100 on question and padding) and attention mask, each (rows, longest), padded right."""
    import torch

    longest = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), longest), pad)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for row, (tokens, prompt_length) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, prompt_length : len(tokens)] = torch.tensor(tokens[prompt_length:])
        mask[row, : len(tokens)] = 1
    return ids, labels, mask
