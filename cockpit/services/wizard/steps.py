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


def _done(state: WizardState) -> str:
    return "done"


def _nothing(session: WizardSession) -> bool:
    return False


def _read(session: WizardSession, answer: str, reason: str) -> bool:
    return True


class Step(NamedTuple):
    """One step. `take` is given the answer and a reason, and returns False where the page has more to ask."""

    name: str
    title: str
    page: Callable[[WizardSession], Page]
    take: Callable[[WizardSession, str, str], bool]
    short: Callable[[WizardState], str] = _done
    """What was answered, for the list on the left."""
    undo: Callable[[WizardSession], bool] = _nothing
    """Takes back the last of several answers that the page was given; False where it has none."""


def _data(state: WizardState) -> str:
    return Path(state.data).name


def _held_out(state: WizardState) -> str:
    return Path(state.held_out).name if state.held_out else "split off"


def _model(state: WizardState) -> str:
    return state.model.rstrip("/").rsplit("/", 1)[-1]


def _verifier(state: WizardState) -> str:
    return state.verifier


def _chance(state: WizardState) -> str:
    return state.chance


def _rules(state: WizardState) -> str:
    return f"{len(state.rules)} rules" if state.rules else "none"


def _technique(state: WizardState) -> str:
    return state.technique.upper() + (" (against)" if state.reason else "")


def _recipe(state: WizardState) -> str:
    return f"{len(state.settings)} changed" if state.settings else "defaults"


def _experiment(state: WizardState) -> str:
    return state.experiment


SETUP: tuple[Step, ...] = (
    Step("data", "Your data", setup.data_page, setup.take_data, _data),
    Step("look", "What it is", setup.look_page, _read),
    Step("held_out", "Held-out set", setup.held_out_page, setup.take_held_out, _held_out),
    Step("model", "Base model", setup.model_page, setup.take_model, _model),
    Step("verifier", "Verifier", setup.verifier_page, setup.take_verifier, _verifier),
    Step("chance", "Guessing scores", setup.chance_page, setup.take_chance, _chance),
    Step("rules", "Your rules", setup.rules_page, setup.take_rules, _rules),
    Step("make", "Workspace", setup.make_page, setup.take_make),
)
"""Makes the workspace."""
EXPERIMENT: tuple[Step, ...] = (
    Step("log", "What the log says", experiment.log_page, experiment.take_log),
    Step(
        "advice", "Technique", technique.advice_page, technique.take_advice, _technique, technique.undo_answer
    ),
    Step("literature", "Literature", experiment.literature_page, experiment.take_literature),
    Step("recipe", "Recipe", recipe.recipe_page, recipe.take_recipe, _recipe),
    Step("hypothesis", "Hypothesis", experiment.hypothesis_page, experiment.take_hypothesis, _experiment),
    Step("fit", "Will it fit", experiment.fit_page, experiment.take_fit),
    Step("smoke", "Smoke run", experiment.smoke_page, experiment.take_smoke),
    Step("end", "Launch", experiment.end_page, experiment.take_end),
)
"""Makes an experiment in it, and proves its recipe."""
BY_NAME = {step.name: step for step in (*SETUP, *EXPERIMENT)}
