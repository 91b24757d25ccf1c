"""Advice in words for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.core.technique.decision import Advice, Branch, Question, Step
    from cockpit.services.technique.advice import Advised


_WHOSE = " (The source text is the guide whose judgement the cockpit embodies: docs/judgement.md.)"


def as_text(found: Advised, width: int = 100) -> str:
    """The advice for a person: technique, why, how it was decided, what else, what to be careful of."""
    advice = found.advice
    lines = [
        _headline(advice),
        "",
        *_wrapped(advice.why, width),
        *_wrapped(f"Source: {advice.source}.{_WHOSE if 'source text' in advice.source else ''}", width),
    ]
    lines += _section("Instead:", advice.instead, width)
    if found.seen is not None:
        reading, rows = found.seen.reading, found.seen.profile.rows
        lines += _section("The data:", (f"{reading.shown}, {rows:,} rows. {reading.why}",), width)
    lines += _section("How it was decided:", map(_step, advice.path), width)
    ranks = (f"{r.technique.upper():<5} {r.fit:<11} {r.why}" for r in advice.ranked)
    lines += _section("Ranking:", ranks, width, hang=18)
    lines += _section("Branches not taken:", map(_branch, advice.not_taken), width)
    if advice.comfortable:
        technique, why = advice.comfortable
        lines += _section("The comfortable choice:", (f"{technique.upper()}: {why}.",), width)
    lines += _section("Careful:", advice.warnings, width)
    lines += _section("First:", filter(None, (advice.smaller_step,)), width)
    title = "Open questions, with what is assumed in brackets (--answer KEY=VALUE):"
    return "\n".join(lines + _section(title, map(_open, advice.questions), width))


def _wrapped(text: str, width: int, hang: int = 0) -> list[str]:
    gap = " " * hang
    return textwrap.wrap(text, max(40, width), initial_indent="  ", subsequent_indent=f"  {gap}")


def _section(title: str, texts: Iterable[str], width: int, hang: int = 2) -> list[str]:
    lines = [line for text in texts for line in _wrapped(text, width, hang)]
    return ["", title, *lines] if lines else []


def _headline(advice: Advice) -> str:
    if advice.undecided:
        return "Not decided yet."
    return f"Technique: {advice.technique.upper()}" if advice.technique else "Technique: none of these"


def _step(step: Step) -> str:
    how = "assumed" if step.how == "assumed" else f"{step.how}: {step.because}"
    return f"{step.question} -> {step.label} ({how})"


def _branch(branch: Branch) -> str:
    leads = "/".join(name.upper() if name != "none" else "none" for name in branch.leads_to[:3])
    return f"{leads}: {branch.why}"


def _open(question: Question) -> str:
    values = " ".join(f"[{value}]" if value == question.assumed else value for value, _ in question.options)
    return f"{question.key}: {question.question} {values}"
