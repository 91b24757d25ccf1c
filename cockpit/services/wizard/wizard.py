"""The wizard: from a data file and a model's name to a proven recipe, a page at a time.

Values in both directions: a page says what is known and asks one thing, an answer moves on. The screen and the plain
terminal show the same pages; every page names the command that does the same. Functions may block (call them from a
thread) and raise CockpitError for an answer that can't be taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.wizard.page import Page
from cockpit.services.wizard.session import Tell, WizardSession
from cockpit.services.wizard.steps import BY_NAME, EXPERIMENT, SETUP, Step


@dataclass(frozen=True, slots=True)
class Place:
    """A step in the list: its name, title, what was answered, and whether it is behind, here or ahead."""

    step: str
    title: str
    answer: str
    where: Literal["behind", "here", "ahead"]


class Wizard(WizardSession):
    """Walks through the steps for the folder `root`, from where it was left."""

    def __init__(self, root: Path, *, tell: Tell = lambda _: None) -> None:
        super().__init__(root, tell=tell)
        if self.step not in self.steps:
            self.state.step = self.steps[0]

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of this walk: those of a set-up only where there is no workspace yet."""
        made = WorkspaceLayout(self.root).config.is_file()
        walk = EXPERIMENT if made and "data" not in self.state.done else (*SETUP, *EXPERIMENT)
        return tuple(step.name for step in walk)

    @property
    def step(self) -> str:
        return self.state.step

    @property
    def finished(self) -> bool:
        return "end" in self.state.done

    def places(self) -> list[Place]:
        """Every step for the list on the left."""
        return [self._place(BY_NAME[name]) for name in self.steps]

    def _place(self, step: Step) -> Place:
        done = step.name in self.state.done
        where = "here" if step.name == self.step else "behind" if done else "ahead"
        return Place(step.name, step.title, step.short(self.state) if done else "", where)

    def page(self) -> Page:
        """The page of the step where the wizard is. May look at the data or walk the tree."""
        step = BY_NAME[self.step]
        return replace(step.page(self), title=step.title)

    def answer(self, value: str, reason: str = "") -> None:
        """Take an answer to the page's question and go on, or stay where the page has more to ask."""
        if BY_NAME[self.step].take(self, value.strip(), reason.strip()):
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
