"""Rules over the loss of one run: not a number, spiking or diverging, flat."""

from __future__ import annotations

from cockpit.core.rules.rule import HOUSE, Rule, Threshold

ROWS: tuple[Rule, ...] = (
    Rule(
        "nonfinite",
        "loss",
        "A metric was NaN or infinite; of the gradient norm alone, now and then, that is fp16 loss scaling at work.",
        "Stop and go back to the checkpoint before it; use bf16 or float32, and a lower learning rate.",
        HOUSE,
        offers=("stop",),
        thresholds={
            "rare": Threshold(0.02, "share of the steps (or 3 of them) up to which a scaler explains it")
        },
    ),
    Rule(
        "loss-spike",
        "loss",
        "The loss jumped and stayed up, or has been rising for long; one that came back is a remark.",
        "Go back to the checkpoint before it; lower the learning rate or clip the gradient lower.",
        HOUSE,
        offers=("stop",),
        thresholds={
            "window": Threshold(30, "points before a spike that tell what is usual"),
            "sigmas": Threshold(6.0, "noises above the usual, on a logarithmic scale"),
        },
    ),
    Rule(
        "flat-loss",
        "loss",
        "The loss has not fallen since the learning rate was up, or a learning rate explains why it can't.",
        "Raise the learning rate, or look whether the rows are all alike or known to the model already.",
        "evo's diagnostics: a flat loss means a learning rate too low, or data too alike",
        offers=("stop",),
        thresholds={
            "points": Threshold(20, "points; fewer say nothing about a trend"),
            "fall": Threshold(0.02, "share of the loss; a smaller fall counts as none"),
            "learnt": Threshold(0.05, "nats a token: nothing is left to learn, so a flat line is no news"),
            "warmup": Threshold(200, "points; before that a flat loss is what a warm-up looks like"),
            "floor": Threshold(0.02, "of the highest learning rate: below it steps are too small to matter"),
        },
    ),
)
