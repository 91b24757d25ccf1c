"""The wizard's pages from the literature to the launch: they make the experiment and prove it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.services.wizard.page import Choice, Page, Pick

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.services.wizard.wizard import Wizard

_GO = Choice("go", "go on")


def literature_page(wizard: Wizard) -> Page:
    from cockpit.services.technique import literature

    brief = literature.brief_of(wizard.ws, wizard.state.technique)
    recorded = literature.recorded(wizard.ws)
    lines = [
        "What beats the base here usually has a recent paper or recipe behind it. Copy the brief into any assistant or "
        "browser, or search Hugging Face papers and arXiv from here.",
        "",
        *brief.text().split("\n"),
    ]
    if recorded:
        lines += ["", "Recorded:", *(f"  {text}" for text in recorded[-5:])]
    choices = [Choice("search", "search papers (needs a network)"),
               Choice("rely", "record a reference that you rely on", reason=True),
               Choice("skip", "skip it: say why", reason=True)]  # fmt: skip
    if recorded:
        choices.insert(0, _GO)
    return Page("Literature", tuple(lines), "What does the literature say?", tuple(choices),
                twin=f"cockpit literature --technique {wizard.state.technique}", busy=("search",))  # fmt: skip


def take_literature(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.technique import literature

    if value == "search":
        found = literature.search(literature.brief_of(wizard.ws, wizard.state.technique))
        for hit in found.hits:
            wizard.tell(f"{hit.title} ({hit.where}, {hit.published}) {hit.url}")
        if not found.hits:
            said = "; ".join(text.rstrip(".") for text in found.problems) or "nothing was found"
            raise CockpitError(said, "Copy the brief into any assistant or browser, or skip it and say why.")
        for problem in found.problems:
            wizard.tell(problem)
        return False
    if value == "rely":
        literature.rely(wizard.ws, reason)
        return False
    if value == "skip":
        literature.skip(wizard.ws, reason)
        return True
    if not literature.recorded(wizard.ws):
        raise CockpitError(
            "nothing of the literature is recorded", "Record a reference, or skip it with a reason."
        )
    return True


def recipe_of(wizard: Wizard) -> Recipe:
    """The recipe with the settings changed so far, resolved. Raises CockpitError naming field, value and range."""
    from cockpit.services.recipe import drafts

    s = wizard.state
    return drafts.resolve(
        wizard.ws, drafts.Wish(technique=s.technique, overrides=s.settings, parent=s.parent or None)
    )


def recipe_page(wizard: Wizard) -> Page:
    from cockpit.core.recipe import recipes
    from cockpit.core.recipe.settings import shown

    recipe = recipe_of(wizard)
    weights = f"LoRA, rank {recipe.peft.r}" if recipe.peft else "full weights"
    lines = [f"{recipe.technique.upper()}, {weights}, on {recipe.model.name_or_path}", ""]
    picks: list[Pick] = []
    for choice in recipes.choices(recipe):
        name = choice.field.removeprefix("trainer.")
        value = choice.value if isinstance(choice.value, str) else shown(choice.value)
        about = f"{name}: {choice.says}. Allowed: {choice.allowed}. " if choice.allowed else f"{name}. "
        about += f"Default: {shown(choice.default)}. From: {choice.source}. Empty: the default again"
        picks.append(Pick(len(lines), name, value, about))
        changed = "" if choice.value == choice.default else f" (default {shown(choice.default)})"
        lines.append(f"{name} = {shown(choice.value)}{changed}")
        lines.append(f"    {choice.says}; {choice.allowed}; {choice.source}")
    lines += [f"! {why}" for name, why in recipe.reasons.items() if not name.startswith("trainer.")]
    fitting = suggestions(wizard, recipe)
    if fitting:
        lines += [
            "",
            "From your data (`suggested` takes them):",
            *(f"  {text}  {why}" for text, why in fitting),
        ]
    said = recipes.advice(recipe)
    lines += ["", *(f"! {text}" for text in said)] if said else []
    lines += _against_parent(wizard, recipe) + _against_log(wizard, recipe)
    changed = "".join(f" {shlex.quote(text)}" for text in wizard.state.settings)
    return Page(
        "Recipe",
        tuple(lines),
        "NAME=VALUE changes a setting (peft=null: full weights; undo; suggested); empty goes on",
        optional=True,
        twin=f"cockpit new {wizard.state.technique}{changed}",
        picks=tuple(picks),
    )


def suggestions(wizard: Wizard, recipe: Recipe) -> list[tuple[str, str]]:
    """Settings that the data's own lengths ask for, as overrides with the reason."""
    from cockpit.core.recipe.settings import ONLINE_GROUPS
    from cockpit.services.wizard.pages import look_at

    if not recipe.data.train:
        return []
    wizard.state.data = wizard.state.data or recipe.data.train
    wizard.state.model = wizard.state.model or recipe.model.name_or_path
    seen = look_at(wizard)
    if not seen.profile.lengths.n:
        return []
    if recipe.technique in ONLINE_GROUPS:
        return []  # how long the model answers is not in the data
    now, enough = recipe.trainer.get("max_length"), seen.enough
    about = "" if seen.measured.unit == "tokens" else "about "
    if isinstance(now, int) and enough != now and (enough > now or 4 * enough <= now):
        return [(f"max_length={enough}", f"{about}{enough:,} tokens leave 99 % of the rows whole")]
    return []


def _against_parent(wizard: Wizard, recipe: Recipe) -> list[str]:
    """Only the settings that differ from the parent's recipe."""
    from cockpit.services.recipe import drafts

    parent = wizard.state.parent
    if not parent or parent == "exp_0000":
        return []
    try:
        other = drafts.load(wizard.ws.layout.experiment(parent))
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
    import json

    skipped = {"experiment_id", "attempt", "parent", "hypothesis", "v", "reasons"}
    found: dict[str, str] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for key, part in value.items():  # pyright: ignore[reportUnknownVariableType]
                walk(f"{prefix}.{key}" if prefix else str(key), part)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            found[prefix.removeprefix("trainer.")] = json.dumps(value, default=str)

    walk("", recipe.model_dump(mode="json", exclude=skipped))
    return found


def _against_log(wizard: Wizard, recipe: Recipe) -> list[str]:
    from cockpit.services.experiments import precheck

    found = precheck.concerns(wizard.ws, recipe)
    return ["", "The log says:", *(f"! {c.headline}. {c.mend}" for c in found)] if found else []


def take_recipe(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.core.recipe import aliases, recipes

    if not value or value == "go":
        recipe_of(wizard)
        return True
    before = list(wizard.state.settings)
    if value == "suggested":
        value = shlex.join(text for text, _ in suggestions(wizard, recipe_of(wizard)))
        if not value:
            raise CockpitError("the data suggests no other setting", "Go on.")
    given, technique = ([] if value == "undo" else shlex.split(value)), wizard.state.technique
    recipes.named_overrides([text for text in given if not text.endswith("=")], technique)
    wizard.state.settings = before[:-1] if value == "undo" else _with_settings(before, given, technique)
    try:
        recipe_of(wizard)
    except CockpitError:
        wizard.state.settings = before
        raise
    for note in aliases.notes_on(given, technique):
        wizard.tell(f"{note}.")
    return False


def _with_settings(before: list[str], given: list[str], technique: str) -> list[str]:
    """`NAME=VALUE` in place of what was said of it before; `NAME=` takes a setting back to its default."""
    from cockpit.core.recipe.aliases import rename_text

    made = [rename_text(text, technique) for text in before]
    for text in (rename_text(text, technique) for text in given):
        name, equals, value = text.partition("=")
        made = [kept for kept in made if not equals or kept.partition("=")[0] != name]
        if value or not equals:
            made.append(text)
    return made


def hypothesis_page(wizard: Wizard) -> Page:
    return Page(
        "Hypothesis",
        ("What do you expect of this move, and why? One line, for whoever reads the log: you, in a month.",),
        "Hypothesis",
        default=wizard.state.hypothesis,
        twin=f'cockpit new {wizard.state.technique} -m "…"',
    )


def take_hypothesis(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.experiments import lifecycle

    if not value:
        raise CockpitError("an experiment needs a hypothesis", "Say in a line what you expect.")
    s = wizard.state
    if s.experiment and s.experiment in wizard.ws.experiment_ids():
        return True
    s.hypothesis = value
    view = lifecycle.new(
        wizard.ws, s.technique, hypothesis=value, parent=s.parent or None, overrides=s.settings
    )
    s.experiment = view.id
    return True


def fit_page(wizard: Wizard) -> Page:
    from cockpit.services.recipe import fit
    from cockpit.services.recipe.fit_text import as_text

    twin = f"cockpit fit {wizard.state.experiment}"
    try:
        found = fit.of(wizard.ws, wizard.state.experiment)
    except CockpitError as error:
        return Page("Will it fit", (str(error),), "Go on?", (_GO,), twin=twin)
    choices = [_GO]
    if found.changes:
        choices.insert(0, Choice("change", "make these changes in a new draft"))
    return Page("Will it fit", tuple(as_text(found).split("\n")), "Go on?", tuple(choices), twin=twin)


def take_fit(wizard: Wizard, value: str, reason: str) -> bool:
    if value != "change":
        return True
    from cockpit.services.experiments import lifecycle
    from cockpit.services.recipe import fit

    s = wizard.state
    found = fit.of(wizard.ws, s.experiment)
    changes = [text for change in found.changes for text in change.overrides]
    s.settings = _with_settings(s.settings, changes, s.technique)
    s.experiment = lifecycle.new(
        wizard.ws, s.technique, hypothesis=s.hypothesis, parent=s.parent or None, overrides=s.settings
    ).id
    return False


def smoke_page(wizard: Wizard) -> Page:
    from cockpit.services.smoke import run
    from cockpit.services.smoke.text import as_text

    id_ = wizard.state.experiment
    found = run.last(wizard.ws, id_)
    if found is None:
        lines = (
            "Ten examples, the longest first, through the whole pipeline with the recipe's real settings. It must "
            "leave a checkpoint that the scorer loads from the disk, and a score above zero on a held-out item. What "
            "would break after forty minutes breaks now.",
        )
        choices = (
            Choice("run", "run it: about a minute beside loading"),
            Choice("go", "go on without it (it is written down)"),
        )
    else:
        lines = tuple(as_text(id_, found).split("\n"))
        again = Choice("run", "run it again")
        choices = (_GO, again) if found.opens else (again, _GO)
    return Page("Smoke run", lines, "What next?", choices, twin=f"cockpit smoke {id_}", busy=("run",))


def take_smoke(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.smoke import run

    if value == "run":
        run.run(wizard.ws, wizard.state.experiment, tell=wizard.tell)
        return False
    return True


def end_page(wizard: Wizard) -> Page:
    from cockpit.services.experiments import lifecycle
    from cockpit.services.recipe import fit
    from cockpit.services.smoke import run

    id_ = wizard.state.experiment
    found = run.last(wizard.ws, id_)
    lines = [f"{id_}, {wizard.state.technique.upper()}: {wizard.state.hypothesis}"]
    red = found is not None and found.current and not found.verdict.green
    if found is not None and found.opens:
        lines.append(f"Smoke run green. {found.verdict.headline}")
        try:
            pace = fit.of(wizard.ws, id_).pace
        except CockpitError:
            pace = None
        lines += [pace.sentence] if pace else []
    elif found is not None and red:
        lines.append(f"Smoke run red at {found.verdict.stage}: {found.verdict.headline} {found.verdict.mend}")
    lines.append("One attempt: what regresses asks for another hypothesis, not for another try.")
    against = [gate for gate in lifecycle.closed_gates(wizard.ws, id_) if gate.name != "smoke"]
    needs = red or bool(against)
    lines += [f"Against it: {gate.says}. {gate.mend}" for gate in against]
    launch = Choice("launch", "launch it: it outlives the terminal", reason=needs)
    leave = Choice("leave", "leave it as a draft")
    choices = (leave, launch) if needs else (launch, leave)
    return Page("Launch", tuple(lines), "Launch it?", choices, twin=f"cockpit launch {id_}")


def take_end(wizard: Wizard, value: str, reason: str) -> bool:
    if value == "launch":
        from cockpit.services.experiments import lifecycle

        lifecycle.launch(wizard.ws, wizard.state.experiment, reason=reason or None)
    return True
