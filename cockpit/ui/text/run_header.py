"""What is going on with one experiment, in two or three lines: state, why, the newest numbers and their age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cockpit.contract.techniques import REWARDED
from cockpit.core.safe_text import clean
from cockpit.ui.text import ages, status_style
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, cell, fold, join, line
from cockpit.ui.text.scores import delta_spans, number, score_spans, share
from cockpit.ui.text.styles import BAD, BEST, BOLD, DIM, HEAD, LIVE, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.services.workspace.workspace import ExperimentView

SENTENCE_ROWS = 3
"""Rows that a sentence may take; a log's last line may be long."""
STAGES = {
    "importing": "importing the training libraries",
    "loading": "loading the model",
    "tokenizing": "preparing the data",
    "training": "training",
    "evaluating": "scoring held-out items",
    "saving": "saving",
}


def header_lines(
    view: ExperimentView | None,
    run: LiveRun | None,
    latest: Mapping[str, float],
    *,
    width: int,
    now: float,
    glyphs: Glyphs,
    pinned: bool = False,
    busy: str = "",
    warnings: int = 0,
) -> list[Line]:
    """Who and how it stands; the sentence, in up to three lines; the numbers. `latest` has the newest metrics.

    `warnings`: findings that are more than a remark; a small terminal has no other room for them.
    """
    if view is None:
        return []
    return [
        _who(view, run, now, glyphs, pinned, busy, warnings, width),
        *_sentence(view, now, width, glyphs),
        _numbers(view, run, latest, width, glyphs),
    ]


def fitted(lines: list[Line], height: int, *, live: bool) -> list[Line]:
    """As many of the header's lines as fit: of a live run the numbers stay, of another one the sentence."""
    if len(lines) <= height:
        return lines
    return [*lines[: height - 1], lines[-1]] if live else lines[:height]


def main_metric(technique: str) -> str:
    """The series that tells how a run of this technique goes."""
    return "reward" if technique.lower() in REWARDED else "loss"


def data_age(view: ExperimentView, run: LiveRun | None, now: float) -> tuple[str, bool]:
    """How old what is shown is, and whether it is live. A run that ended is never called live."""
    last = run.last_time if run else None
    if run is not None and run.gone:
        return ("its folder is gone: what is shown was read before", False)
    if not status_style.is_live(view):
        age = ages.age(now - last) if last is not None else ""
        return (f"data from {'a moment ago' if age == 'now' else age}" if age else "", False)
    if last is None:
        return ("no data yet", False)
    age = ages.age(now - last)
    return ("live", True) if age == "now" else (f"last data {age}", False)


def _who(
    view: ExperimentView,
    run: LiveRun | None,
    now: float,
    glyphs: Glyphs,
    pinned: bool,
    busy: str,
    warnings: int,
    width: int,
) -> Line:
    glyph, word, style = status_style.sign_word_style(view, glyphs)
    age, live = data_age(view, run, now)
    old: Span = (age, LIVE if live else WARN if status_style.is_live(view) else DIM)
    step = view.attempt.step if view.attempt else None
    groups: list[list[Span | str]] = [
        [
            (f"{glyphs.pin} " if pinned else "", BOLD),
            (view.id, HEAD),
            " ",
            (status_style.technique(view), BOLD),
        ],
        [(f"{glyph} {busy or word}", style)],
        [f"step {step}" if step is not None else ""],
        [old],
    ]
    words = f"{glyphs.warn} {warnings} finding{'s' if warnings > 1 else ''} (f)"
    who = line(*join(groups, f" {glyphs.dot} "))
    if warnings and who.width + len(words) + 3 > width:
        words = f"{glyphs.warn} {warnings} (f)"  # the age of the data is not to be cut off for it
    groups.insert(2, [(words if warnings else "", WARN)])
    return line(*join(groups, f" {glyphs.dot} "))


def _sentence(view: ExperimentView, now: float, width: int, glyphs: Glyphs) -> list[Line]:
    """What it does or why it ended, folded; the hypothesis or the note goes along where there is room for it."""
    attempt = view.attempt
    hypothesis = clean(view.hypothesis, newlines="show")
    if attempt is None:
        return [line((hypothesis or "a draft: l launches it", DIM))]
    state = attempt.state
    style, text, more = PLAIN, clean(attempt.sentence, newlines="show"), clean(view.note, newlines="show")
    if state in ("starting", "running") and attempt.stage is not None and attempt.sure:
        doing = STAGES.get(attempt.stage, clean(attempt.stage, newlines="show"))
        since = f", for {ages.since(now - attempt.stage_since)}" if attempt.stage_since else ""
        text, more = f"{doing[:1].upper()}{doing[1:]}{since}.", hypothesis
    elif state in ("failed", "oom_killed", "killed", "lost", "stalled"):
        style = BAD
    parts = fold(text, width)
    if len(parts) > SENTENCE_ROWS:
        parts = [
            *parts[: SENTENCE_ROWS - 1],
            cell(" ".join(parts[SENTENCE_ROWS - 1 :]), width, ellipsis=glyphs.ellipsis),
        ]
    lines = [line((part, style)) for part in parts]
    if more and len(lines) == 1:
        lines[0] = line((text, style), (f" {more}", DIM))
    return lines


def _numbers(
    view: ExperimentView, run: LiveRun | None, latest: Mapping[str, float], width: int, glyphs: Glyphs
) -> Line:
    """The held-out score once there is one, the newest metrics while there is none, the mini-evals.

    What doesn't fit is left out whole, the side metrics first, best and baseline last.
    """
    groups: list[list[Span | str]] = []
    if view.score is not None:
        score = score_spans(view.score, wide=width >= 60, glyphs=glyphs)
        delta = delta_spans(view.delta, glyphs)
        groups.append([("held-out ", DIM), *score, *([" ", *delta] if delta else [])])
    elif (first := main_metric(view.technique)) in latest:
        groups.append([(f"{first} ", DIM), number(latest[first])])
    groups += _mid_eval(view, run, glyphs)
    if run is not None and run.malformed:
        groups.append([(f"{run.malformed} unreadable lines skipped", WARN)])
    while len(groups) > 1 and line(*join(groups)).width > width:
        groups.pop(1 if len(groups) > 3 else -1)
    for name in () if view.score is not None else ("loss", "reward", "kl", "lr", "grad_norm"):
        more: list[Span | str] = [(f"{name} ", DIM), number(latest[name])] if name in latest else []
        if more and name != main_metric(view.technique) and line(*join([*groups, more])).width <= width:
            groups.append(more)
    return line(*join(groups))


def _mid_eval(view: ExperimentView, run: LiveRun | None, glyphs: Glyphs) -> list[list[Span | str]]:
    groups: list[list[Span | str]] = []
    newest = run.mid_evals[-1] if run is not None and run.mid_evals else None
    if newest is not None:
        groups.append([("mid-eval ", DIM), share(newest.score), (f" at {newest.step}", DIM)])
    best, step = (run.best_score, run.best_step) if run is not None else (None, None)
    best, step = (best, step) if best is not None else (view.mini_best, view.best_step)
    if best is not None:
        at = f" at {step}" if step is not None else ""
        groups.append([(f"{glyphs.best} best ", BEST), share(best), (at, DIM)])
    baseline = run.baseline if run is not None and run.baseline is not None else view.mini_baseline
    if baseline is not None:
        groups.append([("baseline ", DIM), share(baseline)])
    return groups
