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
from cockpit.contract.setting_names import METRICS, TOTALS
from cockpit.contract.techniques import TECHNIQUES
from cockpit.contract.values import mapping
from cockpit.contract.writer import AttemptWriter

_SECRET = re.compile(
    r"(hub|hf|api|auth|access)_?token|^token$|secret|password|api_key|credential", re.IGNORECASE
)
_LONGEST = 300  # characters of a reason
_REQUESTS = ("stop", "checkpoint", "evaluate")


class Cockpit(TrainerCallback):
    """Reports a training run to the cockpit; only the world's first process writes, and no fault here stops training.

    What the cockpit asks for is read by the first process, and told to the others at the end of each step.

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
        self._words: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Make the attempt folder, or go on in it where training resumes."""
        self._words = _group()
        if not state.is_world_process_zero:
            return
        launched = os.environ.get("COCKPIT_ATTEMPT_DIR")
        root = self._folder or Path(launched or Path(str(args.output_dir)) / TRAINER_FOLDER)
        goes_on = state.global_step > 0
        if not launched:
            root = _of_ours(root)
            layout = AttemptLayout(root)
            try:
                if not goes_on:
                    _put_aside(layout)
                self._record(layout, args, more.get("model"))
            except OSError as error:
                print(f"[cockpit] could not write to {root}: {error}; training goes on", file=sys.stderr)
        self._out = AttemptWriter(root)
        if goes_on:
            self._out.rewind(state.global_step)
        self._out.event("plan", steps=int(state.max_steps))
        self._out.stage("training", "")
        self._asked_to_stop, self._ended = False, False
        atexit.unregister(self._died)
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
        over = TOTALS if "train_runtime" in logs else ()
        values = {METRICS.get(name, name): value for name, value in logs.items() if name not in over}
        if self._technique == "unknown" and "loss" in logs and not any(n.startswith("reward") for n in logs):
            self._technique = "sft"  # a plain Trainer on text: nothing but a loss is logged
            self._name_technique()
        if values:
            self._out.metrics(state.global_step, values)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Answer what the cockpit asks for: a stop (with a checkpoint), a checkpoint, an evaluation."""
        asked = _told_all(self._asked(), self._words)
        if "evaluate" in asked and _evaluates(args):
            control.should_evaluate = True
        elif "evaluate" in asked and self._out is not None:
            self._out.notice(
                "warning", 'It was asked to evaluate, and its eval_strategy is "no": nothing was.'
            )
        if asked & {"stop", "checkpoint"}:
            control.should_save = True
        if "stop" in asked:
            self._asked_to_stop = control.should_training_stop = True

    def _asked(self) -> set[str]:
        """What was asked for since the last step; in the process that writes alone."""
        if self._out is None:
            return set()
        new = [
            request for request in control.pending(self._out.layout) if request not in self._answer_after_save
        ]
        for request in new:
            if request.name == "evaluate":
                request.done()
            else:
                self._answer_after_save.append(request)
        return {request.name for request in new}

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
        layout.root.mkdir(parents=True, exist_ok=True)
        atomic.write_json(layout.recipe, recipe)
        if began is not None:
            atomic.write_json(layout.process, process)

    def _name_technique(self) -> None:
        assert self._out is not None
        recipe = atomic.read_object(self._out.layout.recipe)
        if recipe is not None and recipe.get("technique") == "unknown":
            try:
                atomic.write_json(self._out.layout.recipe, {**recipe, "technique": self._technique})
            except OSError:
                return


def _evaluates(args: TrainingArguments) -> bool:
    return str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no"


def _group() -> Any:
    """The group for words among several processes; None for one. Every process calls this, in the same order."""
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return None
    return dist.new_group(backend="gloo")  # pyright: ignore[reportUnknownMemberType]


def _told_all(asked: set[str], group: Any) -> set[str]:
    """What the first process was asked for, in all of them."""
    if group is None:
        return asked
    import torch
    import torch.distributed as dist

    bits = torch.tensor([name in asked for name in _REQUESTS], dtype=torch.uint8)
    dist.broadcast(bits, src=0, group=group)
    return {name for place, name in enumerate(_REQUESTS) if int(bits[place])}


def _of_ours(root: Path) -> Path:
    """The folder, or one in it where other things of these names lie there already."""
    layout = AttemptLayout(root)
    recipe = atomic.read_object(layout.recipe) or {}
    own = mapping(recipe.get("watched")).get("kind") == "attempt"
    taken = [path for path in (layout.events, layout.metrics, layout.recipe) if path.exists()]
    return root / TRAINER_FOLDER if taken and not own else root


def _put_aside(layout: AttemptLayout) -> None:
    """A run from its beginning takes the place of what an earlier one left in the same output folder."""
    old = [path for path in (layout.events, layout.metrics) if path.exists()]
    if old:
        place = layout.root / "earlier" / time.strftime("%Y%m%d-%H%M%S")
        while place.exists():
            place = place.with_name(place.name + "-again")
        place.mkdir(parents=True)
        for path in old:
            path.replace(place / path.name)
    control.clear(layout)


def _settings(args: TrainingArguments) -> dict[str, Any]:
    return {
        name: value
        for name, value in args.to_dict().items()
        if isinstance(value, str | int | float | bool) and value != "" and not _SECRET.search(name)
    }
