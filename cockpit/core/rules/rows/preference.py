"""Rules of learning from preferences, of learnt rewards, and of whose samples are trained on."""

from __future__ import annotations

from cockpit.contract.techniques import GROUPED, PREFERENCES
from cockpit.core.rules.rule import HOUSE, Rule, Threshold

_POLICIES = ("dpo", "kto", "orpo")
_TRUST = "source text: a reward you trust; a learned reward gets hacked"

ROWS: tuple[Rule, ...] = (
    Rule(
        "reward-hacked",
        "preferences",
        "A learnt reward rises while the verifier, which no gradient sees, falls.",
        "Take an earlier checkpoint; raise the KL, retrain the reward model, or train on the verifier itself.",
        _TRUST,
        changes={"beta": GROUPED, "kl_coef": ("ppo",)},
        offers=("stop",),
        thresholds={"fall": Threshold(0.08, "of the verifier's mean over a quarter of the run")},
    ),
    Rule(
        "preference-collapse",
        "preferences",
        "Chosen (or rejected) answers get less likely without bound, whatever the accuracy says.",
        "Go back; add the likelihood of the chosen answer to the loss, raise beta, lower the learning rate.",
        "Pal et al. 2024 (DPO-Positive), Razin et al. 2024 (likelihood displacement); TRL's issue 5608",
        changes={"learning_rate": _POLICIES, "beta": _POLICIES},
        offers=("stop",),
        thresholds={
            "fall": Threshold(
                0.4, "of the first log-probability of the chosen answers, twice that of the rejected"
            ),
            "rows": Threshold(8, "rows, falling nearly step by step"),
            "nats": Threshold(
                10.0, "nats an answer at the least; a twentieth where it is a mean over its tokens"
            ),
        },
    ),
    Rule(
        "reward-model-at-chance",
        "preferences",
        "A reward model puts the better answer first no more often than a coin, in training or on held-out pairs.",
        "Set the pad token, look at ten pairs; on held-out pairs alone: fewer epochs and more pairs.",
        "TRL's issues 2758 and 937",
        changes={"learning_rate": ("reward",), "num_train_epochs": ("reward",)},
        offers=("stop", "spot_check"),
        thresholds={
            "rows": Threshold(8, "rows; fewer say nothing"),
            "steps": Threshold(100, "optimizer steps; before that nobody is above chance"),
            "chance": Threshold(0.55, "accuracy that a coin reaches in batches of the usual size"),
        },
    ),
    Rule(
        "pairs-not-told-apart",
        "preferences",
        "After many steps the better answers are no likelier than the worse ones.",
        "Look at ten pairs: are they the right way round, is there a difference? Then raise the learning rate.",
        HOUSE,
        changes={"learning_rate": PREFERENCES},
        offers=("stop", "spot_check"),
        thresholds={
            "points": Threshold(20, "points; fewer say nothing"),
            "chance": Threshold(0.55, "accuracy that a coin reaches in batches of the usual size"),
        },
    ),
    Rule(
        "chosen-less-likely",
        "preferences",
        "The margin grows while the better answer itself gets less likely: what neither side says gains.",
        "Add a term that holds the better answer up, raise beta, or lower the learning rate.",
        "Pal et al. 2024 (DPO-Positive), Razin et al. 2024 (likelihood displacement)",
        changes={"beta": ("dpo", "kto")},
        offers=("stop",),
    ),
    Rule(
        "stale-samples",
        "preferences",
        "Training learns from samples of another policy, or of one many updates ago.",
        "Sample anew with the current policy; lower num_iterations or steps_per_generation.",
        "source text: on-policy freshness for RL, train on the current policy's samples",
        changes={"num_iterations": GROUPED, "num_ppo_epochs": ("ppo",)},
        instead="Samples of another policy are made anew: `cockpit new rft` samples the current one.",
        thresholds={
            "steps": Threshold(4, "optimizer steps behind: PPO's usual number of passes over a batch")
        },
    ),
    Rule(
        "learnt-reward",
        "preferences",
        "The reward is a learnt model, which gets hacked.",
        "Watch the verifier's score and the mini-eval, not the reward; where a verifier can be written, train on it.",
        _TRUST,
        instead="The reward is the cure: `cockpit new grpo` rewards by the verifier.",
        by_trainer=True,
    ),
)
