"""Rules over the mini-evals and the held-out score against what was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.contract.stopping import fisher_less
from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice
from cockpit.core.rules.rows.evals import HEALTHY_LOSS
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import found, limit
from cockpit.core.runs.run_record import MidEval, Run
from cockpit.core.scores import Delta, Score

P_BASELINE = limit("mid-eval-regression", "p_baseline")
P_BEST = limit("mid-eval-regression", "p_best")
GAP = limit("overfit-or-leak", "gap")
RISE = limit("reward-hacking", "rise")
UNREAD = limit("held-out-lost", "unread")


@dataclass(frozen=True, slots=True)
class Fall:
    """Trailing mini-evals that lie below a reference, out of the noise of their item count."""

    since: int
    reference: str
    score: float
    p: float
    trailing: tuple[MidEval, ...]

    @property
    def unparsed(self) -> bool:
        """Whether nothing parses any more."""
        return all(eval_.parsed == 0 for eval_ in self.trailing)


def fall_of(run: Run) -> Fall | None:
    """Find a fall below the baseline (two mini-evals or more), else below the best so far; None in the noise."""
    evals = list(run.mid_evals)
    if len(evals) < 2:
        return None
    if run.baseline is not None:
        trailing = _trailing(evals, run.baseline)
        passed, n = round(run.baseline * evals[-1].n), evals[-1].n
        if len(trailing) >= 2 and (p := _p(trailing, passed, n)) < P_BASELINE:
            return Fall(trailing[0].step, "the baseline", run.baseline, p, tuple(trailing))
    best = max(evals, key=lambda e: (e.score, -e.step))
    trailing = [e for e in _trailing(evals, best.score) if e.step > best.step]
    if len(trailing) >= 2 and (p := _p(trailing, best.passed, best.n)) < P_BEST:
        return Fall(trailing[0].step, f"its best (step {best.step})", best.score, p, tuple(trailing))
    return None


def _trailing(evals: Sequence[MidEval], level: float) -> list[MidEval]:
    kept: list[MidEval] = []
    for eval_ in reversed(evals):
        if eval_.score >= level:
            break
        kept.append(eval_)
    return kept[::-1]


def _p(trailing: Sequence[MidEval], passed: int, n: int) -> float:
    return fisher_less(sum(e.passed for e in trailing), sum(e.n for e in trailing), passed, n)


def _told(evals: Sequence[MidEval], baseline: float | None) -> str:
    parts = [
        f"step {e.step}: {e.passed}/{e.n}" + (f", {e.parsed} parsed" if e.parsed is not None else "")
        for e in evals
    ]
    shown = parts if len(parts) <= 6 else [*parts[:2], "…", *parts[-3:]]
    before = [f"baseline: {round(baseline * evals[-1].n)}/{evals[-1].n}"] if baseline is not None else []
    return "; ".join([*before, *shown])


def mid_eval_regression(run: Run) -> list[Finding]:
    """The mini-evals fall, or stay where they were, while the loss falls."""
    if reward_hacking(run):
        return []
    fall = fall_of(run)
    if fall is not None:
        return [_fallen(run, fall)]
    return _flat(run)


def _fallen(run: Run, fall: Fall) -> Finding:
    last = fall.trailing[-1]
    fell = _loss_fell(run)
    loss = f"The loss fell from {fell[0]:.2g} to {fell[1]:.2g} while the" if fell else "The"
    what = f"{loss} mini-eval went from {_share(fall.score, last.n)} to {last.passed}/{last.n}"
    evidence = (
        _told(run.mid_evals, run.baseline),
        f"below {fall.reference}, p = {fall.p:.2g} (Fisher, one-sided)",
    )
    if fall.unparsed:
        return found(
            "mid-eval-regression",
            "alarm",
            f"{what}, and no answer parses any more",
            evidence,
            "Put three training examples beside three eval prompts: do the training answers pass "
            f"{run.verifier or 'the verifier'}? "
            "If not, realign their format to what the verifier reads, or train with the verifier as the "
            "reward.",
            (run.id,),
            fall.since,
            source=HEALTHY_LOSS,
        )
    slower = advice.rate(run, 0.5)
    return found(
        "mid-eval-regression",
        "warn",
        what,
        evidence,
        f"Stop and keep the best checkpoint. Look at the mini-eval's answers before and after: {slower} "
        "or train for fewer epochs if they got worse at the task, realign the data if they answer another "
        "question.",
        (run.id,),
        fall.since,
        change=slower.change,
    )


def _share(score: float, n: int) -> str:
    return f"{round(score * n)}/{n}"


def _loss_fell(run: Run) -> tuple[float, float] | None:
    losses = run.values("loss")
    if run.rewarded or len(losses) < 6:
        return None
    early, late = stats.mean(losses[:3]), stats.mean(losses[-3:])
    return (early, late) if late < 0.9 * early else None


def _flat(run: Run) -> list[Finding]:
    """Four mini-evals or more without any rise above the baseline, while the loss fell by a third."""
    evals, losses = list(run.mid_evals), run.values("loss")
    fell = _loss_fell(run)
    if (
        run.baseline is None
        or len(evals) < 4
        or fell is None
        or fell[1] > fell[0] * 2 / 3
        or len(losses) < 20
    ):
        return []
    if run.baseline >= 0.9 or any(e.score > run.baseline for e in evals):
        return []
    return [
        found(
            "mid-eval-regression",
            "warn",
            f"The loss fell from {fell[0]:.2g} to {fell[1]:.2g}, but no mini-eval of {len(evals)} is above "
            "the baseline",
            (_told(evals, run.baseline),),
            "What the loss rewards is not what the verifier scores: put three training examples beside "
            "three eval prompts.",
            (run.id,),
            evals[0].step,
        )
    ]


def reward_hacking(run: Run) -> list[Finding]:
    """The training reward rises while held-out scores fall."""
    rewards = run.values("reward")
    if not run.rewarded or len(rewards) < 10:
        return []
    size = max(3, len(rewards) // 5)
    early, late = stats.mean(rewards[:size]), stats.mean(rewards[-size:])
    _, t = stats.trend(rewards)
    if late - early < RISE or t < 3:
        return []
    risen = f"mean reward of the first {size} points {early:.3g}, of the last {late:.3g}"
    fall = fall_of(run)
    if fall is not None:
        last = fall.trailing[-1]
        seen, told = f"the mini-eval fell to {last.passed}/{last.n}", _told(run.mid_evals, run.baseline)
        since = fall.since
    elif run.held_out and run.parent and run.against_parent and run.against_parent.kind == "lost":
        seen, since = f"the held-out score fell to {run.held_out.value:.2f}", None
        told = f"held-out {run.parent.text()} before, {run.held_out.text()} now"
    else:
        return []
    pull = advice.beta(run, 4, 0.04)
    return [
        found(
            "reward-hacking",
            "alarm",
            f"The reward rose from {early:.2f} to {late:.2f} while {seen}",
            (risen, told),
            f"{advice.sentence(pull)} and go back to the best checkpoint; read the best-paid samples for what they "
            "exploit, and make the reward the verifier itself.",
            (run.id,),
            since,
            change=pull.change,
        )
    ]


def overfit_or_leak(run: Run) -> list[Finding]:
    """The training set is passed far more often than the held-out set."""
    train = run.train_reward if run.train_reward is not None else _late_reward(run)
    if train is None or run.held_out is None or not 0 <= train <= 1:
        return []
    epochs = run.setting("num_train_epochs") or 1
    fewer = advice.shorter(run, max(1, epochs // 2), "")
    cure = fewer if fewer.change else advice.rate(run, 0.5)
    return gap_finding(run.id, train, run.held_out.value, run.held_out.hi, run.held_out.n, cure)


FEWER = advice.Cure("train for fewer epochs")


def gap_finding(
    experiment: str, train: float, score: float, high: float, n: int, cure: advice.Cure = FEWER
) -> list[Finding]:
    """Judge a generalization gap by the size that is sure: beyond the held-out score's interval."""
    gap = train - score
    if gap < GAP or train - high < GAP / 2:
        return []
    return [
        found(
            "overfit-or-leak",
            "warn",
            f"The training reward is {train:.2f}, the held-out score {score:.2f}: a gap of {gap:.2f}",
            (
                f"train mean reward {train:.3f}",
                f"held-out {score:.3f} on {n} items, at most {high:.3f} (95 %)",
            ),
            f"{advice.sentence(cure)}, lower the rank, vary the data; and check the training rows for what "
            "gives the answer away.",
            (experiment,),
            change=cure.change,
        )
    ]


def _late_reward(run: Run) -> float | None:
    rewards = run.values("reward")
    if not run.rewarded or len(rewards) < 20 or min(rewards) < 0 or max(rewards) > 1:
        return None
    return stats.mean(rewards[-max(5, len(rewards) // 5) :])


def held_out_lost(run: Run) -> list[Finding]:
    """The held-out score fell below the parent's, by the same test as every delta."""
    delta = run.against_parent
    if run.held_out is None or run.parent is None or delta is None or reward_hacking(run):
        return []
    if any(finding.severity == "alarm" for finding in mid_eval_regression(run)):
        return []  # no answer parses any more: said there, with the same cure
    return lost_finding(run.id, run.held_out, run.parent, delta, advice.rate(run, 0.5))


SLOWER = advice.Cure("lower the learning rate")


def lost_finding(
    experiment: str, now: Score, before: Score, delta: Delta, cure: advice.Cure = SLOWER
) -> list[Finding]:
    """Judge a held-out score below the parent's: whether the format was lost, or what it could do."""
    if delta.kind != "lost":
        return []
    head = f"The held-out score fell from {before.value:.2f}, its parent's, to {now.value:.2f}"
    told = [f"held-out {before.text()} before, {now.text()} now", delta.sentence]
    if now.parsed is not None and before.parsed and now.parsed / now.n < UNREAD * before.parsed / before.n:
        head += f": {now.parsed} of {now.n} answers parse"
        told.append(f"{before.parsed} of {before.n} answers parsed before")
        cure = advice.Cure("")
        step = (
            "Put three training examples beside three eval prompts (`cockpit spot-check`), and write the rows anew in "
            "the form that the verifier reads (`cockpit realign`); discard this one."
        )
    else:
        step = (
            f"Discard it, and start anew from its parent: {cure}, train for fewer epochs, or mix in rows of what it "
            "could do before. Read the items that it lost first (`cockpit compare`)."
        )
    return [found("held-out-lost", "alarm", head, told, step, (experiment,), change=cure.change)]


RULES: tuple[RunRule, ...] = (mid_eval_regression, reward_hacking, overfit_or_leak, held_out_lost)
