"""What all of TRL's trainers do differently in the cockpit, whatever the technique.

A checkpoint that can't be written costs a warning, not the run, and nothing half-written stays. No model card is made
and no dictionaries are printed: Telemetry prints a short line a step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from transformers import PrinterCallback

from trainers.attempt import checkpoints
from trainers.attempt.attempt import Attempt
from trainers.model import new_tokens


def _show_images(named: dict[str, Any], attempt: Attempt) -> None:
    """Have TRL's trainer see the rows' images: through the model's processor, opened when a batch is made."""
    from trainers.data.image_rows import NEEDED, with_open_images
    from trainers.model.vision import load_processor

    named["processing_class"] = load_processor(attempt.recipe, named["processing_class"])
    named["train_dataset"] = with_open_images(named["train_dataset"])
    for name, value in NEEDED.items():
        if hasattr(named["args"], name):
            setattr(named["args"], name, value)


class CockpitTrainer:
    """Stands before a trainer of TRL's among a class's bases. `save_error`: why the last checkpoint is not whole."""

    def __init__(self, *args: Any, attempt: Attempt, **named: Any) -> None:
        self.attempt = attempt
        self.save_error: str | None = None
        new_tokens.prepare(named["model"], named["processing_class"], named["train_dataset"], attempt)
        if "images" in named["train_dataset"].column_names:
            _show_images(named, attempt)
        super().__init__(*args, **named)
        self.remove_callback(PrinterCallback)  # type: ignore[attr-defined]
        attempt.processes.prepare(self, attempt)

    def train(self, *args: Any, **named: Any) -> Any:
        """Train to the end; remove what was being written when it came."""
        start = named.pop("resume_from_checkpoint", None)
        if start is not None:
            named["resume_from_checkpoint"] = str(start)
        try:
            return super().train(*args, **named)  # type: ignore[misc]
        finally:
            if self.attempt.processes.first:
                checkpoints.clear_unfinished(self.attempt.layout)

    def create_model_card(self, *args: Any, **named: Any) -> None:
        """Write none: it is thrown away with each checkpoint, after it had trackio imported.

        And rank 0 alone writes it, before all processes meet: a disk that is full at that moment would leave the
        others waiting for ever.
        """

    def _save_checkpoint(self, *args: Any, **named: Any) -> None:
        if self.attempt.processes.agree(not self.attempt.layout.root.is_dir())[0]:
            self.save_error = "the attempt's folder was deleted"  # it isn't made again
            return
        with self._noting_save_errors():
            super()._save_checkpoint(*args, **named)  # type: ignore[misc]

    @contextlib.contextmanager
    def _noting_save_errors(self) -> Iterator[None]:
        """Note what a disk does not take: transformers has no hook around the save."""
        try:
            yield
        except Exception as error:
            # OSError, torch's RuntimeError and safetensors' own exception all mean the same here.
            if isinstance(error, MemoryError) or "out of memory" in str(error):
                raise
            self.save_error = f"{type(error).__name__}: {error}"
            rank = self.attempt.processes.rank
            if rank:  # rank 0 reports its own, and of another's only that there was one
                print(f"In process {rank}: {self.save_error}", flush=True)
