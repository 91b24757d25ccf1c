"""Ask before anything that ends a run, or that takes minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.core.recipe.pace import duration
from cockpit.ui.pages.dialog import Choice, Dialog
from cockpit.ui.text import status_style
from cockpit.ui.text.glyphs import Glyphs

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView


class StopScreen(Dialog[str]):
    """Stop a run: gracefully, now, or not at all. Answers "graceful", "now" or None."""

    def __init__(self, view: ExperimentView, glyphs: Glyphs) -> None:
        step = f" at step {view.attempt.step}" if view.attempt and view.attempt.step is not None else ""
        super().__init__(
            glyphs,
            f"Stop {view.id} ({status_style.technique(view)}){step}?",
            ["Leaving the cockpit (q) does not stop a run; this does."],
            [
                Choice("g", "graceful", "finish the step, write a checkpoint, end: it can be resumed"),
                Choice("x", "now", "end at once: what came after the last checkpoint is lost"),
                Choice("n", "none", "no, let it run (so does esc)"),
            ],
        )

    def answer(self, choice: str) -> None:
        self.dismiss(None if choice == "none" else choice)


class ScoreScreen(Dialog[str]):
    """The full held-out pass, which takes minutes: answers "score" or None."""

    def __init__(self, experiment_id: str, seconds: float, glyphs: Glyphs) -> None:
        super().__init__(
            glyphs,
            f"Score {experiment_id} on the whole held-out set?",
            [
                f"It takes about {duration(seconds)}, as answers were timed here. It outlives the terminal; s stops it."
            ],
            [Choice("e", "score", "score it now"), Choice("n", "none", "no (so does esc)")],
        )

    def answer(self, choice: str) -> None:
        self.dismiss(None if choice == "none" else choice)
