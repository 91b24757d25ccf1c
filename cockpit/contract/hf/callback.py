"""A callback for any Hugging Face Trainer that writes an attempt folder: what it logs, saves, and how it ends."""

from __future__ import annotations

import atexit
import os
import re
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cockpit.contract import atomic, control
from cockpit.contract.hf.process import machine, own_start_time
from cockpit.contract.layout import TRAINER_FOLDER, AttemptLayout
from cockpit.contract.setting_names import METRICS
from cockpit.contract.techniques import TECHNIQUES
from cockpit.contract.writer import AttemptWriter

_SECRET = re.compile(r"token|secret|password|api_key|credential", re.IGNORECASE)
_TOTALS = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss")
_LONGEST = 300  # characters of a reason


class Cockpit(TrainerCallback):
    """Reports a training run to the cockpit; only the world's first process writes, and nothing here stops training.

    `folder`: the attempt folder; by default COCKPIT_ATTEMPT_DIR, where the cockpit launched this script, else
    `cockpit/` in the Trainer's output folder, which `cockpit watch OUTPUT_DIR` finds.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = Path(folder) if folder is not None else None
        self._out: AttemptWriter | None = None
        self._technique = "unknown"
        self._asked_to_stop = False
        self._answer_after_save: list[control.Request] = []
        self._ended = True

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Make the attempt folder, or go on in it where training resumes."""
        if not state.is_world_process_zero:
            return
        launched = os.environ.get("COCKPIT_ATTEMPT_DIR")
        root = self._folder or Path(launched or Path(str(args.output_dir)) / TRAINER_FOLDER)
        layout = AttemptLayout(root)
        goes_on = state.global_step > 0
        if not launched:
            if not goes_on:
                _clear(layout)
            self._record(layout, args, more.get("model"))
        self._out = AttemptWriter(root)
        if goes_on:
            self._out.rewind(state.global_step)
        self._out.event("plan", steps=int(state.max_steps))
        self._out.stage("training", "")
        self._asked_to_stop, self._ended = False, False
        atexit.register(self._died)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Take over what is logged; the totals at the end are no series."""
        if self._out is None or not logs:
            return
        values = {METRICS.get(name, name): value for name, value in logs.items() if name not in _TOTALS}
        if self._technique == "unknown" and "loss" in logs and not any(n.startswith("reward") for n in logs):
            self._technique = "sft"  # a plain Trainer on text: nothing but a loss is logged
            self._name_technique()
        if values:
            self._out.metrics(state.global_step, values)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Answer what the cockpit asks for: a stop (with a checkpoint), a checkpoint, an evaluation."""
        if self._out is None:
            return
        for request in _pending(self._out.layout):
            if request in self._answer_after_save:
                continue
            if request.name == "evaluate":
                control.should_evaluate = _evaluates(args)
                if not control.should_evaluate:
                    self._out.notice("warning", "It was asked to evaluate, and has no evaluation set.")
                request.done()
                continue
            if request.name == "stop":
                self._asked_to_stop = control.should_training_stop = True
            control.should_save = True
            self._answer_after_save.append(request)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Report the checkpoint, and mark what asked for it as done."""
        if self._out is None:
            return
        path = Path(str(args.output_dir)).absolute() / f"checkpoint-{state.global_step}"
        reason = "stop" if self._asked_to_stop else "asked" if self._answer_after_save else "periodic"
        self._out.event("checkpoint", step=state.global_step, path=str(path), best=False, reason=reason)
        self._answered()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Say how it ended: all steps done, asked to, or stopped by another callback."""
        if self._out is None or self._ended:
            return
        self._answered()
        outcome: Literal["finished", "stopped", "early_stopped"] = "early_stopped"
        reason = "another callback ended it"
        if self._asked_to_stop:
            outcome, reason = "stopped", "asked by the cockpit"
        elif state.global_step >= state.max_steps:
            outcome, reason = "finished", ""
        self._ended = True
        self._out.end(outcome, reason, step=state.global_step)
        self._out.close()

    def _answered(self) -> None:
        for request in self._answer_after_save:
            request.done()
        self._answer_after_save.clear()

    def _died(self) -> None:
        """At the interpreter's end without an end of training: an error, or a sys.exit."""
        if self._ended or self._out is None:
            return
        error = getattr(sys, "last_value", None)
        why = (
            f"{type(error).__name__}: {error}"[:_LONGEST]
            if error is not None
            else "the script ended before training"
        )
        self._out.end("failed", why)

    def _record(self, layout: AttemptLayout, args: TrainingArguments, model: object) -> None:
        name = type(args).__name__.casefold()
        self._technique = next((t for t in TECHNIQUES if t != "rft" and t in name), "unknown")
        config = getattr(model, "config", None)
        recipe: dict[str, Any] = {
            "v": 1,
            "experiment_id": "",
            "technique": self._technique,
            "hypothesis": str(getattr(args, "run_name", None) or Path(str(args.output_dir)).name),
            "model": {"name_or_path": str(getattr(config, "_name_or_path", "") or "")},
            "trainer": _settings(args),
            "watched": {"kind": "attempt", "place": str(layout.root)},
        }
        here, began = machine(), own_start_time()
        process = {
            "v": 1,
            "host": here.host,
            "boot_id": here.boot_id,
            "pid_namespace": here.pid_namespace,
            "launch": uuid.uuid4().hex,
            "trainer": {"pid": os.getpid(), "start_time": began},
            "started": round(time.time(), 3),
        }
        try:
            layout.root.mkdir(parents=True, exist_ok=True)
            atomic.write_json(layout.recipe, recipe)
            if began is not None:
                atomic.write_json(layout.process, process)
        except OSError as error:
            print(f"[cockpit] could not write to {layout.root}: {error}; training goes on", file=sys.stderr)

    def _name_technique(self) -> None:
        assert self._out is not None
        recipe = atomic.read_object(self._out.layout.recipe)
        if recipe is not None and recipe.get("technique") == "unknown":
            try:
                atomic.write_json(self._out.layout.recipe, {**recipe, "technique": self._technique})
            except OSError:
                return


def _pending(layout: AttemptLayout) -> list[control.Request]:
    return control.pending(layout)


def _evaluates(args: TrainingArguments) -> bool:
    return str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no"


def _clear(layout: AttemptLayout) -> None:
    """A run from its beginning takes the place of what an earlier one left in the same output folder."""
    for path in (layout.events, layout.metrics):
        path.unlink(missing_ok=True)
    control.clear(layout)


def _settings(args: TrainingArguments) -> dict[str, Any]:
    return {
        name: value
        for name, value in args.to_dict().items()
        if isinstance(value, str | int | float | bool) and value != "" and not _SECRET.search(name)
    }
