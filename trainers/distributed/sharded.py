"""A model whose weights are spread over the processes (FSDP): what every process must do together, and what it saves.

No process holds the model, so whoever asks it (the mid-eval, RFT's rounds) needs all the others to take part, each at
the same time; and a checkpoint is gathered whole, to be loaded by plain transformers and peft. FSDP means its second
version: the first can't be asked for an answer without gathering the whole model into every process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from trainers.attempt.attempt import Attempt
from trainers.attempt.processes import OneProcess
from trainers.attempt.signals import StopFlag, Stopped

_JOIN, _OVER = "join", "over"


def is_sharded(model: Any) -> bool:
    """Return True if this process holds only a part of the model's weights."""
    return any(hasattr(parameter, "full_tensor") for parameter in model.parameters())


def prepare(trainer: Any, attempt: Attempt) -> None:
    """Before training: refuse what would hang or could not be saved, and have checkpoints saved whole.

    Raises CockpitError for FSDP's first version, for PPO, and for DeepSpeed's third stage.
    """
    if getattr(trainer, "is_deepspeed_enabled", False):
        _refuse_zero3(trainer)
    if not getattr(trainer, "is_fsdp_enabled", False):
        if _asked_for(attempt.processes.world):
            attempt.notice(
                "FSDP needs GPUs, and there are none: each process holds the whole model (DDP).", "warning"
            )
        return
    plugin = trainer.accelerator.state.fsdp_plugin
    if plugin.fsdp_version != 2:
        raise CockpitError(
            f"FSDP version {plugin.fsdp_version} can't be asked for answers while it trains, so it has no mini-eval",
            "Set fsdp_version: 2 in accelerate's file (accelerate to-fsdp2 rewrites one).",
            file=attempt.recipe.resources.accelerate_config,
        )
    if attempt.recipe.technique == "ppo":
        raise CockpitError(
            "PPO's loop trains two models in one, which FSDP can't save apart",
            "Leave FSDP out (DDP works), or take GRPO or RLOO.",
        )
    if "FULL_STATE_DICT" not in str(plugin.state_dict_type):
        plugin.state_dict_config = plugin.optim_state_dict_config = None  # or those of shards stay
        plugin.set_state_dict_type("FULL_STATE_DICT")
        attempt.notice("Checkpoints are saved whole, not in shards, so that anything can load them.")
    trainer._load_from_checkpoint = lambda folder, model=None: load(
        Path(folder), model or trainer.model, attempt.processes
    )


def _refuse_zero3(trainer: Any) -> None:
    plugin = getattr(trainer.accelerator.state, "deepspeed_plugin", None)
    if plugin is not None and plugin.zero_stage == 3:
        raise CockpitError(
            "DeepSpeed's ZeRO-3 spreads the weights, so that no process could run the mini-eval",
            "Take FSDP (fsdp_version: 2), which can, or ZeRO stage 2.",
        )


def _asked_for(world: int) -> bool:
    return world > 1 and _true("ACCELERATE_USE_FSDP")


def _true(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("1", "true", "yes")


def loaded_by_first_alone(world: int) -> bool:
    """Return True if only rank 0 has the weights until FSDP hands them out (its `cpu_ram_efficient_loading`)."""
    return _asked_for(world) and _true("FSDP_CPU_RAM_EFFICIENT_LOADING")


class TogetherStop(StopFlag):
    """A stop flag that is the same in every process; each time it is looked at, all of them must look."""

    def __init__(self, mine: StopFlag, processes: OneProcess) -> None:
        super().__init__()
        self.mine = mine
        self.processes = processes

    def __bool__(self) -> bool:
        return self.processes.agree(bool(self.mine))[0]


def calls(model: Any, processes: OneProcess) -> Callable[[], Any]:
    """In rank 0: return how it gets the model to ask. The other processes hear of it, and ask the same (`follow`)."""

    def load() -> Any:
        processes.from_first(_JOIN)
        return model

    return load


def release(processes: OneProcess) -> None:
    """In rank 0: the others need not wait for another call."""
    processes.from_first(_OVER)


def follow(ask: Callable[[], object], processes: OneProcess) -> None:
    """In any other process: take part each time that rank 0 asks the model, until it is done."""
    while processes.from_first("") == _JOIN:
        with contextlib.suppress(Stopped):  # rank 0 was stopped as well, and says what follows
            ask()


def load(folder: Path, model: Any, processes: OneProcess) -> None:
    """The weights of a whole checkpoint into `model`, sharded or not. Rank 0 reads, every process takes part."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    names = {_saved(name): name for name in model.state_dict()}
    weights = _read(folder, names) if processes.first else {}
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=processes.world > 1, strict=False)
    set_model_state_dict(model, weights, options=options)


def _read(folder: Path, names: Mapping[str, str]) -> dict[str, Any]:
    from safetensors.torch import load_file

    files = sorted(folder.glob("adapter_model*.safetensors")) or sorted(folder.glob("model*.safetensors"))
    found: dict[str, Any] = {}
    for file in files:
        found |= {names[name]: tensor for name, tensor in load_file(file).items() if name in names}
    if not found:
        raise CockpitError("this checkpoint has no weights of the model that is trained", file=folder)
    return found


def _saved(name: str) -> str:
    """What a weight is called in a checkpoint: peft leaves out the adapter's name, and the wrapper of whole modules."""
    return name.replace(".modules_to_save.default.", ".").replace(".default.", ".")
