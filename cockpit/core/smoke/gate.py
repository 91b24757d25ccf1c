"""The gate before the budget: does the whole pipeline work on ten examples, and if not, which part of it?

Source text, "Before committing the budget: smoke-run": it must produce a checkpoint that the benchmark can load AND
a non-zero eval on a held-out item. If not, the recipe is broken: fix it, don't scale it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cockpit.contract.techniques import REWARDED, SAMPLING
from cockpit.core.smoke import errors, wording
from cockpit.core.smoke.facts import SmokeFacts
from cockpit.core.smoke.verdict import STAGE_OF, STAGES, Cause, SmokeVerdict, Stage

_BROKEN: Mapping[str, Cause] = {
    "data": "rows_break", "reward": "reward_breaks", "settings": "setting_refused",
}  # fmt: skip
"""By what the trainer says that it broke for."""
CUT_SHARE = 0.8  # of the answers: so many that reach the length limit are why none can be read


def judge(facts: SmokeFacts) -> SmokeVerdict:
    """Judge one smoke run: red for the first cause that is met, else green."""
    seen, minded = wording.evidence(facts), wording.cautions(facts)
    for rule in _RULES:
        cause = rule(facts)
        if cause is not None:
            headline, fix = wording.words_of(cause, facts)
            red = STAGE_OF[cause]
            proven: tuple[Stage, ...] = tuple(
                stage for stage, _ in STAGES if stage != red and _proves(facts, stage)
            )
            return SmokeVerdict(False, red, headline, fix, seen, minded, cause=cause, proven=proven)
    return SmokeVerdict(True, "", wording.headline_of_green(facts), "", seen, minded)


_LOADED = ("tokenizing", "training", "evaluating", "saving", "done")
_TRAINS = ("training", "evaluating", "saving", "done")


def _proves(facts: SmokeFacts, stage: Stage) -> bool:
    """Whether what the run left behind shows that a stage was passed; nothing is taken from the order of stages."""
    match stage:
        case "packages":
            return facts.stage not in ("", "importing")
        case "settings" | "data":
            return facts.stage in _TRAINS or facts.steps > 0
        case "load":
            return facts.stage in _LOADED or facts.steps > 0
        case "reward":
            return facts.technique in REWARDED and facts.rollouts > 0
        case "template":
            return bool(facts.rendered) and not facts.render_error and not facts.drift
        case "verifier":
            return facts.audit is not None and facts.audit.cases > 0 and not facts.audit.lax
        case "dtype" | "oom" | "time" | "training":
            return facts.steps > 0
        case "nan":
            return facts.steps > 0 and not facts.nonfinite and bool(facts.losses)
        case "checkpoint":
            return bool(facts.checkpoint) and facts.checkpoint_bytes > 0
        case "scorer":
            return bool(facts.scored)
        case "no signal":
            return 0 < facts.rollouts_passed < facts.rollouts and not facts.never_differs
        case "unparseable":
            return facts.parsed > 0
        case "zero score":
            return facts.best_item > 0
        case "":
            return False


def _ended_by_memory(facts: SmokeFacts) -> Cause | None:
    return (
        "memory" if facts.state in ("out_of_memory", "oom_killed") or errors.is_memory(facts.error) else None
    )


def _never_ended(facts: SmokeFacts) -> Cause | None:
    return _no_step(facts) if facts.forced and not facts.steps else None


def _failed(facts: SmokeFacts) -> Cause | None:
    """A process that broke: number formats first, for their errors come up anywhere."""
    if facts.state in ("finished", "early_stopped", "stopped"):
        return None
    said = facts.error or facts.sentence
    if errors.is_dtype(said):
        return "dtype"
    if facts.state in ("killed", "lost"):
        return "ended_outside"
    if errors.is_no_rows(said):
        return "no_rows"
    if facts.part in _BROKEN:
        return _BROKEN[facts.part]
    if errors.is_missing_package(said):
        return "package_missing"
    if facts.stage in ("", "importing", "loading"):
        return "model_breaks"
    if facts.stage == "tokenizing":
        return "rows_break"
    if facts.checkpoint and facts.stage in ("evaluating", "done"):
        return "scorer_breaks"
    return "training_breaks"


def _drifts(facts: SmokeFacts) -> Cause | None:
    if facts.render_error:
        return "template_refuses"
    return "prompts_differ" if facts.drift else None


def _accepts_wrong(facts: SmokeFacts) -> Cause | None:
    """What passes for nothing is what RL learns; a right answer that fails only slows it."""
    return "accepts_wrong" if facts.audit is not None and facts.audit.lax else None


def _not_finite(facts: SmokeFacts) -> Cause | None:
    return "not_finite" if facts.nonfinite else None


def _no_step(facts: SmokeFacts) -> Cause | None:
    if facts.steps:
        return None
    return "no_rows" if facts.state in ("finished", "early_stopped") else "no_step"


def _no_checkpoint(facts: SmokeFacts) -> Cause | None:
    return None if facts.checkpoint and facts.checkpoint_bytes > 0 else "no_checkpoint"


def _not_scored(facts: SmokeFacts) -> Cause | None:
    return None if facts.scored else "not_scored"


def _no_signal(facts: SmokeFacts) -> Cause | None:
    """RL learns from the difference between answers: where all fail, or all pass, there is none."""
    if facts.technique not in SAMPLING or not facts.rollouts:
        return None
    if facts.rollouts_passed == 0 and facts.best_item <= 0:
        return "none_pass"
    if facts.rollouts_passed == facts.rollouts and facts.technique in REWARDED:
        return "all_pass"
    return "none_differ" if facts.never_differs else None


def _unparseable(facts: SmokeFacts) -> Cause | None:
    if facts.parsed or facts.best_item > 0 or facts.has_signal:
        return None
    return "cut_off" if facts.truncated >= CUT_SHARE * (facts.scored or 1) else "unreadable"


def _zero(facts: SmokeFacts) -> Cause | None:
    return None if facts.best_item > 0 or facts.has_signal else "all_zero"


_RULES: tuple[Callable[[SmokeFacts], Cause | None], ...] = (
    _ended_by_memory,
    _never_ended,
    _failed,
    _drifts,
    _accepts_wrong,
    _not_finite,
    _no_step,
    _no_checkpoint,
    _not_scored,
    _no_signal,
    _unparseable,
    _zero,
)
