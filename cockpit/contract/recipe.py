"""A recipe: every setting that an attempt needs, resolved, validated and written once.

The trainer's own settings stand in `trainer` under TRL's field names, verbatim; everything else has a
section here. Each field says its unit. Which values are good is not decided here (see core/recipe/recipes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError

VERSION = 1
Technique = Literal["baseline", "sft", "dpo", "kto", "orpo", "rft", "grpo", "rloo", "ppo", "reward", "custom"]


class _Section(BaseModel):
    # Names that are all digits (a GPU, an account) are typed as numbers.
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), coerce_numbers_to_str=True
    )


class ModelSettings(_Section):
    """What is loaded."""

    name_or_path: str
    """A folder, or a hub id."""
    revision: str | None = None
    """A commit of the hub repository."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: bfloat16 on a GPU that has it, float32 on a CPU."""
    device_map: JsonValue = None
    """None pins the whole model to the device it trains on; `auto` places for inference and is refused."""
    load_in_4bit: bool = False
    """QLoRA: only together with `peft`."""
    warm_start: str | None = None
    """A checkpoint (adapter or full weights) to go on from instead of the base; a folder."""
    warm_start_from: str | None = None
    """The experiment, and perhaps step, that `warm_start` came from: `exp_0003` or `exp_0003@120`."""
    adapter: Literal["continue", "merge"] = "continue"
    """A warm start that is an adapter: train it further, or merge it into the base and begin anew (LoRA or full)."""
    train_mode: bool = True
    """False would switch dropout off (eval mode): refused for training."""
    trust_remote_code: bool = False


class LoraSettings(_Section):
    """peft.LoraConfig's own names; the section is null for full weights."""

    r: int = Field(32, ge=1, le=1024)
    lora_alpha: int = Field(64, ge=1)
    lora_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    target_modules: str | list[str] = "all-linear"
    use_rslora: bool = False
    """Scale by the root of the rank: for ranks of 64 and more."""
    use_dora: bool = False
    """Magnitude and direction apart: nearer to full weights at small ranks, and slower."""
    init_lora_weights: bool | Literal["gaussian", "pissa", "pissa_niter_16", "olora", "orthogonal"] = True
    """How it begins: as nothing (true), or as the base's main directions (`pissa`), which fits its own base alone."""
    trainable_token_indices: list[int] | dict[str, list[int]] | None = None
    """Rows of the embedding that are trained as well: tokens that the base has never learnt."""
    modules_to_save: list[str] | None = None
    """Modules that are trained whole and saved beside the adapter: `["embed_tokens", "lm_head"]`."""


class DataSettings(_Section):
    """Files, and what was in them when the recipe was made."""

    train: str | None = None
    """JSONL; null for a baseline."""
    train_hash: str | None = None
    """sha256 of the content."""
    mini_eval: str
    """Items of a slice of its own, never trained on: 50 where answers are short, down to 5 where they are long."""
    mini_eval_hash: str | None = None
    held_out: str
    """Never trained on; scored once, at the end."""
    held_out_hash: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """What each of the file's columns was read as, where it wasn't named so: `{"question": "prompt"}`."""
    system_prompt: str | None = None
    """Put before every prompt, in training and evaluation alike."""
    chat_template_kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    """What the chat template is given wherever a prompt is rendered: `{"enable_thinking": false}`."""
    filter_samples: int | None = Field(None, ge=2, le=64)
    """Answers to each prompt that GRPO and RLOO sample before training, to leave out what is too easy or too hard."""
    filter_band: tuple[float, float] | None = None
    """Pass rates of these answers that a prompt may have; null is any but none and all."""

    @field_validator("filter_band")
    @classmethod
    def _in_order(cls, band: tuple[float, float] | None) -> tuple[float, float] | None:
        if band is not None and not 0 <= band[0] <= band[1] <= 1:
            raise ValueError("it is two pass rates of 0..1, the lower one first: [0.1, 0.9]")
        return band


class RewardPart(_Section):
    """One of the rewards that RL adds up."""

    source: str = Field(min_length=1)
    """`verifier`, `format`, `module:function`, or `model:FOLDER` (a reward model)."""
    weight: float = Field(1.0, allow_inf_nan=False)

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source not in ("verifier", "format") and ":" not in source:
            raise ValueError("it is verifier, format, module:function or model:FOLDER")
        return source


class GenerationSettings(_Section):
    """How the model answers when it is scored; greedy by default."""

    max_new_tokens: int = Field(256, ge=1)
    temperature: float = Field(0.0, ge=0.0)
    """0 is greedy."""
    top_p: float = Field(1.0, gt=0.0, le=1.0)
    batch_size: int = Field(16, ge=1)
    """Prompts a forward pass."""


class MidEvalSettings(_Section):
    """Checkpoint, mini-eval and early stop inside the run."""

    every_steps: int = Field(200, ge=1)
    """Optimizer steps between checkpoints …"""
    every_epochs: float = Field(0.25, gt=0)
    """… or epochs: whichever comes first."""
    patience: int = Field(4, ge=1)
    """Checkpoints on each side of what is compared: a run ends where twice so many show no gain, item by item."""
    min_delta: float = Field(0.0, ge=0.0, le=1.0)
    """What counts as better."""
    early_stop: bool = True
    baseline: float | None = None
    """The base model's score on the same items; below it, out of their noise, the full held-out pass is not run."""
    keep_last: int = Field(2, ge=1)
    """Checkpoints kept beside the best one."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """What answers the items: the trainer itself, or a warm vLLM server (LoRA; full weights fall back)."""
    serve_wait_s: float = Field(300.0, gt=0)
    """Seconds without an answer from the server after which transformers answers instead."""


class Budget(_Section):
    """What an attempt may use up."""

    seconds: float | None = Field(None, gt=0)
    """Wall clock of the whole attempt; null is without end."""
    attempts: int = Field(1, ge=1, le=3)
    """One at training scale: a regression asks for another hypothesis, not another try."""
    grace_s: float = Field(60.0, ge=0)
    """Seconds a trainer has to write its checkpoint before SIGTERM, and again before SIGKILL."""


class Resources(_Section):
    """Where it runs."""

    cuda_visible_devices: str | None = None
    """Which GPUs the trainer sees (`0`, `0,1`, empty string for none); null leaves the environment's."""
    gpus: int | None = Field(None, ge=0)
    """How many GPUs it needs; null is one (none on a box that has none)."""
    gpu_memory_gib: float | None = Field(None, gt=0)
    """GiB that it needs on each; a GPU with less free is not given to it."""
    share_gpu: bool = False
    """Whether it may run beside another run on one GPU, if that one allows it too."""
    omp_num_threads: int | None = Field(None, ge=1)
    """Threads of a CPU run; null lets the launcher choose."""
    processes: int | None = Field(None, ge=1)
    """Processes that train together, on all nodes, with launcher=accelerate or slurm; null is one for each GPU."""
    accelerate_config: str | None = None
    """accelerate's own configuration file (FSDP, several nodes, …); null is DDP on this machine."""
    python: str | None = None
    """The interpreter, where a technique needs an environment of its own; null is the cockpit's."""
    command: list[str] | None = None
    """A trainer of your own instead of `python -m trainers.X`; gets COCKPIT_ATTEMPT_DIR."""
    env: dict[str, str] = Field(default_factory=dict)
    """More environment; no secrets, this is written to disk."""


class SlurmSettings(_Section):
    """What a job asks of Slurm, where `launcher` is `slurm`; null leaves it to the cluster's defaults."""

    partition: str | None = None
    time_min: int = Field(1440, ge=1)
    """Minutes; before they are over the run writes a checkpoint, is requeued and resumes."""
    nodes: int = Field(1, ge=1)
    gpus_per_node: int | None = Field(None, ge=0)
    cpus_per_task: int | None = Field(None, ge=1)
    mem_gb: float | None = Field(None, gt=0)
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    grace_s: float = Field(90, ge=1)
    """Seconds before the time limit at which it is told to write its checkpoint."""
    setup: list[str] = Field(default_factory=list)
    """Shell lines that run first: modules, environments."""


class Recipe(_Section):
    """One attempt's settings."""

    v: Literal[1] = VERSION
    experiment_id: str = Field(pattern=r"^exp_\d{4,}$")
    attempt: int = Field(1, ge=1)
    parent: str | None = None
    technique: Technique
    hypothesis: str = ""
    seed: int = Field(0, ge=0)
    model: ModelSettings
    peft: LoraSettings | None = None
    data: DataSettings
    verifier: str
    rewards: list[RewardPart] = Field(default_factory=list[RewardPart])
    """What RL adds up; empty is the verifier alone."""
    generation: GenerationSettings = GenerationSettings()  # pyright: ignore[reportCallIssue]
    trainer: dict[str, JsonValue] = Field(default_factory=dict)
    """TRL's own field names, verbatim."""
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why a setting is neither the default nor somebody's choice: `{"trainer.per_device_train_batch_size": …}`."""
    mid_eval: MidEvalSettings = MidEvalSettings()  # pyright: ignore[reportCallIssue]
    budget: Budget = Budget()  # pyright: ignore[reportCallIssue]
    resources: Resources = Resources()  # pyright: ignore[reportCallIssue]
    launcher: Literal["local", "accelerate", "slurm"] = "local"
    """`local` is one process; `accelerate` starts `resources.processes` of them, of which rank 0 writes; `slurm`:
    submitted to a cluster, see the section `slurm`."""
    slurm: SlurmSettings = SlurmSettings()  # pyright: ignore[reportCallIssue]
    report_to: Literal["none", "wandb", "trackio", "mlflow"] = "none"
    """The tracker that the environment asked for; none is never invented."""

    @model_validator(mode="before")
    @classmethod
    def _thinking_is_a_template_argument(cls, value: object) -> object:
        """Take `generation.enable_thinking`, as recipes had it up to version 0.1, for what it is."""
        raw: Mapping[str, Any] = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
        generation: object = raw.get("generation")
        if not isinstance(generation, Mapping) or "enable_thinking" not in generation:
            return cast("object", value)
        rest = dict(cast("Mapping[str, Any]", generation))
        thinking, data = rest.pop("enable_thinking"), dict(cast("Mapping[str, Any]", raw.get("data") or {}))
        if thinking is not None:
            data["chat_template_kwargs"] = {
                "enable_thinking": thinking,
                **(data.get("chat_template_kwargs") or {}),
            }
        return {**raw, "generation": rest, "data": data}

    @model_validator(mode="after")
    def _train_like_training(self) -> Self:
        """Refuse inference conveniences in training (source text, "Configure for training, not inference")."""
        if self.technique == "baseline":
            return self
        if self.model.device_map is not None and self.model.device_map != {"": 0}:
            raise ValueError(
                f"model.device_map={json.dumps(self.model.device_map)} places layers for inference: training then "
                "breaks in the backward pass or crawls from slower memory. Leave it out (the model is pinned to "
                "its device); for a model larger than one device use accelerate with FSDP"
            )
        if "device_map" in json.dumps(self.trainer.get("model_init_kwargs") or {}):
            raise ValueError(
                "trainer.model_init_kwargs.device_map is refused: the model is pinned to its device"
            )
        if self.model.load_in_4bit and self.peft is None:
            raise ValueError(
                "model.load_in_4bit without peft trains frozen 4-bit weights, which learn nothing. "
                "Add a LoRA section (peft) or load full weights"
            )
        if not self.model.train_mode:
            raise ValueError("model.train_mode=false switches dropout off and is for inference. Leave it out")
        if self.technique not in ("custom",) and self.data.train is None:
            raise ValueError("data.train is missing: a training run needs a training file")
        return self

    @model_validator(mode="after")
    def _several_processes_have_a_launcher(self) -> Self:
        asked = self.resources.processes or self.resources.gpus or 1
        if self.launcher == "local" and (self.resources.processes or 1) > 1:
            raise ValueError(
                f"resources.processes={self.resources.processes} needs launcher=accelerate, which starts them"
            )
        if self.launcher == "accelerate" and asked < 2 and self.resources.accelerate_config is None:
            raise ValueError(
                "launcher=accelerate starts several processes: say how many with resources.processes (one for each "
                "GPU), or name accelerate's own file with resources.accelerate_config"
            )
        if self.launcher == "slurm" and (self.resources.processes or 0) % self.slurm.nodes:
            raise ValueError(
                f"resources.processes={self.resources.processes} can't be shared out evenly among "
                f"slurm.nodes={self.slurm.nodes}: give a multiple of it, or leave it out (one for each GPU)"
            )
        if self.launcher == "slurm" and self.slurm.nodes > 1 and self.technique in ("baseline", "custom"):
            raise ValueError(
                f"slurm.nodes={self.slurm.nodes} is for trainers that run on several nodes together, and "
                f"{self.technique} is none of them"
            )
        if self.launcher == "accelerate" and self.technique in ("baseline", "custom"):
            raise ValueError(f"launcher=accelerate is for trainers, and {self.technique} is none of them")
        return self

    @classmethod
    def parse(cls, value: Mapping[str, Any], *, file: str | Path | None = None) -> Recipe:
        """Validate a mapping. Raises CockpitError naming the field, its value and what is allowed."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise CockpitError(explain(error), "Correct the recipe and try again.", file=file) from error

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read and validate. Raises CockpitError naming the file and what is wrong with it."""
        try:
            value = untrusted.parse(untrusted.read_bytes(path))
        except FileNotFoundError as error:
            raise CockpitError("there is no recipe here", "Create the experiment anew.", file=path) from error
        except (OSError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise CockpitError(
                f"the recipe can't be read: {error}", "Mend the JSON.", file=path, line=line
            ) from error
        if not isinstance(value, dict):
            raise CockpitError("a recipe is a JSON object", "Create the experiment anew.", file=path)
        return cls.parse(value, file=path)  # pyright: ignore[reportUnknownArgumentType]

    def dump(self, path: Path) -> None:
        """Write it whole, nulls kept: enough to run the attempt again anywhere."""
        atomic.write_json(path, self.model_dump(mode="json"))


def explain(error: ValidationError) -> str:
    """A validation error as sentences: field, value, and what is allowed."""
    parts: list[str] = []
    for item in error.errors()[:3]:
        field = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ").rstrip(".")
        if not field:
            parts.append(message)
        elif item["type"] == "extra_forbidden":
            parts.append(f"{field} is no setting of a recipe")
        elif item["type"] == "missing":
            parts.append(f"{field} is missing")
        else:
            shown = json.dumps(item["input"], default=str)[:80]
            parts.append(f"{field}={shown}: {message[:1].lower()}{message[1:]}")
    more = error.error_count() - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")
