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
    """A step in the list: its name, title, what was answered, and whether it is behind, here or ahead.

    A stale one is ahead again: it was passed, and an answer before it was changed since.
    """

    step: str
    title: str
    answer: str
    where: Literal["behind", "here", "ahead", "stale"]


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
        done, stale = step.name in self.state.done, step.name in self.state.stale
        where = "here" if step.name == self.step else "behind" if done else "stale" if stale else "ahead"
        answer = step.short(self.state) if done else "again" if stale else ""
        return Place(step.name, step.title, answer, where)

    def page(self) -> Page:
        """The page of the step where the wizard is. May look at the data or walk the tree."""
        step = BY_NAME[self.step]
        page = replace(step.page(self), title=step.title, confirmed=tuple(self.confirmed))
        if not self.notes:
            return page
        picks = tuple(replace(pick, line=pick.line + len(self.notes) + 1) for pick in page.picks)
        return replace(page, lines=(*self.notes, "", *page.lines), picks=picks)

    def answer(self, value: str, reason: str = "") -> None:
        """Take an answer to the page's question and go on, or stay where the page has more to ask.

        An answer that changes what was said before makes every step after it stale: they are asked again.
        """
        before, self.notes, self.confirmed = self.state.answered, [], []
        passed = BY_NAME[self.step].take(self, value.strip(), reason.strip())
        if self.state.answered != before:
            self._outdate()
        if passed:
            self._pass()
        self.save()

    def back(self) -> bool:
        """Go to the question before; False at the first one. What was made stays made, what was answered stays too."""
        self.notes, self.confirmed = [], []
        if BY_NAME[self.step].undo(self):
            self._outdate()
            self.save()
            return True
        at = self.steps.index(self.step)
        floor = self.steps.index("log") if self.workspace is not None else 0
        if at <= floor:
            return False
        self.state.step = self.steps[at - 1]
        self.save()
        return True

    def restart(self) -> None:
        """Begin another experiment."""
        self.state = self.state.restart()
        self.advised = None
        self.state.step = self.steps[0]
        self.save()

    def _outdate(self) -> None:
        """Ask everything after this step again."""
        state = self.state
        after = [name for name in self.steps[self.steps.index(self.step) + 1 :] if name in state.done]
        state.done = [name for name in state.done if name not in after]
        state.stale = [*state.stale, *(name for name in after if name not in state.stale)]

    def _pass(self) -> None:
        if self.step not in self.state.done:
            self.state.done.append(self.step)
        if self.step in self.state.stale:
            self.state.stale.remove(self.step)
        at = self.steps.index(self.step)
        if at + 1 < len(self.steps):
            self.state.step = self.steps[at + 1]
