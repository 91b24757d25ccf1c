"""The four diagnostics across the experiments of a target, and how worn its held-out set is."""

from __future__ import annotations

from cockpit.core.rules.rule import Rule, Threshold

_SOURCE = 'source text, "Four diagnostics"'

ROWS: tuple[Rule, ...] = (
    Rule(
        "stuck-at-zero",
        "across experiments",
        "Several SFT runs on a verifiable benchmark still score exactly 0.",
        "Ask whether anything parses; then change the technique class: RL with the verifier as the reward.",
        f"{_SOURCE}, 1",
        instead="The technique is the cure: `cockpit new grpo` rewards by the verifier.",
        offers=("spot_check", "verifier_reward", "compare"),
        thresholds={"runs": Threshold(2, 'SFT runs: "after 2+ SFT runs"')},
    ),
    Rule(
        "below-random",
        "across experiments",
        "The base model scores below guessing on a knowledge-heavy benchmark, before any training.",
        "Check the format first; if it parses, bring the knowledge in (continued pre-training, distillation, "
        "retrieval).",
        f"{_SOURCE}, 2",
        instead="Knowledge is missing, or the format: `cockpit spot-check` tells which.",
        offers=("spot_check",),
        thresholds={"p": Threshold(0.05, "binomial, one-sided, against the score of guessing")},
    ),
    Rule(
        "no-gain",
        "across experiments",
        "None of the last train moves gained on its parent, nor all of them together.",
        "Change the method or the data, or improve the harness instead of the weights.",
        f"{_SOURCE}, 3",
        instead="Other data or another technique is the cure: `cockpit advise` ranks the techniques.",
        offers=("compare",),
        thresholds={
            "moves": Threshold(3, 'committed train moves: "several"'),
            "solved": Threshold(0.95, "mean score from which on the target counts as solved"),
        },
    ),
    Rule(
        "same-score-across-techniques",
        "across experiments",
        "Structurally different techniques land at the same non-zero score: the method is not the bottleneck.",
        "Make a spot check before a further technique: would a perfect training example pass the verifier?",
        f"{_SOURCE}, 4",
        instead="Something else than the method holds the score: `cockpit spot-check` looks for it.",
        offers=("spot_check", "compare"),
        thresholds={
            "experiments": Threshold(3, 'experiments, and families among them: "3+ experiments"'),
            "spread": Threshold(0.10, "scores further apart are not called the same, however few the items"),
        },
    ),
    Rule(
        "held-out-worn",
        "across experiments",
        "So many experiments were scored on one held-out set that the best of them is expected to look better by luck.",
        "Take the last claim from items that nothing was chosen by: a sealed second held-out set (`cockpit unseal`).",
        "Dwork et al. 2015 (Science 349:636) and Blum and Hardt 2015 (arXiv 1502.04585): what is chosen by a set is "
        "overfitted to it; the expected best of n equal ones after Blom 1958",
        instead="Items that nothing was chosen by are the cure: `cockpit unseal` looks at them once.",
        offers=("compare",),
        thresholds={
            "errors": Threshold(1.96, "standard errors of a difference: what one look at the set resolves"),
            "gain": Threshold(0.01, "score; less luck than that wears out no set, however often it is asked"),
        },
    ),
)
