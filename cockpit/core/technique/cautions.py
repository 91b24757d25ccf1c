"""What to be careful of at an end of the decision tree: each caution is one rule with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cockpit.contract.techniques import REWARDED, SAMPLING
from cockpit.core import group_signal
from cockpit.core.technique.facts import Facts
from cockpit.core.technique.nodes import End
from cockpit.core.technique.tree import KTO, NOT_A_LAW, SATURATION, TRUST
from cockpit.verifiers import is_graded

Answers = Mapping[str, str]


class Caution(NamedTuple):
    """A rule: gives its sentence where it applies, else an empty text."""

    message: Callable[[Facts, End, Answers], str]
    source: str


def cautions(facts: Facts, end: End, answers: Answers) -> list[str]:
    """The cautions that apply, in order of weight."""
    return [said for caution in CAUTIONS if (said := caution.message(facts, end, answers))]


def _stuck_at_zero(facts: Facts, end: End, answers: Answers) -> str:
    if facts.sft_runs_at_zero < 2 or end.technique not in SAMPLING:
        return ""
    return (
        f"{facts.sft_runs_at_zero} SFT runs ended at 0: the class of technique is wrong, not the recipe. Another SFT "
        "will not mend it."
    )


def _rl_from_base(facts: Facts, end: End, answers: Answers) -> str:
    rate = _base_rate(facts)
    if end.technique not in REWARDED or answers.get("base") != "sometimes":
        return ""
    if rate is not None and not group_signal.fits(rate, group_signal.USUAL):
        return ""  # not a competent base: _few_differ says what would have to be true
    also = ", though worked answers are at hand" if facts.has_demonstrations else ""
    return (
        f"Start the RL from the base model{also}: for a competent base on a verifiable benchmark it often beats "
        "SFT-then-RL end to end."
    )


def _base_rate(facts: Facts) -> float | None:
    """The base's pass rate as far as it is known: of sampled answers, else greedy; None too for a greedy 0."""
    return facts.base_sampled if facts.base_sampled is not None else (facts.base_score or None)


def _few_differ(facts: Facts, end: End, answers: Answers) -> str:
    rate = _base_rate(facts)
    if end.technique not in REWARDED or rate is None or answers.get("base") != "sometimes":
        return ""
    if group_signal.fits(rate, group_signal.USUAL):
        return ""
    usual = group_signal.USUAL
    share = f"at most {group_signal.differing(rate, usual):.0%} of the groups of {usual} would differ within"
    level = "is not yet competent here" if rate < 0.5 else "solves nearly all of this already"
    return (
        f"The base {level}: it passes {rate:.1%}, so {share}, and only those teach. For RL to pay, half of them must: "
        f"{group_signal.cure(rate, usual)}."
    )


def _verifier_named(facts: Facts, end: End, answers: Answers) -> str:
    if facts.verifier is not None or facts.form is None or end.technique not in SAMPLING:
        return ""
    return f"No verifier was named; the answers look like {facts.form}. Check it on the gold answers first."


def _verifier_rejects(facts: Facts, end: End, answers: Answers) -> str:
    accepted = facts.gold_accepted
    if facts.verifier is None or is_graded(facts.verifier) or accepted is None:
        return ""
    if facts.verifier_reads is False and facts.verifier == "exact":
        return (
            "The verifier exact wants the gold answer word for word, and these are long: nobody would pass"
            + (f" (the answers are of the form {facts.form})." if facts.form else ".")
        )
    if accepted >= 0.995 or (not facts.gold_answers and facts.form is None):
        return ""
    if accepted == 0.0:
        return f"The verifier {facts.verifier} accepts none of the gold answers: choose one that fits them."
    return f"The verifier {facts.verifier} rejects {1 - accepted:.1%} of the gold answers: no model could solve these."


def _proxy(facts: Facts, end: End, answers: Answers) -> str:
    if facts.verifier is None or not is_graded(facts.verifier):
        return ""
    return (
        "The verifier f1 grades: it counts words in common with a reference, and shows that the model moves, not that "
        "an answer is good. Read some answers before you trust a gain, and never use it as a reward."
    )


def _unusable_verifier(facts: Facts, end: End, answers: Answers) -> str:
    if facts.verifier is None or is_graded(facts.verifier) or end.technique in (*REWARDED, None):
        return ""
    if facts.shape in ("preference", "labelled") and not facts.gold_answers:
        return (
            f"The verifier {facts.verifier} has no gold answers to compare with in this data. With prompts that have "
            "one, RL on the verifier would be the better choice."
        )
    if facts.verifier_reads is False:
        return (
            f"The verifier {facts.verifier} can't read this data's answers. If your held-out set is scored by it, give "
            "training prompts with gold answers: then RL fits, not SFT."
        )
    return ""


def _other_form(facts: Facts, end: End, answers: Answers) -> str:
    if (
        facts.written is None
        or facts.verifier is None
        or not facts.has_demonstrations
        or facts.written >= 0.9
    ):
        return ""
    if end.technique not in ("sft", *SAMPLING) or facts.verifier_reads is False:
        return ""
    share = f"Only {facts.written:.0%}" if facts.written >= 0.005 else "None"
    return (
        f"{share} of the data's texts pass the verifier {facts.verifier} as they stand: SFT on them would train "
        "another objective than the one that is scored."
    )


def _format_only(facts: Facts, end: End, answers: Answers) -> str:
    loose, strict = facts.base_any_form, facts.base_score
    if loose is None or strict is None or loose - strict < 0.2:
        return ""
    return (
        f"The base model is right in {loose:.0%} of the items in any form, and in {strict:.0%} in the wanted one: a "
        "prompt with examples, or constrained decoding, may be all that it takes."
    )


def _sampled_zero(facts: Facts, end: End, answers: Answers) -> str:
    if end.technique not in REWARDED or facts.base_score is None or facts.base_score >= 0.005:
        return ""
    if facts.base_sampled is not None:
        return ""
    return (
        "The base model scores 0 when greedy. Measure sampled answers (the smoke run does): if none passes either, "
        "RL has no signal to start from."
    )


def _hackable(facts: Facts, end: End, answers: Answers) -> str:
    if answers.get("signal") != "reward-model":
        return ""
    return "A learned reward gets hacked: keep a KL penalty, and judge by a held-out score that it can't see."


def _ppo(facts: Facts, end: End, answers: Answers) -> str:
    if end.technique != "ppo" and answers.get("signal") != "reward-model":
        return ""
    return (
        "PPO is unmaintained upstream: TRL carried it up to 1.12.0. GRPO and RLOO need no value model and give the "
        "same."
    )


def _balance(facts: Facts, end: End, answers: Answers) -> str:
    good = facts.labels_good
    if end.technique != "kto" or good is None or good in (0.0, 1.0) or 0.45 <= good <= 0.6:
        return ""
    ratio = good / (1 - good)
    side, weight = ("undesirable", ratio) if ratio > 1 else ("desirable", 1 / ratio)
    return (
        f"{good:.0%} of the labels are good: set {side}_weight to about {weight:.2g}, so that all good answers weigh "
        "1 to 4/3 times as much as all bad ones."
    )


def _could_pair(facts: Facts, end: End, answers: Answers) -> str:
    share = facts.two_sided_prompts
    if end.technique != "kto" or share is None or share < 0.5:
        return ""
    return f"{share:.0%} of the prompts have a good and a bad answer: these could be paired for DPO."


def _same_sides(facts: Facts, end: End, answers: Answers) -> str:
    if facts.identical_pairs < 0.01:
        return ""
    return f"In {facts.identical_pairs:.0%} of the pairs both sides are the same: these teach nothing."


def _few(facts: Facts, end: End, answers: Answers) -> str:
    if facts.rows is None or facts.rows >= 50 or end.technique is None:
        return ""
    return f"{facts.rows} rows are few: a prompt with some of them as examples may do as well."


def _degenerate(facts: Facts, end: End, answers: Answers) -> str:
    if end.technique not in SAMPLING or facts.passed is None:
        return ""
    if 0.05 <= facts.passed <= 0.9:
        return ""
    return f"{facts.passed:.0%} of the scored answers pass: close to no signal. Widen the difficulty of the prompts."


def _lora_is_enough(facts: Facts, end: End, answers: Answers) -> str:
    if end.id != "orpo-room":
        return ""
    return "LoRA would remove the need for a second copy: then DPO fits as well."


CAUTIONS: tuple[Caution, ...] = (
    Caution(
        _stuck_at_zero, 'source text, diagnostic "Stuck at 0 on a verifiable benchmark after 2+ SFT runs"'
    ),
    Caution(_verifier_rejects, TRUST),
    Caution(_proxy, TRUST),
    Caution(_unusable_verifier, TRUST),
    Caution(_verifier_named, TRUST),
    Caution(_rl_from_base, NOT_A_LAW),
    Caution(_few_differ, "arXiv 2606.18487: 1 - p^G - (1-p)^G of the groups differ"),
    Caution(_format_only, "a smaller step first"),
    Caution(_other_form, 'source text, "What never counts as progress", 5'),
    Caution(_sampled_zero, SATURATION),
    Caution(_degenerate, SATURATION),
    Caution(_hackable, TRUST),
    Caution(_ppo, "measured: PPO is gone from TRL after 1.12.0"),
    Caution(_balance, f"{KTO}; TRL, KTO trainer"),
    Caution(_could_pair, KTO),
    Caution(_same_sides, "a pair without a difference has no gradient towards either side"),
    Caution(_few, "a smaller step first"),
    Caution(_lora_is_enough, "TRL, DPO trainer: with PEFT the reference is the model without its adapter"),
)
