"""Rules over the mini-evals and the held-out score, against what was trained on."""

from __future__ import annotations

from cockpit.core.rules.rule import Rule, Threshold

HEALTHY_LOSS = (
    'source text, "Four diagnostics": the loss can be healthy while the model emits unparseable output'
)
BY_SLICE = "evo's contract: per_slice_delta is measured beside the score"

ROWS: tuple[Rule, ...] = (
    Rule(
        "reward-hacking",
        "evals",
        "The training reward rises while held-out scores fall.",
        "Raise the KL penalty and go back to the best checkpoint; read what the highest-rewarded samples exploit.",
        "evo's diagnostics: reward up while held-out falls is reward hacking; raise the KL penalty",
        offers=("stop",),
        thresholds={"rise": Threshold(0.05, "of the mean training reward; less is noise")},
    ),
    Rule(
        "overfit-or-leak",
        "evals",
        "The training set is passed far more often than the held-out set.",
        "Train for fewer epochs, lower the rank, vary the data; look for what gives the answer away.",
        "evo's diagnostics: a large generalization gap means overfit or leak",
        thresholds={
            "gap": Threshold(0.2, "train minus held-out; half of it beyond the held-out score's interval")
        },
    ),
    Rule(
        "mid-eval-regression",
        "evals",
        "The mini-evals fall, or stay where they were while the loss falls; or slices lost against the parent's.",
        "Stop and keep the best checkpoint; put training examples beside eval prompts.",
        'source text, "Long training: checkpoint, mid-eval, early-stop"',
        offers=("stop", "spot_check"),
        thresholds={
            "p_baseline": Threshold(
                0.03, "one-sided, trailing mini-evals against the baseline on the same items"
            ),
            "p_best": Threshold(0.005, "the same against the best so far, which was picked for being high"),
        },
        other_sources=(HEALTHY_LOSS, BY_SLICE),
    ),
)
