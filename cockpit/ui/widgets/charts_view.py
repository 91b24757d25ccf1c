"""Which charts a run has, and what is drawn on each: its curve, those of the marked runs, baseline and best. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cockpit.core.chart.plot import Level, Line, Mark, Range, View
from cockpit.ui.text import status_style
from cockpit.ui.text.run_header import STAGES, main_metric

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.state import CockpitState

MID_EVAL = "mid-eval"
FIRST = ("loss", "reward", "kl", "grad_norm", "lr", "entropy", "reward_std", "completions/mean_length")
"""Series that people look at first, behind the technique's own; the others follow by name."""
LAST = ("epoch", "step_time", "tokens_per_s", "num_tokens", "rss_mb", "gpu_mb")
TAGS = "abcdef"
_TOPS = (0.1, 0.2, 0.5, 1.0)


class ChartSpec(NamedTuple):
    """One chart, ready for the widget."""

    name: str
    lines: Sequence[Line]
    levels: Sequence[Level]
    marks: Sequence[Mark]
    view: View
    empty: str


def names(view: ExperimentView, run: LiveRun | None) -> list[str]:
    """The charts of a run, the most telling first; the first two stand there before there is a value."""
    there = run.series.names if run is not None and run.series is not None else ()
    first = main_metric(view.technique)
    if view.attempt_dir is None:
        return [first]
    order = [first, MID_EVAL, *(name for name in FIRST if name in there and name != first)]
    rest = sorted(name for name in there if name not in order)
    return [*order, *sorted(rest, key=lambda name: name in LAST)]


def spec(name: str, state: CockpitState, view: ExperimentView, *, ascii_only: bool, mono: bool) -> ChartSpec:
    """What to draw for `name` of the shown run and the marked ones."""
    ids = list(dict.fromkeys([view.id, *state.marked]))
    runs = {id_: state.live[id_] for id_ in ids if id_ in state.live}
    run = runs.get(view.id)
    mid = name == MID_EVAL
    lines = _lines(name, view.id, runs)
    levels = [Level(run.baseline, "baseline")] if mid and run is not None and run.baseline is not None else []
    reach = _reach(runs.values())
    look = View(
        window=window(state.steps, reach),
        x_end=_end(run),
        live=status_style.is_live(view),
        log=state.log_scale and not mid,
        smoothing=0.0 if mid else state.smoothing,
        y_limits=_score_limits(runs.values()) if mid else None,
        cursor=state.cursor,
        ascii=ascii_only,
        mono=mono,
        reach=reach,
    )
    return ChartSpec(name, lines, levels, _marks(run, mid), look, _empty(name, view, run))


def window(steps: int | None, reach: Range | None) -> Range | None:
    """The newest `steps`; it moves by eighths, so that a growing run doesn't redraw the chart with every row."""
    if steps is None or reach is None or reach[1] - reach[0] <= steps:
        return None
    stride = max(1.0, steps / 8)
    end = math.ceil(reach[1] / stride) * stride
    return end - steps, end


def _lines(name: str, shown: str, runs: Mapping[str, LiveRun]) -> list[Line]:
    found: list[Line] = []
    for number, (id_, run) in enumerate(runs.items()):
        table = run.evals if name == MID_EVAL else run.series
        if table is None or name not in table.names:
            continue
        label = name if id_ == shown else id_
        found.append(
            Line(label, table.column(name), smooth=name != MID_EVAL, points=name == MID_EVAL,
                 tag=TAGS[number % len(TAGS)] if len(runs) > 1 else "")
        )  # fmt: skip
    return found


def _marks(run: LiveRun | None, mid: bool) -> list[Mark]:
    if run is None or run.best_step is None:
        return []
    return [Mark(run.best_step, run.best_score if mid else None, "best")]


def _reach(runs: Iterable[LiveRun]) -> Range | None:
    extents: list[Range] = []
    for run in runs:
        for table in (run.series, run.evals):
            extent = table.extent() if table is not None else None
            if extent is not None:
                extents.append(extent)
    if not extents:
        return None
    return min(first for first, _ in extents), max(last for _, last in extents)


def _end(run: LiveRun | None) -> float | None:
    return float(run.planned_steps) if run is not None and run.planned_steps else None


def _score_limits(runs: Iterable[LiveRun]) -> Range:
    """From 0 to a round share above every score: an axis that fits the noise would show progress where none is."""
    top = max((max(run.top_score, run.baseline or 0.0) for run in runs), default=0.0)
    return 0.0, next((limit for limit in _TOPS if top <= limit), top)


def _empty(name: str, view: ExperimentView, run: LiveRun | None) -> str:
    """Why nothing is drawn, and what would draw it."""
    if view.attempt_dir is None:
        return "not launched yet: l starts its run"
    if run is not None and run.gone:
        return "the attempt's folder is gone; the run's files were deleted or moved"
    if name == MID_EVAL:
        return "no mini-eval yet" if status_style.is_live(view) else "no mini-eval was made"
    if not status_style.is_live(view):
        return f"no {name} was logged"
    stage = run.stage if run is not None else ""
    if stage == "training":
        return f"no {name} yet: the first steps are under way"
    return f"no {name} yet: {f'it is {STAGES[stage]}' if stage in STAGES else 'the run is starting'}"


def title(state: CockpitState, view: ExperimentView, shown: Sequence[str], total: int, first: int) -> str:
    """The pane's title: whose charts, which of them, and how they are looked at."""
    parts = [f"Charts of {view.id}"]
    if len(shown) < total:
        parts.append(f"{first + 1}-{first + len(shown)} of {total}")
    marked = [id_ for id_ in state.marked if id_ != view.id]
    if marked:
        parts.append(f"over {', '.join(marked)}")
    if state.steps is not None:
        parts.append(f"newest {state.steps:,} steps")
    if state.log_scale:
        parts.append("log y")
    return "  ".join(parts)
