"""Rules of the parts of a reward and of the policy: dead parts, spread, sampler, clipping, length, standstill."""

from __future__ import annotations

from cockpit.contract.techniques import GROUPED, REWARDED
from cockpit.core.rules.rule import HOUSE, Rule, Threshold

_STABLE = "axolotl's healthy ranges (its page on training stability)"
_RL_DOCTOR = "rl-doctor 0.2"

ROWS: tuple[Rule, ...] = (
    Rule(
        "sampler-mismatch",
        "reward",
        "What samples is not what is trained: log-probabilities or the importance ratio are apart.",
        "Sample with top_p 1 and top_k 0, sync the weights before every generation, correct by importance sampling.",
        _STABLE,
        changes={
            "top_p": GROUPED,
            "top_k": GROUPED,
            "min_p": GROUPED,
            "vllm_enable_sleep_mode": GROUPED,
            "vllm_importance_sampling_correction": ("grpo",),
        },
        instead="Where these stand right, the versions are at fault: `cockpit doctor` names them.",
        offers=("stop",),
        thresholds={
            "logp": Threshold(0.1, "nats a token: healthy below, red above ten times that"),
            "ratio": Threshold(0.05, "off 1, the ratio's mean where both distributions are the same"),
            "widened": Threshold(3.0, "times the difference at first, rising nearly step by step"),
        },
        other_sources=("TRL's issues 5312, 6789 and 7269",),
    ),
    Rule(
        "negative-kl",
        "reward",
        "The KL lies below 0, which its mean can't: the samples come from another distribution, and the penalty pays.",
        "Sample from the policy as it is, without top_k, top_p or a least length, and not from 4-bit weights.",
        "Gibbs' inequality; TRL's page on PPO and its issues 615 and 235",
        changes={"top_k": GROUPED, "top_p": GROUPED, "temperature": REWARDED},
        instead="Where these stand right, look at the weights that sample: `cockpit logs`.",
        offers=("stop",),
        thresholds={
            "answer": Threshold(1.0, "nats an answer below 0, of PPO, which sums over its tokens"),
            "token": Threshold(0.01, "nats a token below 0, of the others, whose estimate is never negative"),
        },
    ),
    Rule(
        "format-domination",
        "reward",
        "The form of the answers earns more while their content earns less, or it holds nearly all of the variance.",
        "Lower the form's weight, or pay it only where the answer is right.",
        f"{_RL_DOCTOR}: one part with 70 to 90 % of the reward's variance; open-r1's issue 255",
        changes={"rewards": GROUPED},
        offers=("stop",),
        thresholds={
            "rise": Threshold(0.1, "of the form's mean reward, beyond four times its noise"),
            "fall": Threshold(0.15, "of the content's first mean reward, beyond four times its noise"),
            "variance": Threshold(0.9, "of the parts' variance (rl-doctor's upper bound)"),
        },
    ),
    Rule(
        "dead-reward",
        "reward",
        "A part of the reward is never, or always, earned, so that it teaches nothing.",
        "Run it by hand on three completions; mend it, or set its weight to 0.",
        "the advantage of a constant is 0; TRL's log of each reward function",
        changes={"rewards": GROUPED},
        instead="A part that is never earned has to be mended: `cockpit verify` asks a verifier about answers.",
        thresholds={
            "rows": Threshold(5, "rows, all exactly the same"),
            "steps": Threshold(20, "optimizer steps: by the rule of three it pays in less than 15 % of them"),
        },
    ),
    Rule(
        "no-group-spread",
        "reward",
        "Most groups have no difference within: they give no gradient.",
        "Drop prompts that all or no completions pass, take harder (or easier) ones, sample larger groups.",
        "share of groups that differ: 1 - p^G - (1-p)^G (arXiv 2606.18487)",
        changes={"num_generations": GROUPED},
        instead="Prompts that are all solved are no setting: `cockpit new --data` takes harder ones.",
        thresholds={
            "share": Threshold(0.5, "of the groups; axolotl calls 0.8 red"),
            "rows": Threshold(20, "rows; fewer say nothing"),
            "solved": Threshold(
                0.75, "mean of rewards between 0 and 1: most groups without spread are all right"
            ),
        },
        other_sources=(_STABLE,),
    ),
    Rule(
        "clip-saturation",
        "reward",
        "A large share of the importance ratios is clipped: these tokens give no gradient.",
        "Lower the learning rate or num_iterations, or raise epsilon_high.",
        f"{_STABLE}: clip region healthy below 0.1, red above 0.3",
        changes={"learning_rate": REWARDED},
        thresholds={"share": Threshold(0.3, "of the tokens, as a median of the last quarter")},
    ),
    Rule(
        "length-drift",
        "reward",
        "Answers get far longer or shorter, with the reward but without a held-out gain, or without any gain.",
        "Read the longest samples: is length itself paid? Punish it softly, or take a loss that does not favour it.",
        f"{_RL_DOCTOR}: +50 % with a rank correlation to the reward of 0.6",
        changes={
            "loss_type": ("grpo",),
            "max_completion_length": ("rloo",),
            "response_length": ("ppo",),
            "beta": GROUPED,
            "kl_coef": ("ppo",),
        },
        thresholds={
            "longer": Threshold(1.5, "times the first length, or that much shorter"),
            "with_reward": Threshold(0.6, "rank correlation of length and reward"),
            "held_out": Threshold(
                0.2, "of the reward's gain; a held-out score that rises by less does not confirm it"
            ),
        },
        other_sources=(
            "Liu et al. 2025 (Dr. GRPO): a mean over an answer's tokens favours long wrong answers",
        ),
    ),
    Rule(
        "policy-frozen",
        "reward",
        "The KL is next to 0 after many steps and the reward is flat: the steps are too small.",
        "Raise the learning rate (LoRA takes about ten times that of full weights), sample larger groups.",
        "TRL's issue 2872; Schulman 2020: the KL grows with the square of the step",
        changes={"learning_rate": GROUPED},
        offers=("stop",),
        thresholds={
            "kl": Threshold(1e-3, "nats a token; learning runs pass it within some hundred steps"),
            "steps": Threshold(200, "optimizer steps; before that it may be small"),
        },
    ),
    Rule(
        "plateau",
        "reward",
        "The reward has not risen for most of the run.",
        "Stop and keep the checkpoint of where it stopped rising; change the prompts' difficulty or the step size.",
        HOUSE,
        changes={"learning_rate": REWARDED},
        offers=("stop",),
        thresholds={
            "rows": Threshold(40, "rows; fewer can't resolve a gain"),
            "steps": Threshold(100, "optimizer steps; sparse rewards are flat before"),
            "share": Threshold(0.6, "of the run without a gain"),
            "gain": Threshold(
                0.2, "of a group's own spread: a gain that the rows would have shown, at three errors"
            ),
            "good": Threshold(0.8, "mean of a reward between 0 and 1 from which on it is but a remark"),
        },
    ),
)
