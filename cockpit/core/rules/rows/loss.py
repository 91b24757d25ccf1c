"""Rules over the loss of one run: not a number, spiking or diverging, flat."""

from __future__ import annotations

from cockpit.core.rules.rule import HOUSE, Rule, Threshold

ROWS: tuple[Rule, ...] = (
    Rule(
        "nothing-trained",
        "loss",
        "Loss or gradient is exactly 0, or policy and reference stay exactly the same: no weight moves.",
        "Look at the labels of three rows and at what is trainable; after a break go back to the checkpoint before it.",
        "TRL's issues 6668, 4023 and 1311; LLaMA-Factory's 7388, 5660 and 8004; unsloth's 712",
        offers=("stop",),
        thresholds={
            "rows": Threshold(3, "rows in a row at exactly 0: chance doesn't do that once"),
            "abrupt": Threshold(
                0.01, "nats: a loss above it and then 0 broke; below it, it fell to what is rounded to 0"
            ),
            "holes": Threshold(0.05, "share of rows at 0 between others: batches without any label"),
        },
    ),
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
        "diverged",
        "loss",
        "The loss is at ln of the vocabulary, where nothing is known of the next token, or far above its start.",
        "Go back to the checkpoint before it, lower the learning rate; from the start on: were weights loaded?",
        "cross-entropy of a uniform guess among V tokens is ln V",
        offers=("stop",),
        thresholds={
            "chance": Threshold(
                10.3, "nats: ln of 30,000, the smallest vocabulary in use; learnt text costs below 5"
            ),
            "near": Threshold(0.02, "share of ln V that a loss at chance is off it"),
            "above": Threshold(1.5, "times the first rows' loss, which is the highest of a sound run"),
            "steps": Threshold(100, "optimizer steps; before that it may be a warm-up from nothing"),
        },
    ),
    Rule(
        "loss-scale",
        "loss",
        "The train loss is a constant factor off the eval loss, or off itself from one row to the next.",
        "Divide by the factor where you compare; look at gradient_accumulation_steps and the version of transformers.",
        "transformers' accumulation of the loss, 4.46 to 4.49 (its pull requests 34191 and 35207)",
        thresholds={
            "factor": Threshold(3.0, "times: dropout, noise or another mix of rows explain less"),
            "steady": Threshold(0.15, "share by which the ratio may vary, and be off a whole factor"),
        },
    ),
    Rule(
        "resume-jump",
        "loss",
        "The loss jumps back to an earlier level where the learning rate starts over: a resume that loaded too little.",
        "Resume from a checkpoint that holds weights, optimizer and scheduler, or begin anew.",
        "transformers' issue 33336, sentence-transformers' issue 3756",
        offers=("stop",),
        thresholds={
            "jump": Threshold(0.1, "of the loss before it; a warm restart of the learning rate costs less"),
            "again": Threshold(0.25, "of all that was learnt before it, lost at once"),
        },
    ),
    Rule(
        "grad-spike",
        "loss",
        "The gradient's norm lies far above its usual: once (a remark), now and then, or growing.",
        "Look at the rows of these steps; clip lower (max_grad_norm), and lower the learning rate if it goes on.",
        "rl-doctor's gradient pathology; the norm of Adam's steps is bounded, that of a bad batch is not",
        thresholds={
            "times": Threshold(10.0, "times what nine in ten of the 50 rows before stay below"),
            "points": Threshold(16, "rows; fewer don't tell what is usual"),
            "often": Threshold(3, "spikes apart from each other, from which on it is a warning"),
            "few_times": Threshold(20.0, "times every other row, where there is but a handful of rows"),
            "grown": Threshold(10.0, "times the first half's median at the end"),
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
            "resolved": Threshold(
                0.05, "share of the loss; where noise could hide a fall of that, nothing is said"
            ),
            "learnt": Threshold(0.05, "nats a token: nothing is left to learn, so a flat line is no news"),
            "warmup": Threshold(200, "points; before that a flat loss is what a warm-up looks like"),
            "floor": Threshold(0.02, "of the highest learning rate: below it steps are too small to matter"),
        },
    ),
)
