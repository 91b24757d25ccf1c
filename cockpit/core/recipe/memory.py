"""Will it fit? What a recipe holds in memory at its peak, part by part, and the changes that would make it fit.

An estimate from the model's shape, for decoders of the Llama kind. Gradients take the room that activations and
logits leave in the backward pass, so the larger of the two counts. Checked against measured peaks of CPU runs
(tests/choose): within ERROR either way; on GPUs it is the same arithmetic, not measured. Activations follow
Korthikanti et al. 2022, with the gated MLP's own tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract.techniques import GROUPED, PAIRS

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

ERROR = 0.25
"""The estimate's stated error, as a share of the measured peak."""
FRAMEWORK_CPU = 570 << 20  # Python with torch and TRL imported: 520-710 MB measured
FRAMEWORK_GPU = 900 << 20  # CUDA context, kernels, and what the allocator can't give back
HEADROOM = 0.92  # of a device: fragmentation and other processes
WITH_REFERENCE = ("dpo", "kto", "grpo", "rloo")
_FOUR_BIT = 0.56  # bytes a weight, with the scales of double quantization
_ADAM = 8  # two float32 moments a trained weight
_LOGITS_COPIES = 5  # logits, log-softmax, its gradient, and what TRL measures of them (entropy, accuracy)


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder's sizes: widths in elements, `parameters` in weights."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    tied: bool
    parameters: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], parameters: int | None = None) -> Shape | None:
        """From a `config.json`; `parameters` where they were counted. None where sizes are missing."""
        inner = config.get("text_config")
        if isinstance(inner, Mapping):
            config = {**config, **cast("Mapping[str, Any]", inner)}

        def size(*names: str) -> int | None:
            return next(
                (int(config[n]) for n in names if isinstance(config.get(n), int) and config[n] > 0), None
            )

        hidden, layers = (
            size("hidden_size", "n_embd", "d_model"),
            size("num_hidden_layers", "n_layer", "num_layers"),
        )
        heads, words = size("num_attention_heads", "n_head", "num_heads"), size("vocab_size")
        if hidden is None or layers is None or heads is None or words is None:
            return None
        shape = cls(
            hidden, layers, heads, size("num_key_value_heads") or heads, size("head_dim") or hidden // heads,
            size("intermediate_size", "n_inner", "ffn_dim", "d_ff") or 4 * hidden, words,
            bool(config.get("tie_word_embeddings", False)),
        )  # fmt: skip
        return replace(shape, parameters=parameters or shape.counted)

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """In and out of each linear map of a layer."""
        q, kv, h, i = (
            self.heads * self.head_dim,
            self.kv_heads * self.head_dim,
            self.hidden,
            self.intermediate,
        )
        return ((h, q), (h, kv), (h, kv), (q, h), (h, i), (h, i), (i, h))

    @property
    def embeddings(self) -> int:
        """Weights of the embeddings and, where it is a matrix of its own, of the head."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def counted(self) -> int:
        """Weights by the shape."""
        layer = sum(a * b for a, b in self.linears) + 2 * self.hidden
        return self.layers * layer + self.embeddings + self.hidden

    def adapter(self, rank: int) -> int:
        """Weights of a LoRA adapter on every linear map."""
        return self.layers * sum(rank * (a + b) for a, b in self.linears)

    @property
    def saved(self) -> int:
        """Elements that a layer keeps for a token until the backward pass."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return 6 * self.hidden + 3 * q + 4 * kv + 4 * self.intermediate


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a recipe decides its memory. Lengths in tokens, `weight_bytes` a weight of the base."""

    technique: str
    rank: int | None
    batch: int
    length: int
    accumulation: int = 1
    completion: int = 0
    generated: int = 0
    """Completions generated at once, in whole groups of `group`."""
    group: int = 8
    checkpointing: bool = False
    four_bit: bool = False
    weight_bytes: int = 4
    activation_bytes: int = 4
    reference: bool = False
    gpu: bool = False


def plan_of(recipe: Recipe, *, gpu: bool, longest: int | None = None) -> Plan:
    """The plan of a recipe; `longest` is the longest row in tokens, where it was measured."""
    trainer, technique = recipe.trainer, recipe.technique
    batch = _whole(trainer.get("per_device_train_batch_size"), 8)
    accumulation = _whole(trainer.get("gradient_accumulation_steps"), 1)
    full = recipe.peft is None
    online = technique in GROUPED
    completion = (
        _whole(trainer.get("max_completion_length"), recipe.generation.max_new_tokens) if online else 0
    )
    limit = _whole(trainer.get("max_length"), 0)
    length = longest or limit or 1024
    if not online and limit:
        length = min(length, limit)
    beta = trainer.get("beta")
    reference = full and technique in WITH_REFERENCE and (technique not in GROUPED or bool(beta))
    passes = _whole(trainer.get("steps_per_generation"), accumulation)
    half = gpu and (
        recipe.model.dtype in ("bfloat16", "float16") or (recipe.model.dtype == "auto" and not full)
    )
    named = recipe.model.dtype in ("bfloat16", "float16")
    return Plan(
        technique=technique,
        rank=recipe.peft.r if recipe.peft else None,
        batch=batch,
        length=length + completion,
        accumulation=accumulation,
        completion=completion,
        generated=_whole(trainer.get("generation_batch_size"), batch * passes) if online else 0,
        group=_whole(trainer.get("num_generations"), 8),
        checkpointing=bool(trainer.get("activation_checkpointing", gpu)) and gpu,
        four_bit=recipe.model.load_in_4bit,
        weight_bytes=2 if half or named else 4,
        activation_bytes=2 if gpu or named else 4,
        reference=reference,
        gpu=gpu,
    )


def _whole(value: object, otherwise: int) -> int:
    return (
        int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        else otherwise
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by part; `total` is the peak of a training step, where gradients and BACKWARD share their room."""

    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        backward = sum(self.parts.get(name, 0) for name in BACKWARD)
        return sum(self.parts.values()) - min(backward, self.parts.get("gradients", 0))


BACKWARD = ("activations", "attention", "logits")
PARTS: Mapping[str, str] = {
    "weights": "the base model",
    "adapter": "the LoRA adapter",
    "gradients": "one float32 a trained weight",
    "optimizer": "AdamW's two moments a trained weight",
    "reference": "a second copy of the model, for the KL",
    "activations": "what the backward pass needs of the forward pass",
    "attention": "attention weights, which a CPU keeps whole",
    "logits": "scores over the vocabulary for every token, and their gradient",
    "generation": "keys and values of the completions being sampled",
    "framework": "Python, torch and the trainer themselves",
}


def estimate(shape: Shape, plan: Plan) -> Estimate:
    """Every part of the peak, in bytes."""
    adapter = shape.adapter(plan.rank) if plan.rank else 0
    trained = adapter or shape.parameters
    weights = shape.parameters * plan.weight_bytes
    if plan.four_bit:
        weights = int((shape.parameters - shape.embeddings) * _FOUR_BIT) + shape.embeddings * 2
    rows = plan.batch * (2 if plan.technique in PAIRS else 1)
    tokens = rows * plan.length
    judged = rows * plan.completion if plan.completion else tokens
    parts = {
        "weights": weights,
        "adapter": 4 * adapter,
        "gradients": 4 * trained,
        "optimizer": _ADAM * trained,
        "reference": weights if plan.reference else 0,
        "activations": tokens * _per_token(shape, plan) * plan.activation_bytes,
        "attention": 0 if plan.gpu else 8 * shape.layers * shape.heads * rows * plan.length**2,
        "logits": judged * shape.vocabulary * _logit_bytes(plan),
        "generation": _cache(shape, plan),
        "framework": FRAMEWORK_GPU if plan.gpu else FRAMEWORK_CPU,
    }
    return Estimate({name: size for name, size in parts.items() if size})


def _per_token(shape: Shape, plan: Plan) -> int:
    low_rank = len(shape.linears) * plan.rank if plan.rank else 0
    layer = shape.saved + low_rank
    if plan.checkpointing:
        return shape.layers * shape.hidden + layer
    return shape.layers * layer


def _logit_bytes(plan: Plan) -> int:
    return 4 * _LOGITS_COPIES if plan.activation_bytes == 4 else 2 + 4 * (_LOGITS_COPIES - 1)


def _cache(shape: Shape, plan: Plan) -> int:
    per_token = 2 * shape.layers * shape.kv_heads * shape.head_dim * plan.activation_bytes
    return plan.generated * plan.length * per_token


@dataclass(frozen=True, slots=True)
class Device:
    """Memory that a run could use: `free` bytes now of `total`."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Fit:
    """The estimate against one device; `share` of what is free now."""

    device: Device
    needed: int

    @property
    def share(self) -> float:
        return self.needed / self.device.free if self.device.free else float("inf")

    @property
    def verdict(self) -> str:
        """`fits`, `tight` (within the estimate's error) or `too large`."""
        if self.share > HEADROOM:
            return "too large"
        return "tight" if self.share * (1 + ERROR) > HEADROOM else "fits"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the recipe, as overrides, and what the peak would be with it and those before it."""

    description: str
    overrides: tuple[str, ...]
    total: int


def changes(shape: Shape, plan: Plan, room: int) -> list[Change]:
    """Changes, those that cost least first, each on top of the ones before, until it fits into `room` bytes."""
    made: list[Change] = []
    while estimate(shape, plan).total > room * HEADROOM:
        step = _next(shape, plan)
        if step is None:
            break
        plan, description, overrides = step
        made.append(Change(description, overrides, estimate(shape, plan).total))
    return _merged(made)


def _next(shape: Shape, plan: Plan) -> tuple[Plan, str, tuple[str, ...]] | None:
    """The next cheapest change: recompute, then a smaller batch, LoRA, 4-bit, shorter sequences."""
    if plan.gpu and not plan.checkpointing:
        return (
            replace(plan, checkpointing=True),
            "recompute activations in the backward pass (slower by about a third)",
            ("activation_checkpointing=true",),
        )
    if plan.batch > 1 and not (plan.technique == "kto" and plan.batch <= 2):
        half, passes = plan.batch // 2, plan.accumulation * 2
        kept = f"rollouts: {half} completions" if plan.technique in GROUPED else f"batch: {half} rows"
        return (
            replace(plan, batch=half, accumulation=passes),
            f"smaller passes, the same {kept}, {passes} passes a step",
            (f"per_device_train_batch_size={half}", f"gradient_accumulation_steps={passes}"),
        )
    if plan.rank is None:
        smaller = replace(plan, rank=32, reference=False, weight_bytes=2 if plan.gpu else plan.weight_bytes)
        return smaller, "LoRA instead of full weights", ("peft.r=32",)
    if plan.gpu and not plan.four_bit:
        return (
            replace(plan, four_bit=True),
            "4-bit base weights under the adapter (QLoRA)",
            ("model.load_in_4bit=true",),
        )
    if plan.generated >= 2 * plan.group and plan.generated % (2 * plan.group) == 0:
        once = plan.generated // 2
        return (
            replace(plan, generated=once),
            f"fewer completions generated at once: {once}",
            (f"steps_per_generation={max(1, once // plan.batch)}",),
        )
    if plan.completion > 64:
        half = plan.completion // 2
        return (
            replace(plan, completion=half, length=plan.length - half),
            f"shorter completions: {half} tokens",
            (f"max_completion_length={half}",),
        )
    if not plan.completion and plan.length > 128:
        half = plan.length // 2
        return (
            replace(plan, length=half),
            f"shorter rows: {half} tokens (longer ones are cut)",
            (f"max_length={half}",),
        )
    return None


def _merged(steps: Sequence[Change]) -> list[Change]:
    """Several halvings of one setting as one change: the last one."""
    last: dict[tuple[str, ...], Change] = {}
    for step in steps:
        names = tuple(text.partition("=")[0] for text in step.overrides)
        last.pop(names, None)
        last[names] = step
    return list(last.values())


def shown(size: float) -> str:
    """Bytes for a person: `1.4 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
