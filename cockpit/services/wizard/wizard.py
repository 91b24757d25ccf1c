"""The wizard: from a data file and a model's name to a proven recipe, a page at a time.

Values in both directions: a page says what is known and asks one thing, an answer moves on. The screen and the plain
terminal show the same pages; every page names the command that does the same. Functions may block (call them from a
thread) and raise CockpitError for an answer that can't be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.wizard import pages
from cockpit.services.wizard.page import Page
from cockpit.services.wizard.state import WizardState
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.services.dataset.inspect import Inspection
    from cockpit.services.technique.advice import Advised

SETUP = ("data", "look", "held_out", "model", "verifier", "chance", "rules", "make")
MOVE = ("log", "advice", "literature", "recipe", "hypothesis", "fit", "smoke", "end")
TITLES: Mapping[str, str] = {
    "data": "Your data",
    "look": "What it is",
    "held_out": "Held-out set",
    "model": "Base model",
    "verifier": "Verifier",
    "chance": "Guessing scores",
    "rules": "Your rules",
    "make": "Workspace",
    "log": "What the log says",
    "advice": "Technique",
    "literature": "Literature",
    "recipe": "Recipe",
    "hypothesis": "Hypothesis",
    "fit": "Will it fit",
    "smoke": "Smoke run",
    "end": "Launch",
}
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A step in the list: its name, title, what was answered, and whether it is behind, here or ahead."""

    step: str
    title: str
    answer: str
    where: str


class Wizard:
    """One walk through the steps for the folder `root`, resumed where it was left."""

    def __init__(self, root: Path, *, tell: Tell = lambda _: None) -> None:
        self.root = root
        self.tell = tell
        self.width = 56
        """Cells that a page's lines may take; a front sets its own."""
        self.state = WizardState.load(root)
        self.resumed = bool(self.state.step)
        self.looks: dict[str, Inspection] = {}
        self.advised: Advised | None = None
        if self.step not in self.steps:
            self.state.step = self.steps[0]

    @property
    def workspace(self) -> Workspace | None:
        """The workspace, once it was made."""
        return Workspace(self.root) if WorkspaceLayout(self.root).config.is_file() else None

    @property
    def ws(self) -> Workspace:
        """The workspace. Raises CockpitError before it was made."""
        found = self.workspace
        if found is None:
            raise CockpitError("there is no workspace yet", "Answer the first questions.")
        return found

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of this walk: those of a set-up only where there is no workspace yet."""
        made = WorkspaceLayout(self.root).config.is_file()
        return MOVE if made and "data" not in self.state.done else (*SETUP, *MOVE)

    @property
    def step(self) -> str:
        return self.state.step

    @property
    def finished(self) -> bool:
        return "end" in self.state.done

    def places(self) -> list[Place]:
        """Every step for the list on the left."""
        at = self.steps.index(self.step)
        return [
            Place(
                step,
                TITLES[step],
                pages.short_answer(self, step) if step in self.state.done else "",
                "here" if i == at else "behind" if step in self.state.done else "ahead",
            )
            for i, step in enumerate(self.steps)
        ]

    def page(self) -> Page:
        """The page of the step where the wizard is. May look at the data or walk the tree."""
        return pages.PAGES[self.step](self)

    def answer(self, value: str, reason: str = "") -> None:
        """Take an answer to the page's question and go on, or stay where the page has more to ask."""
        if pages.TAKES[self.step](self, value.strip(), reason.strip()):
            self._pass()
        self.save()

    def back(self) -> bool:
        """To the step before; False at the first one. What was made stays made."""
        at = self.steps.index(self.step)
        floor = self.steps.index("log") if self.workspace is not None else 0
        if at <= floor:
            return False
        self.state.step = self.steps[at - 1]
        if self.state.step in self.state.done:
            self.state.done.remove(self.state.step)
        self.save()
        return True

    def save(self) -> None:
        """Keep the state. Raises CockpitError where the folder can't be written."""
        try:
            self.state.save(self.root)
        except OSError as error:
            raise CockpitError(
                f"the wizard's answers can't be kept: {error.strerror}",
                "Check the folder's rights.",
                file=self.root,
            ) from error

    def restart(self) -> None:
        """Begin another experiment."""
        self.state = self.state.restart()
        self.advised = None
        self.state.step = self.steps[0]
        self.save()

    def _pass(self) -> None:
        if self.step not in self.state.done:
            self.state.done.append(self.step)
        at = self.steps.index(self.step)
        if at + 1 < len(self.steps):
            self.state.step = self.steps[at + 1]
