"""Rules over the policy in RL: frozen, clipped, out of step with its sampler, longer answers, no gain."""

from __future__ import annotations

from cockpit.contract.techniques import GROUPED
from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.heldout import eval_scores
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

APART = limit("sampler-mismatch", "logp")
BIASED = limit("sampler-mismatch", "ratio")
WIDENED = limit("sampler-mismatch", "widened")
CLIPPED = limit("clip-saturation", "share")
LONGER = limit("length-drift", "longer")
WITH_REWARD = limit("length-drift", "with_reward")
HELD = limit("length-drift", "held_out")
STILL = limit("policy-frozen", "kl")
STEPS = count("policy-frozen", "steps")
ROWS = count("plateau", "rows")
PLATEAU_STEPS = count("plateau", "steps")
WHOLE = limit("plateau", "share")
GAIN = limit("plateau", "gain")
GOOD = limit("plateau", "good")
NEGATIVE = limit("negative-kl", "answer")
NEGATIVE_TOKEN = limit("negative-kl", "token")
POINTS = 10  # rows: fewer say nothing of a level


def sampler_mismatch(run: Run) -> list[Finding]:
    """What sampled is not what is trained: their log-probabilities, or the importance ratio, are apart."""
    apart = run.values("sampling/sampling_logp_difference/mean")
    ratio = run.values("sampling/importance_sampling_ratio/mean")
    if not run.rewarded or max(len(apart), len(ratio)) < POINTS:
        return []
    off = [abs(value - 1) for value in ratio]
    late_apart = stats.median(series.part(apart, 0.25, -1, 5)) if len(apart) >= POINTS else 0.0
    late_off = stats.median(series.part(off, 0.25, -1, 5)) if len(off) >= POINTS else 0.0
    early = stats.median(series.part(apart, 0.1, 0, 5)) if apart else 0.0
    widens = (
        len(apart) >= 3 * POINTS
        and late_apart > WIDENED * max(early, 1e-3)
        and series.rank_correlation(apart, range(len(apart))) > 0.9
    )
    if late_apart < APART and late_off < BIASED and not widens:
        return []
    if late_off >= BIASED:
        since = run.since(
            "sampling/importance_sampling_ratio/mean", series.began(off, lambda value: value >= BIASED / 2)
        )
    else:
        level = APART / 2 if late_apart >= APART else 1.5 * early
        since = run.since(
            "sampling/sampling_logp_difference/mean", series.began(apart, lambda value: value >= level)
        )
    asked: dict[str, object] = (
        {"vllm_enable_sleep_mode": False} if widens else {"top_p": 1.0, "top_k": 0, "min_p": 0.0}
    )
    cure = (
        "The sampler's weights grow stale: set vllm_enable_sleep_mode to False, or update TRL, so that weights are "
        "synced before every generation"
        if widens
        else "Set top_p to 1, top_k to 0 and min_p to 0 (each biases the ratio), and give the sampler the trainer's "
        "dtype"
    )
    correcting = run.technique != "rloo"  # RLOO of TRL has no such correction
    asked |= {"vllm_importance_sampling_correction": True} if correcting else {}
    return [
        found(
            "sampler-mismatch",
            "alarm" if late_apart >= 10 * APART else "warn",
            "Sampler and trainer are apart"
            + (f", more and more: {early:.2g} nats a token at first, {late_apart:.2g} now" if widens else ""),
            (
                *(
                    [f"sampling_logp_difference lately {late_apart:.3g}, at first {early:.3g}"]
                    if apart
                    else []
                ),
                *(
                    [f"importance_sampling_ratio lately {1 - late_off:.3g} or as far above 1; 1 is right"]
                    if off
                    else []
                ),
            ),
            cure + ("; set vllm_importance_sampling_correction to True meanwhile." if correcting else "."),
            (run.id,),
            since,
            change=advice.switched(run, asked),
        )
    ]


def clip_saturation(run: Run) -> list[Finding]:
    """A large share of the ratios is clipped: these tokens give no gradient."""
    clipped = run.values("clip_ratio/region_mean")
    if not run.rewarded or len(clipped) < 2 * POINTS:
        return []
    late = stats.median(series.part(clipped, 0.25, -1, POINTS))
    if late < CLIPPED:
        return []
    since = run.since("clip_ratio/region_mean", series.began(clipped, lambda value: value >= CLIPPED))
    slower = advice.rate(run, 0.5)
    fewer = advice.whole(run, "num_iterations", lambda now: now / 2, "")
    return [
        found(
            "clip-saturation",
            "warn",
            f"{late:.0%} of the importance ratios are clipped",
            (
                f"median of the first rows {stats.median(clipped[:POINTS]):.2f}, of the last quarter {late:.2f}",
            ),
            advice.sentence(slower)
            + (f", or {fewer}" if fewer.text else "")
            + ("; epsilon_high = 0.28 lets rare tokens rise." if run.technique in GROUPED else "."),
            (run.id,),
            since,
            change=slower.change,
        )
    ]


def length_drift(run: Run) -> list[Finding]:
    """The answers get far longer, or shorter, without a gain that is held out."""
    lengths = run.values("completions/mean_length")
    rewards = run.values("reward")
    if not run.rewarded or len(lengths) < 2 * POINTS or len(rewards) < 2 * POINTS:
        return []
    early, late = (
        stats.median(series.part(lengths, 0.1, 0, 5)),
        stats.median(series.part(lengths, 0.1, -1, 5)),
    )
    moved, error = series.change(lengths)
    if early <= 0 or abs(moved) <= 4 * error or 1 / LONGER < late / early < LONGER:
        return []
    a, b = series.together(run.metrics["completions/mean_length"], run.metrics["reward"])
    linked = series.rank_correlation(a, b)
    gain, noise = series.change(rewards)
    held = _held_out_gain(run, gain)
    longer = late > early
    hidden = longer and held is False and linked >= WITH_REWARD
    useless = gain <= 2 * noise
    if not (hidden or useless or (longer and linked >= WITH_REWARD and held is None)):
        return []
    since = run.since(
        "completions/mean_length",
        series.began(lengths, lambda value: value > 1.25 * early if longer else value < early / 1.25),
    )
    room = advice.whole(run, "max_completion_length", lambda now: min(now, max(1.5 * early, now / 2)), "")
    pull = advice.beta(run, 4, 0.04)
    summed = {"loss_type": "dr_grpo"} if run.technique == "grpo" else {}
    return [
        found(
            "length-drift",
            "warn" if hidden or useless else "info",
            f"The answers get {'longer' if longer else 'shorter'}: {early:.0f} tokens at first, {late:.0f} now"
            + (
                ", and no held-out score rises"
                if hidden
                else ", and the reward does not rise"
                if useless
                else ""
            ),
            (
                f"rank correlation of length and reward {linked:.2f}",
                f"mean reward {stats.mean(series.part(rewards, 0.25, 0)):.3g} at first, "
                f"{stats.mean(series.part(rewards, 0.25, -1)):.3g} lately",
            ),
            "Read the longest samples: is length itself paid? Add a length penalty (get_soft_overlong_punishment from "
            f"{1.5 * early:.0f} tokens on)"
            + (f", {room}" if room.text else "")
            + (", or set loss_type to dr_grpo, whose sum does not favour long answers." if summed else ".")
            if longer
            else f"Read the shortest samples; {pull} or {advice.rate(run, 0.5)}.",
            (run.id,),
            since,
            change=(summed or room.change) if longer else pull.change,
        )
    ]


def _held_out_gain(run: Run, trained: float) -> bool | None:
    """Whether a held-out score rose out of its noise, by a share of what the reward rose; None where there is none."""
    every = [[value for _, value in points] for points in eval_scores(run).values()]
    every.append([m.score for m in run.mid_evals])
    gains = [
        gain > 2 * error and gain >= HELD * min(max(0.0, trained), 0.5)
        for values in every
        if len(values) >= 4
        for gain, error in [series.change(values)]
    ]
    return any(gains) if gains else None


def policy_frozen(run: Run) -> list[Finding]:
    """The policy has not moved from the reference after many steps, and the reward is flat."""
    kl, rewards = run.values("kl"), run.values("reward")
    if run.technique not in GROUPED or len(kl) < 2 * POINTS or len(rewards) < 2 * POINTS:
        return []
    if series.still_warming(run.values("lr")):
        return []
    late = stats.median(series.part(kl, 0.25, -1, 5))
    gain, error = series.change(rewards)
    if not 0 < late < STILL or run.last_step < STEPS or gain > 2 * error:
        return []
    faster = advice.rate(run, 10)
    return [
        found(
            "policy-frozen",
            "warn",
            f"The policy hardly moves: KL {late:.2g} after {run.last_step} steps, and the reward is flat",
            (
                f"median KL of the last quarter {late:.3g} nats a token",
                f"mean reward changed by {gain:+.2g}, within its noise of {2 * error:.2g}",
                *([f"highest learning rate {run.rate:.3g}"] if run.rate else []),
            ),
            f"{advice.sentence(faster)} (LoRA takes about ten times that of full weights); if that is not it, "
            f"{_twice(run)}.",
            (run.id,),
            run.since("kl", 0),
            change=faster.change,
        )
    ]


def _twice(run: Run) -> advice.Cure:
    return advice.whole(run, "num_generations", lambda now: 2 * now, "double num_generations")


def plateau(run: Run) -> list[Finding]:
    """The reward has not risen for most of the run, but for the last steps of a schedule, which move nothing."""
    rewards = series.before_end(run.metrics.get("reward", ()), run.metrics.get("lr", ()))
    if not run.rewarded or len(rewards) < ROWS or run.last_step < PLATEAU_STEPS or policy_frozen(run):
        return []
    if series.still_warming(run.values("lr")):
        return []
    spread = stats.mean(run.values("reward_std")) or (max(rewards) - min(rewards)) / 2.5
    most = len(rewards) - int(WHOLE * len(rewards))
    for start in range(0, most + 1, max(1, len(rewards) // 40)):
        rest = rewards[start:]
        gain, error = series.change(rest)
        if abs(gain) <= 2 * error and gain + 3 * error <= GAIN * spread:
            break
    else:
        return []
    level = stats.mean(series.part(rest, 0.25, -1))
    good = level >= GOOD and min(rewards) >= 0 and max(rewards) <= 1
    step = run.since("reward", start)
    moved = advice.rate(run, 0.3 if start else 3)
    return [
        found(
            "plateau",
            "info" if good or run.technique == "ppo" else "warn",
            f"The reward stays at {level:.3g} since step {step}: no gain in {len(rest) / len(rewards):.0%} of the run",
            (
                f"change since then {gain:+.2g}, give or take {2 * error:.2g}; a group's own spread is {spread:.2g}",
                f"mean of the first rows {stats.mean(rewards[:5]):.3g}",
            ),
            f"Stop and keep {advice.checkpoint(run, step) if start else 'the first checkpoint'}, or try to move it: "
            + f"{moved}"
            + (f", or {_twice(run)}" if run.technique in GROUPED else "")
            + ", with harder prompts where it passes and easier ones where it never does.",
            (run.id,),
            step,
            change=moved.change,
        )
    ]


def negative_kl(run: Run) -> list[Finding]:
    """The KL lies below 0, which it can't on average: what is sampled is another distribution."""
    kl = run.values("kl")
    bound = -(NEGATIVE if run.technique == "ppo" else NEGATIVE_TOKEN)
    if not run.rewarded or len(kl) < POINTS:
        return []
    late = stats.median(series.part(kl, 0.5, -1, POINTS))
    if late >= bound or sum(value < 0 for value in kl) < 0.8 * len(kl):
        return []
    return [
        found(
            "negative-kl",
            "alarm",
            f"The KL is negative: {late:.3g} lately",
            (
                f"below 0 in {sum(value < 0 for value in kl)} of {len(kl)} rows; the mean of log p/q over p's own "
                "samples is at least 0",
                "the KL penalty pays for it, so that a rising reward may be that payment",
            ),
            "Stop. Sample from the policy as it is: set top_k to 0, top_p to 1, temperature to 1 and min_length to -1, "
            "let eos end an answer, and don't sample from 4-bit weights.",
            (run.id,),
            run.since("kl", series.began(kl, lambda value: value < 0)),
            change=advice.switched(run, {"top_k": 0, "top_p": 1.0, "temperature": 1.0}),
        )
    ]


RULES: tuple[RunRule, ...] = (
    sampler_mismatch,
    clip_saturation,
    length_drift,
    policy_frozen,
    plateau,
    negative_kl,
)
