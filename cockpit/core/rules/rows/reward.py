"""Rules of reinforcement learning: rewards without signal, KL, entropy, completions that are cut off."""

from __future__ import annotations

from cockpit.contract.techniques import GROUPED, REWARDED, TECHNIQUES
from cockpit.core.rules.rule import HOUSE, Rule, Threshold

ROWS: tuple[Rule, ...] = (
    Rule(
        "degenerate-reward",
        "reward",
        "Groups whose completions all score the same have no advantage: nothing is learnt from them.",
        "Widen the difficulty or change the selection; at 0, ask first whether anything parses.",
        "evo's diagnostics: reward saturation near 0 or 1 is a degenerate signal",
        changes={"num_generations": GROUPED},
        instead="Prompts that are all solved are no setting: `cockpit new --data` takes harder ones.",
        offers=("stop",),
        thresholds={
            "flat_groups": Threshold(0.9, "share of groups without any difference within"),
            "near": Threshold(0.05, 'of the mean reward: "near 0" and "near 1"'),
            "points": Threshold(10, "points; fewer say nothing …"),
            "first": Threshold(4, "… but that no group of the first ones differs at all"),
        },
    ),
    Rule(
        "kl-blow-up",
        "reward",
        "The policy has run away from the reference model.",
        "Go back to a checkpoint before it; lower the learning rate or raise beta.",
        HOUSE,
        changes={"learning_rate": REWARDED},
        offers=("stop",),
        thresholds={
            "high": Threshold(2.0, "nats a token; healthy runs stay below about 0.5"),
            "times": Threshold(10.0, "times the median of the run's first half"),
            "answer_tokens": Threshold(10, "tokens of an answer: PPO logs the KL of a whole one"),
        },
    ),
    Rule(
        "entropy-collapse",
        "reward",
        "Sampling has stopped exploring before the task is solved.",
        "Go back to a checkpoint before it; raise the sampling temperature or add an entropy bonus.",
        HOUSE,
        changes={"learning_rate": REWARDED, "temperature": REWARDED},
        offers=("stop",),
        thresholds={
            "left": Threshold(0.1, "of the first entropy, and nats a token"),
            "solved": Threshold(0.8, "mean reward from which on a low entropy is no harm"),
        },
    ),
    Rule(
        "truncated-completions",
        "reward",
        "Completions run into the length limit, so they are judged unfinished.",
        "Raise the limit, or find out why it does not stop: is the end-of-turn token trained?",
        HOUSE,
        changes={
            "max_completion_length": GROUPED,
            "response_length": ("ppo",),
            "generation.max_new_tokens": TECHNIQUES,
        },
        offers=("stop",),
        thresholds={
            "clipped": Threshold(0.25, "share of the sampled completions"),
            "grave": Threshold(0.7, "share from which on it is an alarm"),
        },
    ),
)
