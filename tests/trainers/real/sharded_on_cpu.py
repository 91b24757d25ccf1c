"""Runs a trainer with FSDP on CPU processes, which accelerate only offers on accelerators; torch itself has it on gloo.

accelerate launch --config_file FSDP.yaml -m tests.trainers.real.sharded_on_cpu sft [--resume] ATTEMPT_DIR
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from accelerate import state
from accelerate.utils import DistributedType


def allow() -> None:
    """Let accelerate's state take the FSDP plugin that it was given, though its processes have no GPU."""
    begin = state.AcceleratorState.__init__

    def begin_sharded(self: Any, *args: Any, fsdp_plugin: Any = None, **named: Any) -> None:
        first = not state.AcceleratorState._shared_state
        begin(self, *args, fsdp_plugin=fsdp_plugin, **named)
        if first and fsdp_plugin is not None:
            self.distributed_type = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin
            state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP

    state.AcceleratorState.__init__ = begin_sharded


if __name__ == "__main__":
    from trainers.loop.frame import run

    allow()
    technique = sys.argv[1]
    sys.exit(run(technique, importlib.import_module(f"trainers.{technique}").train, sys.argv[2:]))
