"""The one table of the wizard's steps: name, title, what is shown and asked, and what handles the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cockpit.services.wizard import experiment_pages as experiment
from cockpit.services.wizard import recipe_page as recipe
from cockpit.services.wizard import setup_pages as setup
from cockpit.services.wizard import technique_page as technique
from cockpit.services.wizard.page import Page
from cockpit.services.wizard.session import WizardSession
from cockpit.services.wizard.state import WizardState


class Step(NamedTuple):
    """One step. `take` is given the answer and a reason, and returns False where the page has more to ask."""

    name: str
    title: str
    page: Callable[[WizardSession], Page]
    take: Callable[[WizardSession, str, str], bool]
    short: Callable[[WizardState], str] = lambda _: "done"
    """What was answered, for the list on the left."""
    undo: Callable[[WizardSession], bool] = lambda _: False
    """Takes back the last of several answers that the page was given; False where it has none."""


SETUP: tuple[Step, ...] = (
    Step("data", "Your data", setup.data_page, setup.take_data, lambda s: Path(s.data).name),
    Step("look", "What it is", setup.look_page, lambda *_: True),
    Step("held_out", "Held-out set", setup.held_out_page, setup.take_held_out,
         lambda s: Path(s.held_out).name if s.held_out else "split off"),
    Step("model", "Base model", setup.model_page, setup.take_model,
         lambda s: s.model.rstrip("/").rsplit("/", 1)[-1]),
    Step("verifier", "Verifier", setup.verifier_page, setup.take_verifier, lambda s: s.verifier),
    Step("chance", "Guessing scores", setup.chance_page, setup.take_chance, lambda s: s.chance),
    Step("rules", "Your rules", setup.rules_page, setup.take_rules,
         lambda s: f"{len(s.rules)} rules" if s.rules else "none"),
    Step("make", "Workspace", setup.make_page, setup.take_make),
)  # fmt: skip
"""Makes the workspace."""
EXPERIMENT: tuple[Step, ...] = (
    Step("log", "What the log says", experiment.log_page, experiment.take_log),
    Step("advice", "Technique", technique.advice_page, technique.take_advice,
         lambda s: s.technique.upper() + (" (against)" if s.reason else ""), technique.undo_answer),
    Step("literature", "Literature", experiment.literature_page, experiment.take_literature),
    Step("recipe", "Recipe", recipe.recipe_page, recipe.take_recipe,
         lambda s: f"{len(s.settings)} changed" if s.settings else "defaults"),
    Step("hypothesis", "Hypothesis", experiment.hypothesis_page, experiment.take_hypothesis, lambda s: s.experiment),
    Step("fit", "Will it fit", experiment.fit_page, experiment.take_fit),
    Step("smoke", "Smoke run", experiment.smoke_page, experiment.take_smoke),
    Step("end", "Launch", experiment.end_page, experiment.take_end),
)  # fmt: skip
"""Makes an experiment in it, and proves its recipe."""
BY_NAME = {step.name: step for step in (*SETUP, *EXPERIMENT)}
