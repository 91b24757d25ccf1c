"""The wizard's technique page: what the tree asks, what it advises, and a choice against it, which needs a reason."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.services.wizard.page import Choice, Page

if TYPE_CHECKING:
    from cockpit.services.technique.advice import Advised
    from cockpit.services.wizard.wizard import Wizard


def advice_of(wizard: Wizard) -> Advised:
    """The advice for what is known and answered so far; the data is looked at once."""
    from cockpit.core.technique.decision import advise
    from cockpit.services.technique.advice import advised

    if wizard.advised is None:
        wizard.advised = advised(
            workspace=wizard.ws, data=_source(wizard), verifier=wizard.ws.config.verifier
        )
    found = wizard.advised
    return replace(found, advice=advise(found.facts, wizard.state.answers))


def _source(wizard: Wizard) -> str | None:
    return wizard.state.data or None


def advice_page(wizard: Wizard) -> Page:
    """One open question of the tree at a time; then the ranking to choose from."""
    from cockpit.services.technique.advice_text import as_text

    found = advice_of(wizard)
    advice = found.advice
    state = wizard.state
    unasked = (q for q in advice.questions if q.key not in state.answers)
    open_ = next((q for q in unasked if not (state.assume and q.assumed)), None)
    lines = tuple(as_text(found, wizard.width).split("\n"))
    told = "".join(f" --answer {key}={value}" for key, value in wizard.state.answers.items())
    twin = f"cockpit advise --data {shlex.quote(_source(wizard) or str(wizard.ws.config.train))}{told} --json"
    if open_ is not None:
        assumed = open_.assumed or ""
        options = sorted(open_.options, key=lambda option: option[0] != assumed)
        choices = [Choice(f"{open_.key}={value}", label) for value, label in options]
        if assumed:
            choices.append(Choice("assume", "take what is assumed, here and from here on"))
        return Page("Technique", lines, f"{open_.question} ({open_.matters})", tuple(choices), twin=twin)
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
    return Page("Technique", lines, question, tuple(choices), twin=twin)


def _runnable() -> tuple[str, ...]:
    from cockpit.contract.techniques import RUNNABLE

    return tuple(RUNNABLE)


def take_advice(wizard: Wizard, value: str, reason: str) -> bool:
    """An answer to the open question, or the technique."""
    key, equals, chosen = value.partition("=")
    if equals:
        from cockpit.core.technique.decision import advise

        answers = {**wizard.state.answers, key: chosen}
        advise(advice_of(wizard).facts, answers)
        wizard.state.answers = answers
        return False
    advice = advice_of(wizard).advice
    if value == "assume":
        wizard.state.assume = True
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
    _check_data(wizard, value)
    _record(wizard, value, reason)
    wizard.state.technique, wizard.state.reason = value, reason if value != advice.technique else ""
    return True


def _check_data(wizard: Wizard, technique: str) -> None:
    """The training file must hold what the technique learns from. Raises CockpitError."""
    from cockpit.services.dataset import datasets

    train = wizard.ws.config.train
    if train is not None and technique != "custom":
        datasets.read_as(train, technique)


def _record(wizard: Wizard, value: str, reason: str) -> None:
    """Both go to the log: the choice against the advice, and the reason."""
    from cockpit.core.methodlog import Entry
    from cockpit.services.workspace import methodlog_writer

    advice = advice_of(wizard).advice
    if value == advice.technique:
        entry = Entry("advice", f"{value.upper()}, as advised: {advice.why}")
    else:
        better = (advice.technique or "none of them").upper()
        entry = Entry("override", f"chose {value.upper()} although {better} was advised: {reason}")
    methodlog_writer.record(wizard.ws, [entry])
