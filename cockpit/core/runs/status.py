"""Say what an attempt is doing, from what it left behind; the answer is never stored.

An `end` event outweighs a live process with the recorded pid and start time; a live process outweighs the age of the
last event. services/runs/observe.py looks at files, clock and process table; here values go in and values come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cockpit.core.runs.evidence import ProcessFacts, Signs

State = Literal[
    "queued",
    "starting",
    "running",
    "stalled",
    "stopping",
    "stopped",
    "finished",
    "early_stopped",
    "failed",
    "oom_killed",
    "killed",
    "lost",
]
LIVE: frozenset[State] = frozenset({"starting", "running", "stalled", "stopping"})

STALL_FLOOR_S = 60.0  # no trainer is called stalled sooner
STALL_STEPS = 10.0  # … nor before ten of its typical steps went by
STALL_ROWS = 3.0  # … nor three of its typical rows, where it logs every so many steps
FIRST_STEP_S = 300.0  # compiling kernels and a first rollout write nothing
UNSEEN_LOST_S = 3600.0  # a process that can't be looked at is given up after this silence

# Seconds of silence that are ordinary in a stage: a large model loads for minutes, rollouts and evaluations
# write one line at their end.
_STAGE_PATIENCE = {
    "importing": 180.0,
    "loading": 900.0,
    "tokenizing": 1800.0,
    "evaluating": 1200.0,
    "saving": 900.0,
}
_STAGE_WORDS = {
    "importing": "importing the training libraries",
    "loading": "loading the model",
    "tokenizing": "preparing the data",
    "training": "training",
    "evaluating": "evaluating",
    "saving": "saving",
    "done": "closing",
}
_BEFORE_TRAINING = ("importing", "loading", "tokenizing")
_CRASHES = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"}


@dataclass(frozen=True, slots=True)
class Liveness:
    """What the process table says; None where it can't be asked.

    `where`: "here", "rebooted" (this host has started anew since), "elsewhere" (another host or container).
    """

    trainer: bool | None = None
    supervisor: bool | None = None
    where: Literal["here", "rebooted", "elsewhere"] = "here"


@dataclass(frozen=True, slots=True)
class AttemptStatus:
    """One attempt, as a person should hear of it. Times are epoch seconds, `stale_s` seconds of silence (coarse)."""

    state: State
    sentence: str
    stage: str | None = None
    stage_since: float | None = None
    step: int | None = None
    stale_s: float | None = None
    sure: bool = True
    """False where the process could not be looked at, so that only its files speak."""
    reason: str = ""
    """Why it ended, in the trainer's or the system's words."""
    exit_code: int | None = None
    doing: str = ""
    """The sentence without what changes by the second (for how long); empty where it holds no such thing."""
    in_line: bool = False
    """Whether a cluster will start it (again) by itself: it is to be treated like a run that lives."""

    @property
    def live(self) -> bool:
        """Whether it may still write: starting, running, stalled, stopping, or in a cluster's line."""
        return self.state in LIVE or self.in_line


def derive(
    process: ProcessFacts | None, signs: Signs, *, now: float, alive: Liveness, launching: bool = False
) -> AttemptStatus:
    """Judge one attempt. `launching` is true while a launcher holds its lock; `now` is epoch seconds."""
    signs = signs.since(process.started if process else None)
    if signs.ended:
        return _by_end_event(process, signs, alive)
    if process is None:
        if signs.last is not None:
            return _by_age(signs, now, "nobody supervises it", supervised=False)
        if launching:
            return _status("starting", "Starting: its supervisor is being started.", signs)
        return _status("queued", "Not started yet.", signs)
    if process.ended is not None or process.outcome is not None:
        return _by_record(process, signs)
    if alive.where == "rebooted":
        says = f"Lost: {process.host or 'the machine'} was restarted while it ran{_at(signs)}."
        return _status("lost", says, signs, reason="machine restarted")
    if alive.trainer:
        return _living(process, signs, now, alive)
    if alive.trainer is None and process.trainer is not None:
        return _by_age(signs, now, f"it runs on {process.host or 'another machine'}, out of sight from here")
    return _gone(process, signs, alive)


def stall_after(signs: Signs) -> float:
    """Seconds without an event or a metric after which a live trainer counts as stalled.

    max(60 s, 10 typical steps, 3 typical rows) in training; patient where a stage is silent by nature.
    """
    floor = STALL_FLOOR_S
    if signs.stage == "training" and signs.step_time is None:
        floor = FIRST_STEP_S
    elif signs.stage is not None:
        floor = max(floor, _STAGE_PATIENCE.get(signs.stage, 0.0))
    return max(floor, STALL_STEPS * (signs.step_time or 0.0), STALL_ROWS * (signs.row_time or 0.0))


def coarse(seconds: float) -> float:
    """Seconds, rounded down so far that a quiet run's status stays equal, and its screen untouched."""
    seconds = max(0.0, seconds)
    for unit in (86400.0, 60.0, 10.0):
        if seconds >= 2 * unit:
            return seconds // unit * unit
    return seconds // 5 * 5


def span(seconds: float) -> str:
    """A duration for people: `12 s`, `3 min`, `2 h 05 min`, `3 days`."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return "a moment"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} days"


def _by_end_event(process: ProcessFacts | None, signs: Signs, alive: Liveness) -> AttemptStatus:
    why = f": {signs.end_reason}" if signs.end_reason else ""
    at = _at(signs)
    budget = process is not None and process.outcome == "time_budget"
    best = "" if signs.best_step is None else f" The best checkpoint is step {signs.best_step}."
    resume = " Resume goes on from its checkpoint." if signs.saved else ""
    # Our trainers say what to change, with the recipe's own numbers; one that gives no reason gets the usual advice.
    advice = signs.end_reason or "Try a smaller batch or shorter texts"
    table: dict[str, tuple[State, str]] = {
        "finished": ("finished", f"Finished{at}.{best}"),
        "early_stopped": ("early_stopped", f"Stopped early{at}{why}.{best}"),
        "stopped": ("stopped", f"Stopped{at}{why}.{best}{resume}"),
        "out_of_memory": ("failed", f"Ran out of memory{at}. {advice}."),
        "failed": ("failed", f"Failed{at}{why}."),
    }
    state, says = table.get(signs.end_outcome or "", ("finished", f"Ended{at}{why}."))
    if budget and state == "stopped":
        says = f"Stopped{at}: its time budget of {_budget(process)} was used up.{best}{resume}"
    if alive.trainer:
        says += " Its process is still closing."
    return _status(
        state, says, signs, reason=signs.end_reason, exit_code=process.exit_code if process else None
    )


def _by_record(process: ProcessFacts, signs: Signs) -> AttemptStatus:
    """The supervisor wrote how it ended, the trainer did not."""
    state, says = _recorded(process, signs)
    reason = process.detail or signs.error
    return _status(state, says, signs, reason=reason, exit_code=process.exit_code)


def _recorded(process: ProcessFacts, signs: Signs) -> tuple[State, str]:
    where = _while(signs)
    why = f": {signs.error}" if signs.error else ""
    match process.outcome:
        case "spawn_failed":
            return "failed", f"Could not be started: {process.detail or 'no reason was given'}."
        case "oom_killed":
            return "oom_killed", f"Killed by the system for want of memory{where}. {process.detail}".strip()
        case "time_budget":
            lost = (
                " It had to be killed: what came after its last checkpoint is lost." if process.forced else ""
            )
            return "stopped", f"Stopped{_at(signs)}: its time budget of {_budget(process)} was used up.{lost}"
        case "signaled":
            return _signaled(process, signs)
        case _ if process.exit_code == 0 and process.stop_reason:
            return "stopped", f"Stopped{_at(signs)} on request."
        case _ if process.stop_reason == "user":
            code = "" if process.exit_code is None else f" It ended with exit code {process.exit_code}{why}."
            return "stopped", f"Stopped{_at(signs)} on request.{code}"
        case _ if process.exit_code == 0:
            return "finished", f"Finished{_at(signs)}."
        case _ if process.exit_code is None:
            return "lost", f"Ended{where}; nobody was there to see how{why}."
        case _:
            return "failed", f"Failed{where} with exit code {process.exit_code}{why}."


def _signaled(process: ProcessFacts, signs: Signs) -> tuple[State, str]:
    name = process.signal or "a signal"
    if process.stop_now:
        return (
            "stopped",
            f"Stopped{_at(signs)} at once, as asked: what came after its last checkpoint is lost.",
        )
    if process.stop_reason and process.forced:
        lost = "what came after its last checkpoint is lost"
        return "killed", f"Killed{_at(signs)}, as it did not stop in time: {lost}."
    if process.stop_reason:
        return "stopped", f"Stopped{_at(signs)} by {name}; it wrote no checkpoint of its own in answer."
    if name in _CRASHES:
        why = f": {signs.error}" if signs.error else ". The log may name the place"
        return "failed", f"Crashed{_while(signs)} ({name}){why}."
    note = f" {process.detail}" if process.detail else ""
    return "killed", f"Killed from outside{_while(signs)} ({name}).{note}"


def _living(process: ProcessFacts, signs: Signs, now: float, alive: Liveness) -> AttemptStatus:
    asked = signs.stop_requested if signs.stop_requested is not None else process.stop_requested
    if asked is not None:
        budget = process.stop_reason == "time_budget"
        why = "its time budget is used up" if budget else f"asked {span(coarse(now - asked))} ago"
        return _status("stopping", f"Stopping: {why}; it writes a checkpoint first.", signs)
    unwatched = process.supervisor is not None and not alive.supervisor
    note = " Its supervisor is gone: time budget and exit are not watched." if unwatched else ""
    begun = signs.last if signs.last is not None else process.started
    sign = begun
    if signs.stage != "training" and signs.log_time is not None and sign is not None:
        sign = max(sign, signs.log_time)  # progress bars of loading and tokenizing go to the log
    silent = max(0.0, now - sign) if sign is not None else 0.0
    if silent > stall_after(signs):
        usual = f" (a step takes {_short(signs.step_time)})" if signs.step_time else ""
        long = span(coarse(silent))
        says = f"Stalled while {_doing(signs)}: alive, but silent for {long}{usual}. Look at its log.{note}"
        return _status("stalled", says, signs, stale_s=silent)
    state, doing, long = _working(signs, now, process.started)
    return _status(state, f"{doing}{long}.", signs, stale_s=silent, note=note, doing=f"{doing}.")


def _working(signs: Signs, now: float, started: float | None) -> tuple[State, str, str]:
    """State, what it is doing, and for how long."""
    since = signs.stage_since if signs.stage_since is not None else started
    long = f", for {span(coarse(now - since))}" if since is not None else ""
    if signs.stage is None and signs.step is None:
        return "starting", "Starting: the process is up", long
    detail = f" ({signs.stage_detail})" if signs.stage_detail else ""
    if signs.stage in _BEFORE_TRAINING and signs.step is None:
        return "starting", f"Starting: {_doing(signs)}{detail}", long
    step = f", step {signs.step}" if signs.step is not None and signs.stage in (None, "training") else ""
    what = _doing(signs)
    return "running", f"{what[:1].upper()}{what[1:]}{detail}{step}", long


def _by_age(signs: Signs, now: float, why: str, *, supervised: bool = True) -> AttemptStatus:
    """No process to look at: the newest line speaks, and the sentence says so."""
    silent = None if signs.last is None else max(0.0, now - signs.last)
    if silent is None:
        return _status("starting", f"Started, but nothing heard of it yet; {why}.", signs, sure=False)
    heard = f"last heard of {span(coarse(silent))} ago; {why}"
    if silent > max(UNSEEN_LOST_S, 3 * stall_after(signs)):
        says = f"Lost{_at(signs)}: {heard}."
        if not supervised:
            step = _at(signs) or " before its first step"
            says = f"Over{step}: its newest line is {span(coarse(silent))} old, and none says how it ended."
        return _status("lost", says, signs, stale_s=silent, sure=False)
    # Nothing is stalled against a pace that nobody knows: of another's file only the age is said.
    paced = signs.step_time is not None or signs.stage not in (None, "training")
    if paced and silent > stall_after(signs):
        says = f"Perhaps stalled while {_doing(signs)}: {heard}."
        return _status("stalled", says, signs, stale_s=silent, sure=False)
    state, doing, long = _working(signs, now, None)
    says = f"{doing}{long}; {heard}."
    return _status(state, says, signs, stale_s=silent, sure=False, doing=f"{doing}.")


def _gone(process: ProcessFacts, signs: Signs, alive: Liveness) -> AttemptStatus:
    """No terminal event, no record of an end, and no trainer."""
    if process.trainer is None:
        if alive.supervisor:
            return _status("starting", "Starting: its supervisor is up.", signs)
        return _status("lost", "Lost: its supervisor died before the trainer was started.", signs)
    if alive.supervisor:
        return _status("stopping", "Just ended; its supervisor is writing down how.", signs)
    why = f" The log ends with: {signs.error}" if signs.error else ""
    who = "its process is" if process.supervisor is None else "trainer and supervisor are"
    says = f"Lost{_at(signs)}: {who} gone without a word, killed or lost with the machine.{why}"
    return _status("lost", says, signs, reason=signs.error)


def _status(
    state: State,
    sentence: str,
    signs: Signs,
    *,
    stale_s: float | None = None,
    sure: bool = True,
    reason: str = "",
    exit_code: int | None = None,
    note: str = "",
    doing: str = "",
) -> AttemptStatus:
    return AttemptStatus(
        state=state,
        sentence=sentence + note,
        stage=signs.stage,
        stage_since=signs.stage_since,
        step=signs.step,
        stale_s=None if stale_s is None else coarse(stale_s),
        sure=sure,
        reason=reason,
        exit_code=exit_code,
        doing=doing,
    )


def _doing(signs: Signs) -> str:
    if signs.stage is None:
        return "training" if signs.step is not None else "starting"
    return _STAGE_WORDS.get(signs.stage, signs.stage)


def _at(signs: Signs) -> str:
    step = signs.end_step if signs.end_step is not None else signs.step
    return f" at step {step}" if step is not None else ""


def _while(signs: Signs) -> str:
    if signs.stage is None and signs.step is None:
        return " before it reported anything"
    step = f", step {signs.step}" if signs.step is not None else ""
    return f" while {_doing(signs)}{step}"


def _budget(process: ProcessFacts | None) -> str:
    seconds = process.time_budget_s if process else None
    return span(seconds) if seconds else "its recipe"


def _short(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    return f"{seconds:.1f} s" if seconds < 10 else span(seconds)
