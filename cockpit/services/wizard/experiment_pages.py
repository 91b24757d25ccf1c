"""The wizard's pages from the log to the launch: they make the experiment and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.services.wizard.page import Choice, Page

if TYPE_CHECKING:
    from cockpit.services.wizard.session import WizardSession

_GO = Choice("go", "go on")


def log_page(session: WizardSession) -> Page:
    ws = session.ws
    base = ws.experiment("exp_0000") if "exp_0000" in ws.experiment_ids() else None
    lines = [line for line in ws.method_log_lines() if line.startswith("- ")]
    if base is not None and base.score is not None:
        scored = f"The base model scores {base.score.text(2)}. Go on."
        choices = (_GO,)
    else:
        scored = (
            "The base model has not been scored yet: without its score no gain can be told. Scoring it first is the "
            "firm order of things; it takes as long as answering the held-out set."
        )
        choices = (
            Choice("score", "score the base model now, in a process of its own"),
            Choice("go", "go on meanwhile"),
        )
    if base is not None and base.status == "running":
        scored, choices = (
            f"The base model is being scored: {base.attempt.sentence if base.attempt else ''}",
            (_GO,),
        )
    return Page(
        (scored, "", *lines[-40:]),
        "What next?",
        choices,
        cli_equivalent="cockpit launch exp_0000 --wait",
    )


def take_log(session: WizardSession, value: str, reason: str) -> bool:
    if value == "score":
        from cockpit.services.experiments import lifecycle

        lifecycle.launch(session.ws, "exp_0000")
    return True


def literature_page(session: WizardSession) -> Page:
    from cockpit.services.technique import literature

    brief = literature.brief_of(session.ws, session.state.technique)
    recorded = literature.recorded(session.ws)
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
    return Page(
        tuple(lines),
        "What does the literature say?",
        tuple(choices),
        cli_equivalent=f"cockpit literature --technique {session.state.technique}",
        busy=("search",),
    )


def take_literature(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.services.technique import literature

    if value == "search":
        found = literature.search(literature.brief_of(session.ws, session.state.technique))
        for hit in found.hits:
            session.tell(f"{hit.title} ({hit.where}, {hit.published}) {hit.url}")
        if not found.hits:
            said = "; ".join(text.rstrip(".") for text in found.problems) or "nothing was found"
            raise CockpitError(said, "Copy the brief into any assistant or browser, or skip it and say why.")
        for problem in found.problems:
            session.tell(problem)
        return False
    if value == "rely":
        literature.rely(session.ws, reason)
        return False
    if value == "skip":
        literature.skip(session.ws, reason)
        return True
    if not literature.recorded(session.ws):
        raise CockpitError(
            "nothing of the literature is recorded", "Record a reference, or skip it with a reason."
        )
    return True


def hypothesis_page(session: WizardSession) -> Page:
    return Page(
        ("What do you expect of this move, and why? One line, for whoever reads the log: you, in a month.",),
        "Hypothesis",
        default=session.state.hypothesis,
        cli_equivalent=f'cockpit new {session.state.technique} -m "…"',
    )


def take_hypothesis(session: WizardSession, value: str, reason: str) -> bool:
    if not value:
        raise CockpitError("an experiment needs a hypothesis", "Say in a line what you expect.")
    s = session.state
    s.hypothesis = value
    before = s.experiment if s.experiment in session.ws.experiment_ids() else ""
    if before and s.drafted == s.recipe_answers:
        return True
    draft(session)
    if before:
        session.notes.append(f"{s.experiment} holds what you changed; {before} stays as it was.")
    return True


def draft(session: WizardSession) -> None:
    """Make the experiment that the answers describe. Raises CockpitError."""
    from cockpit.services.experiments import lifecycle

    s = session.state
    made = lifecycle.new(
        session.ws, s.technique, hypothesis=s.hypothesis, parent=s.parent or None, overrides=s.settings
    )
    s.experiment, s.drafted = made.id, s.recipe_answers


def fit_page(session: WizardSession) -> Page:
    from cockpit.services.recipe import fit
    from cockpit.services.recipe.fit_text import as_text

    cli_equivalent = f"cockpit fit {session.state.experiment}"
    try:
        found = fit.of(session.ws, session.state.experiment)
    except CockpitError as error:
        return Page((str(error),), "Go on?", (_GO,), cli_equivalent=cli_equivalent)
    choices = [_GO]
    if found.changes:
        choices.insert(0, Choice("change", "make these changes in a new draft"))
    return Page(tuple(as_text(found).split("\n")), "Go on?", tuple(choices), cli_equivalent=cli_equivalent)


def take_fit(session: WizardSession, value: str, reason: str) -> bool:
    if value != "change":
        return True
    from cockpit.core.recipe import aliases
    from cockpit.services.recipe import fit

    s = session.state
    found = fit.of(session.ws, s.experiment)
    changes = [text for change in found.changes for text in change.overrides]
    s.settings = aliases.changed(s.settings, changes, s.technique)
    draft(session)
    return False


def smoke_page(session: WizardSession) -> Page:
    from cockpit.services.smoke.text import as_text
    from cockpit.services.workspace import smoke_verdict

    id_ = session.state.experiment
    found = smoke_verdict.last(session.ws, id_)
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
    return Page(lines, "What next?", choices, cli_equivalent=f"cockpit smoke {id_}", busy=("run",))


def take_smoke(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.services.experiments import gates
    from cockpit.services.smoke import run

    if value == "run":
        run.run(session.ws, session.state.experiment, tell=session.tell)
        return False
    gates.note_skipped(session.ws, session.state.experiment)
    return True


def end_page(session: WizardSession) -> Page:
    from cockpit.services.experiments import lifecycle
    from cockpit.services.recipe import fit
    from cockpit.services.workspace import smoke_verdict

    id_ = session.state.experiment
    found = smoke_verdict.last(session.ws, id_)
    lines = [f"{id_}, {session.state.technique.upper()}: {session.state.hypothesis}"]
    red = found is not None and found.current and not found.verdict.green
    if found is not None and found.opens:
        lines.append(f"Smoke run green. {found.verdict.headline}")
        try:
            pace = fit.of(session.ws, id_).pace
        except CockpitError:
            pace = None
        lines += [pace.sentence] if pace else []
    elif found is not None and red:
        lines.append(f"Smoke run red at {found.verdict.stage}: {found.verdict.headline} {found.verdict.fix}")
    lines.append("One attempt: what regresses asks for another hypothesis, not for another try.")
    against = [gate for gate in lifecycle.closed_gates(session.ws, id_) if gate.name != "smoke"]
    needs = red or bool(against)
    lines += [f"Against it: {gate.message}. {gate.fix}" for gate in against]
    launch = Choice("launch", "launch it: it outlives the terminal", reason=needs)
    leave = Choice("leave", "leave it as a draft")
    choices = (leave, launch) if needs else (launch, leave)
    return Page(tuple(lines), "Launch it?", choices, cli_equivalent=f"cockpit launch {id_}")


def take_end(session: WizardSession, value: str, reason: str) -> bool:
    if value == "launch":
        from cockpit.services.experiments import lifecycle

        lifecycle.launch(session.ws, session.state.experiment, reason=reason or None)
    return True
