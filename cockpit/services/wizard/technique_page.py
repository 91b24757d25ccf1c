"""The wizard's technique page: what the tree asks, what it advises, and a choice against it, which needs a reason."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.services.wizard.page import Choice, Page

if TYPE_CHECKING:
    from cockpit.services.technique.advice import Advised
    from cockpit.services.wizard.session import WizardSession


def advice_of(session: WizardSession) -> Advised:
    """The advice for what is known and answered so far; the data is looked at once."""
    from cockpit.core.technique.decision import advise
    from cockpit.services.technique.advice import advised

    if session.advised is None:
        session.advised = advised(
            workspace=session.ws, data=_source(session), verifier=session.ws.config.verifier
        )
    found = session.advised
    return replace(found, advice=advise(found.facts, session.state.answers))


def _source(session: WizardSession) -> str | None:
    return session.state.data or None


def advice_page(session: WizardSession) -> Page:
    """One open question of the tree at a time; then the ranking to choose from."""
    from cockpit.services.technique.advice_text import as_text

    found = advice_of(session)
    advice = found.advice
    state = session.state
    unasked = (q for q in advice.questions if q.key not in state.answers)
    open_ = next((q for q in unasked if not (state.assume and q.assumed)), None)
    lines = tuple(as_text(found, session.width).split("\n"))
    answered = "".join(f" --answer {key}={value}" for key, value in session.state.answers.items())
    data = shlex.quote(_source(session) or str(session.ws.config.train))
    cli_equivalent = f"cockpit advise --data {data}{answered} --json"
    if open_ is not None:
        assumed = open_.assumed or ""
        options = sorted(open_.options, key=lambda option: option[0] != assumed)
        choices = [Choice(f"{open_.key}={value}", label) for value, label in options]
        if assumed:
            choices.append(Choice("assume", "take what is assumed, here and from here on"))
        return Page(
            lines, f"{open_.question} ({open_.matters})", tuple(choices), cli_equivalent=cli_equivalent
        )
    choices = [
        Choice(
            rank.technique, f"{rank.technique.upper()}: {rank.fit}", reason=rank.technique != advice.technique
        )
        for rank in advice.ranked
        if rank.technique in _runnable() and rank.fit != "impossible"
    ]
    if advice.technique is None:
        choices.insert(0, Choice("none", "none of these: leave it here"))
    question = "Which technique? Another than the first needs a reason, which goes into methodlog.md."
    return Page(lines, question, tuple(choices), cli_equivalent=cli_equivalent)


def _runnable() -> tuple[str, ...]:
    from cockpit.contract.techniques import RUNNABLE

    return tuple(RUNNABLE)


def take_advice(session: WizardSession, value: str, reason: str) -> bool:
    """An answer to the open question, or the technique."""
    key, equals, chosen = value.partition("=")
    if equals:
        from cockpit.core.technique.decision import advise

        answers = {**session.state.answers, key: chosen}
        advise(advice_of(session).facts, answers)
        session.state.answers = answers
        return False
    advice = advice_of(session).advice
    if value == "assume":
        session.state.assume = True
        return False
    if value == "none":
        raise CockpitError("none of these techniques fits here", "; ".join(advice.instead) or advice.why)
    if value not in _runnable():
        raise CockpitError(
            f"{value!r} is no technique that can be run here", f"There are: {', '.join(_runnable())}."
        )
    if value != advice.technique and not reason:
        better = (advice.technique or "none").upper()
        raise CockpitError(f"{value.upper()} is not what is advised ({better})", "Choose it with a reason.")
    _check_data(session, value)
    _record(session, value, reason)
    if value != session.state.technique:
        _keep_settings(session, value)
    session.state.technique, session.state.reason = value, reason if value != advice.technique else ""
    return True


def undo_answer(session: WizardSession) -> bool:
    """Take back the last answer to the tree's questions; False where none was given."""
    state = session.state
    if state.assume:
        state.assume = False
    elif state.answers:
        state.answers.popitem()
    else:
        return False
    return True


def _keep_settings(session: WizardSession, technique: str) -> None:
    """Of the settings made for another technique, keep those that this one has; say which were taken out, and why."""
    from cockpit.core.recipe import recipes

    config = session.ws.config
    nowhere = {"train": "-", "mini_eval": "-", "held_out": "-"}  # the settings alone are asked about
    kept: list[str] = []
    for text in session.state.settings:
        try:
            recipes.resolve(technique, experiment_id="exp_0000", model=config.model, verifier=config.verifier,
                            data=nowhere, overrides=[*kept, text])  # fmt: skip
        except CockpitError as error:
            session.notes.append(f"{text} was taken out: {error.title.rstrip('.')}.")
        else:
            kept.append(text)
    session.state.settings = kept


def _check_data(session: WizardSession, technique: str) -> None:
    """The training file must hold what the technique learns from. Raises CockpitError."""
    from cockpit.services.dataset import datasets

    train = session.ws.config.train
    if train is not None and technique != "custom":
        datasets.read_as(train, technique)


def _record(session: WizardSession, value: str, reason: str) -> None:
    """Both go to the log: the choice against the advice, and the reason."""
    from cockpit.core.methodlog import Entry
    from cockpit.services.experiments import catch_up
    from cockpit.services.workspace import methodlog_writer

    catch_up.before_move(session.ws)
    advice = advice_of(session).advice
    if value == advice.technique:
        entry = Entry("advice", f"{value.upper()}, as advised: {advice.why}")
    else:
        better = (advice.technique or "none of them").upper()
        entry = Entry("override", f"chose {value.upper()} although {better} was advised: {reason}")
    methodlog_writer.record(session.ws, [entry])
