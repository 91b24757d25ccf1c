"""What is known of one attempt from its own files, folded batch by batch. Bounded, whatever the trainer writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cockpit.contract.events import LEFT, gone_back
from cockpit.contract.values import number, whole

if TYPE_CHECKING:
    from cockpit.core.series.table import SeriesTable
    from cockpit.services.live.follower import Batch
    from cockpit.services.live.metric_rows import Rows

LOG_LINES = 2000
"""Lines of the log that a screen keeps; the log pane of the run screen reads further back from the file."""
EVENTS = 4000


class MidEval(NamedTuple):
    """One mini-eval after a checkpoint; `items` is the file of its answers, relative to the attempt."""

    step: int
    score: float
    passed: int
    parsed: int
    n: int
    best: bool
    since_best: int
    items: str
    engine: str = ""
    """What gave the answers: `transformers`, or `vllm` for a warm server; empty in older files."""


class Checkpoint(NamedTuple):
    step: int
    path: str
    best: bool
    reason: str


class Notice(NamedTuple):
    time: float
    level: str
    text: str


class LiveRun:
    """The folded facts of one attempt."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Nothing is known yet."""
        self.series: SeriesTable | None = None
        """The metrics."""
        self.last_time: float | None = None
        """Epoch seconds of the newest event or metric: the age of what is shown."""
        self.malformed = 0
        self.gone = False
        """The attempt's folder was deleted; what is shown is what was read before."""
        self.forget_events()
        self.forget_log()

    def forget_events(self) -> None:
        """The events were truncated or replaced: what they said is void."""
        self.mid_evals = deque[MidEval](maxlen=EVENTS)
        self.left = deque[list[MidEval]](maxlen=LEFT)
        """The mini-evals of branches that a resume went back from, oldest first."""
        self.evals: SeriesTable | None = None
        """The scores of the mini-evals as a series."""
        self.top_score = 0.0
        """The best of them, whatever the trainer calls best."""
        self.planned_steps: int | None = None
        self.checkpoints = deque[Checkpoint](maxlen=EVENTS)
        self.notices = deque[Notice](maxlen=200)
        self.stage = ""
        self.stage_since: float | None = None
        self.baseline: float | None = None
        self.best_step: int | None = None
        self.best_score: float | None = None
        self.held_out: Mapping[str, Any] | None = None
        self.end: Mapping[str, Any] | None = None

    def forget_log(self) -> None:
        """The log was truncated or replaced."""
        self.log = deque[str](maxlen=LOG_LINES)
        self.log_count = 0
        """Log lines seen so far, the dropped ones among them."""
        self.log_partial = ""
        """The line that is being written, a progress bar for one."""

    def fold(self, batch: Batch) -> None:
        """Take what one look at the files brought."""
        if batch.gone is not None:
            self.gone = batch.gone
        self.malformed += batch.malformed
        if batch.metrics_restarted and self.series is not None:
            self.series.clear()
        if batch.events_restarted:
            self.forget_events()
        if batch.log_restarted:
            self.forget_log()
        for event in batch.events:
            self.fold_event(event)
        self._fold_rows(batch)
        self.log.extend(batch.log)
        self.log_count += len(batch.log)
        if batch.partial is not None:
            self.log_partial = batch.partial

    def _fold_rows(self, batch: Batch) -> None:
        if batch.preview is not None and not self.table().rows:
            self.table().preview(batch.preview.steps, batch.preview.columns)
        if batch.rows is not None:
            self.table().extend(batch.rows.steps, batch.rows.columns, batch.rows.times)
            self._note_time(batch.rows)
        if batch.whole and self.series is not None:
            self.series.end_preview()

    def table(self) -> SeriesTable:
        """The series; made with the first thing to put in, since numpy costs time that the first frame hasn't."""
        if self.series is None:
            from cockpit.core.series.table import SeriesTable

            self.series = SeriesTable()
        return self.series

    def add_score(self, step: int, score: float) -> None:
        """Put a mini-eval's score (0..1) on its chart."""
        if self.evals is None:
            from cockpit.core.series.table import SeriesTable

            self.evals = SeriesTable()
        self.evals.append(step, {"mid-eval": score})
        self.top_score = max(self.top_score, score)

    def _note_time(self, rows: Rows) -> None:
        newest = float(rows.times[-1]) if len(rows.times) else 0.0
        if 0.0 < newest < float("inf"):
            self.last_time = max(self.last_time or 0.0, newest)

    def latest(self) -> dict[str, float]:
        """The newest logged value of every series, by name."""
        if self.series is None:
            return {}
        newest = {name: self.series.last(name) for name in self.series.names}
        return {name: last[1] for name, last in newest.items() if last is not None}

    def nbytes(self) -> int:
        """About how much memory its series take."""
        return self.series.nbytes() if self.series is not None else 0

    def fold_event(self, event: Mapping[str, Any]) -> None:
        """Take one line of events.jsonl; kinds and fields that aren't known are passed over."""
        when = number(event.get("time"))
        if when is not None:
            self.last_time = max(self.last_time or 0.0, when)
        fold = _FOLDS.get(str(event.get("kind")))
        if fold is not None:
            fold(self, event)


def _stage(run: LiveRun, event: Mapping[str, Any]) -> None:
    name = str(event.get("name", ""))
    if name != "done":
        run.end = None  # it was resumed
    if name != run.stage:
        run.stage, run.stage_since = name, number(event.get("time"))


def _mid_eval(run: LiveRun, event: Mapping[str, Any]) -> None:
    score = number(event.get("score"))
    if score is None:
        return
    fields = {name: (whole(event.get(name)) or 0) for name in ("step", "passed", "parsed", "n", "since_best")}
    run.mid_evals.append(
        MidEval(
            score=score,
            best=bool(event.get("best")),
            items=str(event.get("items", "")),
            engine=str(event.get("engine") or ""),
            **fields,
        )
    )
    run.add_score(run.mid_evals[-1].step, score)
    run.baseline = number(event.get("baseline")) if event.get("baseline") is not None else run.baseline
    run.best_score = number(event.get("best_score"))
    run.best_step = (
        (whole(event.get("best_step")) or 0) if event.get("best_step") is not None else run.best_step
    )


def _rewound(run: LiveRun, event: Mapping[str, Any]) -> None:
    step = whole(event.get("step"))
    if step is None:
        return
    path = list(run.mid_evals)
    run.mid_evals = deque(gone_back(step, path, run.left, lambda mid: mid.step), maxlen=EVENTS)
    run.left.append(path)
    run.top_score = 0.0
    if run.evals is not None:
        run.evals.clear()
    for mid in run.mid_evals:
        run.add_score(mid.step, mid.score)
    run.best_score, run.best_step = number(event.get("best_score")), whole(event.get("best_step"))


def _plan(run: LiveRun, event: Mapping[str, Any]) -> None:
    run.planned_steps = (whole(event.get("steps")) or 0) or None


def _checkpoint(run: LiveRun, event: Mapping[str, Any]) -> None:
    run.checkpoints.append(
        Checkpoint(
            step=(whole(event.get("step")) or 0),
            path=str(event.get("path", "")),
            best=bool(event.get("best")),
            reason=str(event.get("reason", "")),
        )
    )


def _notice(run: LiveRun, event: Mapping[str, Any]) -> None:
    run.notices.append(
        Notice(number(event.get("time")) or 0.0, str(event.get("level", "info")), str(event.get("text", "")))
    )


def _held_out(run: LiveRun, event: Mapping[str, Any]) -> None:
    run.held_out = event


def _end(run: LiveRun, event: Mapping[str, Any]) -> None:
    run.end = event


_FOLDS = {
    "plan": _plan,
    "stage": _stage,
    "mid_eval": _mid_eval,
    "rewound": _rewound,
    "checkpoint": _checkpoint,
    "notice": _notice,
    "held_out": _held_out,
    "end": _end,
}
