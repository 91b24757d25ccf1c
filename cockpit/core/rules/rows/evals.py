"""Rules over the mini-evals and the held-out score, against what was trained on."""

from __future__ import annotations

from cockpit.contract.techniques import GROUPED, OFFLINE, TECHNIQUES
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
        changes={"beta": GROUPED, "kl_coef": ("ppo",)},
        offers=("stop",),
        thresholds={
            "rise": Threshold(0.05, "of the mean training reward; less is noise"),
            "fall": Threshold(
                0.1, "of the best held-out score, beyond the noise of its successive differences"
            ),
        },
    ),
    Rule(
        "eval-loss-rising",
        "evals",
        "The held-out loss was lowest earlier, while the train loss goes on falling.",
        "Keep the checkpoint of the lowest held-out loss; train for fewer epochs or with a lower learning rate.",
        "finetune-doctor: noise from successive differences (von Neumann 1941), equal within it or 1 %",
        changes={"num_train_epochs": OFFLINE, "max_steps": OFFLINE, "learning_rate": OFFLINE},
        offers=("stop",),
        thresholds={
            "equal": Threshold(0.01, "of the lowest: checkpoints within it are equal"),
            "grave": Threshold(0.05, "of the lowest, beyond the noise, from which on it is a warning"),
        },
    ),
    Rule(
        "memorised",
        "evals",
        "The train loss is near zero after several epochs, and nothing held out was looked at.",
        "Hold rows out and look at their loss; train for fewer epochs.",
        "Carlini et al. 2021 (extraction): text that is given 90 % a token is recited; the usual 1 to 3 epochs",
        changes={"num_train_epochs": ("sft",)},
        thresholds={
            "loss": Threshold(0.1, "nats a token: 90 % for each token of the rows"),
            "epochs": Threshold(2.5, "epochs at the least"),
            "many": Threshold(5, "epochs from which on twice that loss will do"),
        },
    ),
    Rule(
        "overfit-or-leak",
        "evals",
        "The training set is passed far more often than the held-out set.",
        "Train for fewer epochs, lower the rank, vary the data; look for what gives the answer away.",
        "evo's diagnostics: a large generalization gap means overfit or leak",
        changes={"num_train_epochs": TECHNIQUES, "learning_rate": TECHNIQUES},
        instead="A leak is in the data: `cockpit overlap` looks for it.",
        thresholds={
            "gap": Threshold(0.2, "train minus held-out; half of it beyond the held-out score's interval"),
            "perfect": Threshold(3, "evals at exactly 1: real items have some that are wrong or unclear"),
            "nothing_left": Threshold(
                0.01, "nats a token in training and held out: labels on padding, or constants"
            ),
        },
    ),
    Rule(
        "mid-eval-regression",
        "evals",
        "The mini-evals fall, or stay where they were while the loss falls; or slices lost against the parent's.",
        "Stop and keep the best checkpoint; put training examples beside eval prompts.",
        'source text, "Long training: checkpoint, mid-eval, early-stop"',
        changes={"learning_rate": TECHNIQUES},
        instead="Where nothing parses, or nothing rose, the data are off: `cockpit spot-check` and `cockpit realign`.",
        offers=("stop", "spot_check"),
        thresholds={
            "p_baseline": Threshold(
                0.03, "one-sided, trailing mini-evals against the baseline on the same items"
            ),
            "p_best": Threshold(0.005, "the same against the best so far, which was picked for being high"),
        },
        other_sources=(HEALTHY_LOSS, BY_SLICE),
    ),
    Rule(
        "held-out-lost",
        "evals",
        "The held-out score fell below that of the experiment it started from, out of the noise.",
        "Discard it, and start anew from its parent with a lower learning rate, fewer epochs or other data.",
        'source text, "One attempt, one shot": a regression is discarded, the next one starts from its parent with '
        "another hypothesis; tested as every delta is (McNemar, Holm)",
        changes={"learning_rate": TECHNIQUES},
        instead="Where its answers parse no more, the data are off: `cockpit spot-check` and `cockpit realign`.",
        offers=("discard", "spot_check"),
        thresholds={
            "unread": Threshold(
                0.5, "of the parent's share of answers that parse: below it, it is the format"
            ),
        },
    ),
)
