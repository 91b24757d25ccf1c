"""Rules over reinforcement learning: rewards without signal, KL, entropy, completions that are cut off."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.contract.techniques import GROUPED
from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

ZERO_STD = limit("degenerate-reward", "flat_groups")
NEAR = limit("degenerate-reward", "near")
MIN_POINTS = count("degenerate-reward", "points")
FIRST = count("degenerate-reward", "first")
CLIPPED = limit("truncated-completions", "clipped")
GRAVE = limit("truncated-completions", "grave")
KL_HIGH = limit("kl-blow-up", "high")
KL_TIMES = limit("kl-blow-up", "times")
ANSWER_TOKENS = count("kl-blow-up", "answer_tokens")
ENTROPY_LEFT = limit("entropy-collapse", "left")
SOLVED = limit("entropy-collapse", "solved")


def _late(values: Sequence[float], share: float = 0.25) -> list[float]:
    return list(values[-max(MIN_POINTS, int(len(values) * share)) :])


def degenerate_reward(run: Run) -> list[Finding]:
    """Groups whose completions all score the same have no advantage: nothing is learnt from them."""
    rewards, flat = run.values("reward"), run.values("frac_reward_zero_std")
    if run.rewarded and FIRST <= len(flat) < MIN_POINTS and min(flat) >= 1 and len(rewards) == len(flat):
        mean = stats.mean(rewards)
        return [_degenerate(run, mean, 1.0, max(rewards) == 0, min(rewards) == max(rewards) == 1)]
    if not run.rewarded or len(rewards) < MIN_POINTS:
        return []
    mean = stats.mean(_late(rewards))
    share = stats.mean(_late(flat)) if len(flat) >= MIN_POINTS else None
    bounded = min(rewards) >= 0 and max(rewards) <= 1
    wrong, right = mean <= NEAR and min(rewards) >= 0, mean >= 1 - NEAR and bounded
    if share is None:
        shares = min(rewards) >= 0 and max(rewards) <= 1
        if not shares or NEAR / 5 < mean < 1 - NEAR / 5 or len(rewards) < 2 * MIN_POINTS:
            return []
    elif share < ZERO_STD:
        return []
    if right and stats.mean(_late(flat or rewards, 0.5)) < ZERO_STD:
        return []  # it has only just got there: a run that succeeds ends like this
    return [_degenerate(run, mean, share, wrong, right)]


def _degenerate(run: Run, mean: float, share: float | None, wrong: bool, right: bool) -> Finding:
    seen = (
        f"{share:.0%} of the groups have no difference within"
        if share is not None
        else "no group can differ within"
    )
    evidence = [
        f"mean reward lately {mean:.3g}"
        + (f", zero-variance groups {share:.0%}" if share is not None else "")
    ]
    if run.groups is not None:
        g = run.groups
        evidence.append(f"sampled groups: {g.right} all right, {g.wrong} all wrong, {g.mixed} mixed")
        wrong, right = wrong or g.wrong > 4 * g.right + 4, right or g.right > 4 * g.wrong + 4
    name = "frac_reward_zero_std" if share is not None else "reward"
    since = run.since(name, stats.change_point(run.values(name)) or 0)
    larger = advice.whole(run, "num_generations", lambda now: 2 * now, "raise num_generations to 16")
    if wrong and not right:
        return found(
            "degenerate-reward",
            "alarm",
            f"Every answer is wrong: the mean reward is {mean:.2g}, and {seen}",
            tuple(evidence),
            "Nothing can be learnt from rewards that are all 0. Ask first whether anything parses (format "
            "before "
            f"knowledge); then easier prompts, a short SFT for the format, or {larger} at temperature 1.",
            (run.id,),
            since,
            change=larger.change,
        )
    if right and not wrong:
        return found(
            "degenerate-reward",
            "info",
            f"Every answer is right: the mean reward is {mean:.2g}, and {seen}",
            tuple(evidence),
            "These prompts are solved: widen the difficulty, or stop here.",
            (run.id,),
            since,
        )
    return found(
        "degenerate-reward",
        "warn",
        f"The reward tells nothing apart: {seen}",
        tuple(evidence),
        "Some prompts are solved and the rest are out of reach: widen the difficulty in between, change "
        f"the selection, or {larger} and sample at a higher temperature.",
        (run.id,),
        since,
        change=larger.change,
    )


def kl_blow_up(run: Run) -> list[Finding]:
    """The policy has run away from the reference model."""
    kl = run.values("kl")
    if not run.rewarded or len(kl) < MIN_POINTS:
        return []
    now, before = stats.median(kl[-5:]), stats.median(kl[: max(5, len(kl) // 2)])
    high = KL_HIGH * (ANSWER_TOKENS if run.technique == "ppo" else 1)  # PPO logs it of a whole answer
    if now < high or (now < KL_TIMES * before and now < KL_TIMES * high / KL_HIGH):
        return []
    rewards = run.values("reward")
    _, t = stats.trend(_late(rewards, 0.5)) if len(rewards) >= MIN_POINTS else (0.0, 0.0)
    since = next(
        (i for i, value in enumerate(kl) if value >= high and stats.median(kl[i : i + 5]) >= high), None
    )
    slower = advice.rate(run, 0.3)
    return [
        found(
            "kl-blow-up",
            "warn" if t > 3 else "alarm",
            f"The KL from the reference model is {now:.3g}, from {before:.2g}",
            (
                f"median KL of the first half {before:.3g}, of the last five points {now:.3g}",
                "the reward is still rising" if t > 3 else "the reward is not rising any more",
            ),
            f"Go back to {advice.checkpoint(run, run.since('kl', since))}; {slower}, or "
            f"{advice.beta(run, 3, 0.04)}.",
            (run.id,),
            run.since("kl", since),
            change=slower.change,
        )
    ]


def entropy_collapse(run: Run) -> list[Finding]:
    """Sampling has stopped exploring before the task is solved."""
    entropy, rewards = run.values("entropy"), run.values("reward")
    if not run.rewarded or len(entropy) < 3 * MIN_POINTS or len(rewards) < 3 * MIN_POINTS:
        return []
    first, last = stats.median(entropy[:MIN_POINTS]), stats.median(entropy[-MIN_POINTS:])
    late = _late(rewards, 0.5)
    _, t = stats.trend(late)
    if last > ENTROPY_LEFT * min(first, 1.0) or stats.mean(late) > SOLVED or t > 2:
        return []
    since = next(
        (i for i in range(len(entropy)) if stats.median(entropy[i : i + MIN_POINTS]) <= 0.2 * first), None
    )
    slower, hotter = advice.rate(run, 0.3), advice.to(run, "temperature", 1)
    return [
        found(
            "entropy-collapse",
            "warn",
            f"The entropy fell from {first:.2g} to {last:.2g}, and the reward stays at "
            f"{stats.mean(late):.2f}",
            (
                f"median entropy of the first {MIN_POINTS} points {first:.3g}, of the last {last:.3g} nats "
                "a token",
                f"mean reward of the last half {stats.mean(late):.3f}, not rising",
            ),
            f"It repeats one answer: go back to {advice.checkpoint(run, run.since('entropy', since))}; "
            f"{slower}, {hotter}"
            + (", set epsilon_high to 0.28" if run.technique in GROUPED else "")
            + f", or {advice.beta(run, 3, 0.04)}.",
            (run.id,),
            run.since("entropy", since),
            change={**slower.change, **hotter.change},
        )
    ]


def truncated_completions(run: Run) -> list[Finding]:
    """Completions run into the length limit, so they are judged unfinished."""
    clipped = run.values("completions/clipped_ratio")
    if run.rewarded and len(clipped) >= MIN_POINTS:
        late = stats.mean(_late(clipped))
        if late >= CLIPPED:
            lengths = run.values("completions/mean_length")
            evidence = [f"{late:.0%} of the completions hit the limit lately"]
            evidence += (
                [f"mean length {lengths[0]:.0f} tokens at first, {lengths[-1]:.0f} now"] if lengths else []
            )
            began = series.began(clipped, lambda value: value >= CLIPPED)
            since = run.since("completions/clipped_ratio", began or 0)
            head = f"{late:.0%} of the sampled completions are cut off"
            return [_cut(run, "max_completion_length", head, evidence, late, since)]
    last = run.mid_evals[-1] if run.mid_evals else None
    if last is None or last.truncated is None or last.n < 5 or last.truncated < last.n / 2:
        return []
    share = last.truncated / last.n
    return [
        _cut(
            run,
            "generation.max_new_tokens",
            f"{last.truncated} of {last.n} mini-eval answers are cut off",
            [f"step {last.step}: {last.truncated}/{last.n} reached the limit, {last.passed} passed"],
            share,
            last.step,
        )
    ]


def _cut(
    run: Run, limit: str, headline: str, evidence: Sequence[str], share: float, since: int | None
) -> Finding:
    raised = advice.scaled(run, limit, 2)
    return found(
        "truncated-completions",
        "alarm" if share >= GRAVE else "warn",
        headline,
        tuple(evidence),
        f"{advice.sentence(raised)}, or find out why it doesn't stop: is the end-of-turn token trained, and does the "
        "tokenizer's eos match the chat template's?",
        (run.id,),
        since,
        change=raised.change,
    )


RULES: tuple[RunRule, ...] = (degenerate_reward, kl_blow_up, entropy_collapse, truncated_completions)
