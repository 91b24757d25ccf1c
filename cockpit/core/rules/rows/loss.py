"""Rules over the loss of one run: not a number, spiking or diverging, flat."""

from __future__ import annotations

from cockpit.contract.techniques import OFFLINE, TECHNIQUES
from cockpit.core.rules.rule import HOUSE, Rule, Threshold

SFT_LIKE = ("sft", "rft")

ROWS: tuple[Rule, ...] = (
    Rule(
        "nothing-trained",
        "loss",
        "Loss or gradient is exactly 0, or policy and reference stay exactly the same: no weight moves.",
        "Look at the labels of three rows and at what is trainable; after a break go back to the checkpoint before it.",
        "TRL's issues 6668, 4023 and 1311; LLaMA-Factory's 7388, 5660 and 8004; unsloth's 712",
        changes={
            "learning_rate": OFFLINE,
            "max_length": OFFLINE,
            "assistant_only_loss": SFT_LIKE,
            "completion_only_loss": SFT_LIKE,
            "bf16": OFFLINE,
            "fp16": OFFLINE,
        },
        instead="That nothing is trainable is no setting: `cockpit logs` says what was loaded.",
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
        changes={"learning_rate": TECHNIQUES, "bf16": TECHNIQUES, "fp16": TECHNIQUES},
        instead="A rare one asks for nothing; `cockpit logs` has it.",
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
        changes={"learning_rate": OFFLINE, "max_grad_norm": OFFLINE},
        instead="Weights that were not loaded are no setting: `cockpit logs` says what was.",
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
        instead="The log is off, not the training: `cockpit doctor` names the versions that are installed.",
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
        instead="The resume is at fault: `cockpit new --warm-start EXP@STEP` begins at a whole checkpoint.",
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
        changes={"learning_rate": TECHNIQUES, "max_grad_norm": TECHNIQUES},
        instead="One spike asks for nothing; the rows of its step are in `cockpit show`.",
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
        changes={"learning_rate": OFFLINE},
        instead="One that came back asks for nothing; the rows of its step are in `cockpit show`.",
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
        changes={
            "learning_rate": OFFLINE,
            "warmup_steps": OFFLINE,
            "num_train_epochs": OFFLINE,
            "max_steps": OFFLINE,
        },
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
