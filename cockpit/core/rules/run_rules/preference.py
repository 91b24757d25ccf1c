"""Rules over preference learning, learnt rewards, and samples that come from another policy."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.contract.techniques import PREFERENCES, REWARDED
from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules import pairs
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

POINTS = count("pairs-not-told-apart", "points")
CHANCE = limit("pairs-not-told-apart", "chance")
STALE_STEPS = count("stale-samples", "steps")
FELL = limit("reward-hacked", "fall")


def _late(values: Sequence[float]) -> list[float]:
    return list(values[-max(POINTS // 2, len(values) // 4) :])


def pairs_not_told_apart(run: Run) -> list[Finding]:
    """After many steps the better answers are no likelier than the worse ones."""
    accuracy, margins = run.values("rewards/accuracies"), run.values("rewards/margins")
    accuracy = accuracy or run.values("accuracy")
    if run.technique not in PREFERENCES or max(len(accuracy), len(margins)) < 2 * POINTS:
        return []
    if pairs.reward_model_at_chance(run) or series.still_warming(run.values("lr")):
        return []  # said there, with what is likelier the cause; or too early to say
    if accuracy:
        now = stats.mean(_late(accuracy))
        if now > CHANCE:
            return []
        seen = f"{now:.0%} of the pairs in the right order lately, where a coin gets 50 %"
    else:
        now, noise = stats.mean(_late(margins)), stats.spread(margins[: len(margins) // 2])
        if now > max(noise, 1e-3):
            return []
        seen = f"mean margin lately {now:.3g}, within its noise of {noise:.2g}"
    name = "rewards/accuracies" if run.values("rewards/accuracies") else "rewards/margins"
    faster = advice.rate(run, 5)
    return [
        found(
            "pairs-not-told-apart",
            "warn",
            "The better answers are not told from the worse ones",
            (seen, f"over {max(len(accuracy), len(margins))} steps"),
            "Look at ten pairs: are chosen and rejected the right way round, and is there a difference to see? Then "
            f"{faster} (LoRA takes about ten times that of full weights).",
            (run.id,),
            run.since(name, 0),
            change=faster.change,
        )
    ]


def chosen_less_likely(run: Run) -> list[Finding]:
    """The margin grows while the better answer itself gets less likely: what neither side says gains."""
    chosen, rejected = run.values("rewards/chosen"), run.values("rewards/rejected")
    if run.technique not in ("dpo", "kto") or len(chosen) < POINTS or len(rejected) < POINTS:
        return []
    late = _late(chosen)
    mean = stats.mean(late)
    noise = stats.spread(late) / len(late) ** 0.5
    if mean >= -3 * noise - 1e-6 or stats.mean(_late(rejected)) >= mean:
        return []
    beta = run.beta or 0.1
    pull = advice.beta(run, 3, 0.3)
    better = run.baseline is not None and any(m.score > run.baseline for m in run.mid_evals)
    term = 'loss_type=["sigmoid","sft"]' if run.technique == "dpo" else "a smaller undesirable_weight"
    return [
        found(
            "chosen-less-likely",
            "info" if better else "warn",
            f"The better answers get less likely as well: {mean / beta:+.2g} nats against the reference",
            (
                f"rewards/chosen lately {mean:.3g}, rewards/rejected {stats.mean(_late(rejected)):.3g}, beta {beta:g}",
                "the margin grows because the worse answers fall faster; what gains is neither",
            ),
            f"Look at the mini-eval's answers. Add a term that holds the better answer up ({term}), "
            f"{pull}, or {advice.rate(run, 0.3)}; ORPO has that term built in.",
            (run.id,),
            run.since("rewards/chosen", stats.change_point(chosen)),
            change=pull.change,
        )
    ]


def learnt_reward_hacked(run: Run) -> list[Finding]:
    """A learnt reward rises while the verifier, which no gradient sees, falls."""
    rewards = run.values("reward")
    name = "rewards/verifier/mean" if run.technique == "ppo" else "verifier"
    verified = run.values(name)
    size = len(verified) // 4
    if not run.rewarded or size < 5 or len(rewards) != len(verified):
        return []
    quarters = [stats.mean(verified[i * size : (i + 1) * size]) for i in range(3)] + [
        stats.mean(verified[-size:])
    ]
    best = max(range(4), key=quarters.__getitem__)
    then, now = stats.mean(rewards[best * size : (best + 1) * size]), stats.mean(rewards[-size:])
    if best == 3 or quarters[best] - quarters[3] < FELL or now <= then:
        return []
    step, pull = run.since(name, best * size), advice.beta(run, 4, 0.04)
    return [
        found(
            "reward-hacked",
            "alarm",
            f"The reward rises ({then:.2g} to {now:.2g}) while the verifier's score falls "
            f"({quarters[best]:.2f} to {quarters[3]:.2f})",
            (
                f"means over {size} steps, then from step {step} on and now",
                "the verifier judges the same samples, and no gradient sees it",
            ),
            f"Stop and take an earlier checkpoint. Then {pull}, train the reward model on what "
            "hacked it, or train on the verifier itself (GRPO, RLOO).",
            (run.id,),
            step,
            change=pull.change,
        )
    ]


def stale_samples(run: Run) -> list[Finding]:
    """Samples of another policy, or of one many updates ago."""
    shares, ages = run.values("samples/stale_share"), run.values("samples/age")
    share = shares[-1] if shares else 0.0
    if share > 0:
        offline = run.technique in ("sft", *PREFERENCES)
        age = f"the oldest {ages[-1]:.0f} optimizer steps behind" if ages else "from no kin of this policy"
        return [
            found(
                "stale-samples",
                "info" if offline else "warn",
                f"{share:.0%} of the samples come from another policy",
                (f"samples/stale_share {share:.3g}", age),
                "Sample anew with the current policy where that is affordable: what another policy says is off this "
                "one's distribution."
                + (" Learning from it offline is what this technique is for." if offline else ""),
                (run.id,),
            )
        ]
    if run.technique not in REWARDED or len(ages) < POINTS // 2:
        return []
    oldest = max(_late(ages))
    if oldest < STALE_STEPS:
        return []
    passes = "num_ppo_epochs" if run.technique == "ppo" else "num_iterations"
    fewer = advice.whole(run, passes, lambda _: 1, "lower num_iterations or steps_per_generation")
    return [
        found(
            "stale-samples",
            "warn",
            f"Updates learn from samples up to {oldest:.0f} steps old",
            (f"samples/age lately up to {oldest:.0f} optimizer steps; 0 is on-policy",),
            f"{advice.sentence(fewer)}, so that each batch is sampled anew.",
            (run.id,),
            run.since("samples/age", 0),
            change=fewer.change,
        )
    ]


RULES: tuple[RunRule, ...] = (pairs_not_told_apart, chosen_less_likely, learnt_reward_hacked, stale_samples)
