"""The wizard's recipe page: every setting with its range, what the data suggests, what differs from the parent."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.core.tree.comparing import flattened
from cockpit.services.wizard.page import Page, Pick

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.services.wizard.session import WizardSession


def recipe_of(session: WizardSession) -> Recipe:
    """The recipe with the settings changed so far, resolved. Raises CockpitError naming field, value and range."""
    from cockpit.services.recipe import drafts

    s = session.state
    return drafts.resolve(
        session.ws, drafts.DraftRequest(technique=s.technique, overrides=s.settings, parent=s.parent or None)
    )


def recipe_page(session: WizardSession) -> Page:
    from cockpit.core.recipe import recipes
    from cockpit.core.recipe.mini_eval import PATIENCE
    from cockpit.core.recipe.settings import shown

    recipe = recipe_of(session)
    weights = f"LoRA, rank {recipe.peft.r}" if recipe.peft else "full weights"
    lines = [f"{recipe.technique.upper()}, {weights}, on {recipe.model.name_or_path}", ""]
    picks: list[Pick] = []
    for choice in recipes.choices(recipe):
        name = choice.field.removeprefix("trainer.")
        value = choice.value if isinstance(choice.value, str) else shown(choice.value)
        about = (
            f"{name}: {choice.description}. Allowed: {choice.allowed}. " if choice.allowed else f"{name}. "
        )
        about += f"Default: {shown(choice.default)}. From: {choice.source}. Empty: the default again"
        picks.append(Pick(len(lines), name, value, about))
        changed = "" if choice.value == choice.default else f" (default {shown(choice.default)})"
        lines.append(f"{name} = {shown(choice.value)}{changed}")
        lines.append(f"    {choice.description}; {choice.allowed}; {choice.source}")
    reasons = {name: why for name, why in recipe.reasons.items() if not name.startswith("trainer.")}
    resolves = reasons.pop(PATIENCE, "")
    lines += [f"{PATIENCE} = {recipe.mid_eval.patience}", f"    {resolves}"] if resolves else []
    lines += [f"! {why}" for why in reasons.values()]
    fitting = suggestions(session, recipe)
    if fitting:
        lines += [
            "",
            "From your data (`suggested` takes them):",
            *(f"  {text}  {why}" for text, why in fitting),
        ]
    said = recipes.advice(recipe)
    lines += ["", *(f"! {text}" for text in said)] if said else []
    lines += _against_parent(session, recipe) + _against_log(session, recipe)
    changed = "".join(f" {shlex.quote(text)}" for text in session.state.settings)
    return Page(
        tuple(lines),
        "NAME=VALUE changes a setting (peft=null: full weights; undo; suggested); empty goes on",
        optional=True,
        cli_equivalent=f"cockpit new {session.state.technique}{changed}",
        picks=tuple(picks),
    )


def suggestions(session: WizardSession, recipe: Recipe) -> list[tuple[str, str]]:
    """Settings that the data's own lengths ask for, as overrides with the reason."""
    from cockpit.contract.techniques import GROUPED

    if not recipe.data.train:
        return []
    session.state.data = session.state.data or recipe.data.train
    session.state.model = session.state.model or recipe.model.name_or_path
    seen = session.inspection()
    if not seen.profile.lengths.n:
        return []
    if recipe.technique in GROUPED:
        return []  # how long the model answers is not in the data
    now, enough = recipe.trainer.get("max_length"), seen.enough
    about = "" if seen.measured.unit == "tokens" else "about "
    if isinstance(now, int) and enough != now and (enough > now or 4 * enough <= now):
        return [(f"max_length={enough}", f"{about}{enough:,} tokens leave 99 % of the rows whole")]
    return []


def _against_parent(session: WizardSession, recipe: Recipe) -> list[str]:
    """Only the settings that differ from the parent's recipe."""
    from cockpit.contract.recipe import Recipe

    parent = session.state.parent
    if not parent or parent == "exp_0000":
        return []
    try:
        other = Recipe.load(session.ws.layout.experiment(parent).draft)
    except CockpitError:
        return []
    mine, theirs = flat(recipe), flat(other)
    names = sorted({*mine, *theirs})
    rows = [
        f"  {n}: {theirs.get(n, '-')} -> {mine.get(n, '-')}" for n in names if mine.get(n) != theirs.get(n)
    ]
    return ["", f"Against {parent}:", *(rows or ["  nothing differs"])]


def flat(recipe: Recipe) -> dict[str, str]:
    """The settings that a diff is about, as dotted names with JSON values."""
    skipped = {"experiment_id", "attempt", "parent", "hypothesis", "v", "reasons"}
    settings = flattened(recipe.model_dump(mode="json", exclude=skipped))
    known = {name: value for name, value in settings.items() if value is not None and value != {}}
    return {name.removeprefix("trainer."): json.dumps(value, default=str) for name, value in known.items()}


def _against_log(session: WizardSession, recipe: Recipe) -> list[str]:
    from cockpit.services.experiments import precheck

    found = precheck.concerns(session.ws, recipe)
    return ["", "The log says:", *(f"! {c.headline}. {c.fix}" for c in found)] if found else []


def take_recipe(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.core.recipe import aliases, recipes

    if not value or value == "go":
        recipe_of(session)
        return True
    before, was = list(session.state.settings), recipe_of(session)
    if value == "suggested":
        value = shlex.join(text for text, _ in suggestions(session, recipe_of(session)))
        if not value:
            raise CockpitError("the data suggests no other setting", "Go on.")
    given, technique = ([] if value == "undo" else shlex.split(value)), session.state.technique
    recipes.named_overrides([text for text in given if not text.endswith("=")], technique)
    session.state.settings = before[:-1] if value == "undo" else aliases.changed(before, given, technique)
    try:
        now = recipe_of(session)
    except CockpitError:
        session.state.settings = before
        raise
    changes = _changes(flat(was), flat(now)) or ["Nothing changed: that is what it was."]
    session.confirmed = [*(f"{note}." for note in aliases.notes_on(given, technique)), *changes]
    return False


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Each setting that became another, with what follows from it."""
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return [f"{name}: {before.get(name, 'unset')} -> {after.get(name, 'unset')}" for name in names]
