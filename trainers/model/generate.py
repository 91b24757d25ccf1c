"""Batched generation, greedy by default: one code for the mid-eval inside a run and the held-out pass after it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cockpit.contract.recipe import GenerationSettings
from trainers.attempt.signals import StopFlag, Stopped


@dataclass(frozen=True)
class Completion:
    """`tokens` generated (the end token among them); `truncated`: the limit came before the end token."""

    text: str
    tokens: int
    truncated: bool


def generate(
    model: Any,
    tokenizer: Any,
    prompts: list[str],
    settings: GenerationSettings,
    *,
    seed: int = 0,
    synced: bool = False,
    stop: StopFlag | None = None,
    progress: Callable[[int, int], None] | None = None,
    eye: Eye | None = None,
) -> list[Completion]:
    """Continue each rendered prompt. Leaves the model's mode, its cache switch and every RNG as they were.

    Sampled settings are seeded, so that the same model gives the same answers. `synced`: the model is spread over
    processes, which ask it all at once and go on until the last one is done. `eye` shows the prompts' images, where
    they have some. Raises Stopped between batches.
    """
    done: dict[int, Completion] = {}
    with _scoring(model, seed, synced):
        for places in _batches(len(prompts), settings.batch_size, eye):
            if stop:
                raise Stopped
            texts = [prompts[place] for place in places]
            inputs = _encoded(tokenizer, texts) if eye is None else eye.encoded(texts, places)
            done.update(zip(places, _batch(model, tokenizer, inputs, settings, synced), strict=True))
            if progress is not None:
                progress(len(done), len(prompts))
    return [done[place] for place in range(len(prompts))]


@dataclass(frozen=True)
class Eye:
    """What shows a vision-language model the images of its prompts: its processor, and a list of images a prompt."""

    processor: Any
    images: list[list[str]]

    def encoded(self, texts: list[str], places: list[int]) -> Any:
        """Rendered prompts and their images as tensors; all of these prompts have images, or none has."""
        from trainers.model.vision import encode

        return encode(self.processor, texts, [self.images[place] for place in places])


def _batches(count: int, size: int, eye: Eye | None) -> list[list[int]]:
    """The places of the prompts that are answered together: with images and without them apart."""
    order = list(range(count))
    groups = [order]
    if eye is not None:
        groups = [[at for at in order if bool(eye.images[at]) is seen] for seen in (True, False)]
    return [group[start : start + size] for group in groups for start in range(0, len(group), size)]


@contextlib.contextmanager
def _scoring(model: Any, seed: int, synced: bool) -> Iterator[None]:
    """Eval mode and a seeded RNG, undone afterwards: a mid-eval must not change what training does next."""
    import torch

    was_training = model.training
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    # What a sharded model gathers to answer is kept for the next step of training, which inference mode forbids.
    without_gradients = torch.no_grad() if synced else torch.inference_mode()
    model.eval()
    try:
        with torch.random.fork_rng(devices=devices), without_gradients:
            torch.manual_seed(seed)
            yield
    finally:
        model.train(was_training)


def _encoded(tokenizer: Any, prompts: list[str]) -> Any:
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    try:
        # A chat template writes its own special tokens; only bare text gets the tokenizer's.
        made = tokenizer(
            prompts, return_tensors="pt", padding=True, add_special_tokens=tokenizer.chat_template is None
        )
        return {name: made[name] for name in ("input_ids", "attention_mask")}
    finally:
        tokenizer.padding_side = side


def _batch(
    model: Any, tokenizer: Any, inputs: Any, settings: GenerationSettings, synced: bool
) -> list[Completion]:
    import torch

    given = {name: held.to(model.device) for name, held in inputs.items()}
    ids = given["input_ids"]
    sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    if settings.temperature > 0:
        sampling = {
            "do_sample": True,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": 0,
        }
    output = model.generate(
        **given,
        max_new_tokens=settings.max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=sorted(end_tokens(model.generation_config, tokenizer)),
        use_cache=True,
        synced_gpus=synced,
        **sampling,
    )
    ends = torch.tensor(sorted(end_tokens(model.generation_config, tokenizer)), device=output.device)
    completions: list[Completion] = []
    for row in output[:, ids.shape[1] :]:
        where = torch.isin(row, ends).nonzero()
        length = int(where[0]) + 1 if len(where) else len(row)
        text = tokenizer.decode(row[:length], skip_special_tokens=True)
        completions.append(Completion(text, length, truncated=not len(where)))
    return completions


def input_ids(tokenizer: Any, prompts: list[str]) -> list[list[int]]:
    """Each rendered prompt as the token ids that a model is given, without padding."""
    return tokenizer(prompts, add_special_tokens=tokenizer.chat_template is None)["input_ids"]


def end_tokens(config: Any, tokenizer: Any) -> set[int]:
    """Ids that end an answer: the tokenizer's, and those of the model's generation config."""
    configured = config.eos_token_id
    many = configured if isinstance(configured, list) else [configured]
    return {token for token in [tokenizer.eos_token_id, *many] if token is not None}
