"""The decision tree by reward shape, as data: "Decide on the reward first, technique second".

The source text's table is the trunk; the twigs (DPO, KTO or ORPO; GRPO, RLOO or PPO; RFT) follow the papers named
beside them. What ends where is in `decision_ends`.
"""

from __future__ import annotations

from cockpit.core.stats import wilson
from cockpit.core.technique.facts import Facts
from cockpit.core.technique.nodes import Node, Option, Seen
from cockpit.verifiers import is_graded

TABLE = 'source text, "Pick the technique by reward shape"'
NOT_A_LAW = 'source text, ""SFT-then-RL" is not a law"'
BELOW_RANDOM = 'source text, diagnostic "Base scores below random before any training"'
TRUST = 'source text, "Numbers that matter": a reward you trust'
DPO = "Rafailov et al. 2023, Direct Preference Optimization"
KTO = "Ethayarajh et al. 2024, KTO: Model Alignment as Prospect Theoretic Optimization"
ORPO = "Hong et al. 2024, ORPO: Monolithic Preference Optimization without Reference Model"
GRPO = "Shao et al. 2024, DeepSeekMath (GRPO); Liu et al. 2025, Understanding R1-Zero-Like Training"
RLOO = "Ahmadian et al. 2024, Back to Basics: REINFORCE Style Optimization for RLHF"
RFT = "Yuan et al. 2023, rejection sampling fine-tuning; Zelikman et al. 2022, STaR"
SATURATION = "the evo contract: saturation near 0 or 1 is a degenerate signal"
ROOT = "signal"


def _see_signal(facts: Facts) -> Seen | None:
    reads = facts.verifier_reads
    if facts.shape == "preference" and not facts.gold_answers:
        return Seen("pairs", "each row has a preferred and a rejected answer")
    if facts.shape == "preference" and not reads:
        return Seen("pairs", f"each row has a preferred and a rejected answer, {_unread(facts)}")
    if facts.shape == "labelled":
        return Seen("labels", "each answer has a yes or a no")
    if facts.shape == "trajectories":
        if reads:
            return Seen("verifiable", f"the verifier {facts.verifier} can score new answers too")
        return Seen("scored", "each answer comes with its reward")
    if reads:
        return Seen("verifiable", f"the verifier {facts.verifier} decides whether an answer is right")
    if facts.form is not None and facts.shape not in (None, "unknown", "text", "prompts", "preference"):
        return Seen("verifiable", f"the answers are of a form that a program can check ({facts.form})")
    if facts.shape in ("messages", "sharegpt", "prompt-completion", "alpaca", "question-answer"):
        return Seen("demonstrations", "the data shows what to answer, and nothing more")
    if facts.shape == "text":
        return Seen("text", "the data is text without prompts or answers")
    return None


def _unread(facts: Facts) -> str:
    if facts.verifier is None:
        return "and no verifier was named for the gold answers beside them"
    return f"and the verifier {facts.verifier} can't read the gold answers"


def _see_missing(facts: Facts) -> Seen | None:
    if facts.base_score is None:
        return None
    # Format before knowledge: a score of 0 with nothing parsed says nothing of what the model knows.
    if facts.base_parsed is not None and facts.base_parsed < 0.5:
        return Seen("format", f"of the base model's answers only {facts.base_parsed:.0%} could be parsed")
    if facts.random_score is not None and facts.base_items:
        high = wilson(facts.base_score * facts.base_items, facts.base_items)[1]
        if high < facts.random_score:
            return Seen(
                "knowledge",
                f"the base model scores {facts.base_score:.2f}, below random ({facts.random_score:.2f}), "
                "though its answers parse",
            )
    return None


def _see_base(facts: Facts) -> Seen | None:
    rate, how = facts.base_sampled, "of sampled answers"
    if rate is None and facts.passed is not None:
        rate, how = facts.passed, "of the scored answers"
    if rate is not None:
        value = "never" if rate < 0.005 else "nearly-always" if rate > 0.95 else "sometimes"
        return Seen(value, f"{rate:.0%} {how} pass")
    score = facts.base_score
    if score is None or score < 0.005:
        return None  # greedy 0 is no proof: sampled answers may pass
    if score > 0.95:
        return Seen("nearly-always", f"the base model already scores {score:.2f}")
    return Seen("sometimes", f"the base model scores {score:.2f}")


def _see_tools(facts: Facts) -> Seen | None:
    return Seen("tools", "the rows list tools that the answer may call") if facts.tools else None


def _see_demonstrations(facts: Facts) -> Seen | None:
    if facts.shape is None:
        return None
    if not facts.has_demonstrations:
        return Seen("no", "the data has no worked answers")
    if facts.written is not None and facts.written < 0.5:
        return Seen("no", f"only {facts.written:.0%} of the data's texts pass the verifier as they stand")
    return Seen("yes", "the data has worked answers")


def _see_start(facts: Facts) -> Seen | None:
    if facts.instruct is None:
        return None
    if facts.instruct:
        return Seen("tuned", "the model is an instruction-tuned one")
    return Seen("base", "the model is a bare base model")


def _see_room(facts: Facts) -> Seen | None:
    if not facts.lora:
        return None
    return Seen("yes", "with LoRA the reference is the same model with the adapter switched off")


def _see_sides(facts: Facts) -> Seen | None:
    if facts.labels_good is None:
        return None
    if facts.labels_good == 1.0:
        return Seen("good-only", "every label is a yes")
    if facts.labels_good == 0.0:
        return Seen("bad-only", "every label is a no")
    return Seen("both", f"{facts.labels_good:.0%} of the labels are a yes")


def _see_spread(facts: Facts) -> Seen | None:
    if facts.passed is None:
        return None
    if facts.passed < 0.005:
        return Seen("none", "nearly no scored answer passed")
    if facts.passed > 0.95:
        return Seen("all", f"{facts.passed:.0%} of the scored answers passed")
    return Seen("some", f"{facts.passed:.0%} of the scored answers passed")


def _see_checker(facts: Facts) -> Seen | None:
    if facts.verifier is not None and is_graded(facts.verifier):
        return Seen("no", f"the verifier {facts.verifier} only counts words in common with a reference")
    if facts.verifier_reads is False:
        return Seen("no", f"the verifier {facts.verifier} can't read this data's answers")
    return None


def _missing(branch: str, then: str) -> Node:
    """What the base model lacks: asked on every branch, because knowledge ends all of them alike."""
    return Node(
        f"missing/{branch}",
        "missing",
        "What does the base model lack?",
        "If it is knowledge, none of these techniques is the answer.",
        (
            Option("format", "the form: it knows, but doesn't answer in the wanted way", then, "it knows the answers"),
            Option("skill", "practice: it gets some right, not reliably", then, "it gets some right"),
            Option("behaviour", "tone or conduct: how it should respond", then, "its manner is what matters"),
            Option("knowledge", "facts: they aren't in it at all", "knowledge",
                   "the base model lacks the facts themselves (it scores below random though its answers parse)"),
        ),
        "skill",
        BELOW_RANDOM,
        _see_missing,
    )  # fmt: skip


def _prompting(branch: str, then: str) -> Node:
    return Node(
        f"prompting/{branch}",
        "prompting",
        "Would a better prompt do (clearer wording, a few examples, constrained decoding)?",
        "If it does, nothing needs to be trained.",
        (
            Option("untried", "not tried yet", then, "nobody tried a better prompt"),
            Option("not-enough", "tried, and not enough", then, "a better prompt was tried"),
            Option("enough", "yes, that does it", "prompt", "a better prompt already does it"),
        ),
        "untried",
        "a smaller step first: cheaper than any training, and undone in a second",
    )


NODES: tuple[Node, ...] = (
    Node(
        ROOT,
        "signal",
        "What says whether an answer is good?",
        "The reward's shape picks the technique.",
        (
            Option(
                "verifiable",
                "a program: exact match, unit tests, a parser",
                "missing/verifiable",
                "a program can decide whether an answer is right (name a verifier)",
            ),
            Option(
                "pairs",
                "pairs: a better and a worse answer to a prompt",
                "missing/pairs",
                "there are pairs of a chosen and a rejected answer",
            ),
            Option(
                "labels",
                "single answers marked good or bad",
                "missing/labels",
                "each answer has a yes or a no",
            ),
            Option(
                "scored", "answers that already carry a score", "spread", "the answers come with their reward"
            ),
            Option(
                "demonstrations",
                "nothing: there are only examples of good answers",
                "checker",
                "there are only texts that show what to answer",
            ),
            Option(
                "reward-model",
                "a model that was trained to judge",
                "missing/reward-model",
                "there is a learned reward model",
            ),
            Option("text", "nothing: there is only plain text", "missing/text", "there is only plain text"),
            Option(
                "nothing", "nothing yet", "nothing", "there are neither answers nor anything that judges them"
            ),
        ),
        "",
        TABLE,
        _see_signal,
    ),
    # Verifiable: RL with the verifier as the reward, format included.
    _missing("verifiable", "prompting/verifiable"),
    _prompting("verifiable", "base"),
    Node(
        "base",
        "base",
        "Sampled a few times at temperature 1, does the base model ever get one right?",
        "RL learns from the difference between answers: where all fail, or all pass, there is none.",
        (
            Option("never", "never", "demonstrations", "no sampled answer of the base model passes"),
            Option("sometimes", "now and then", "stability", "some sampled answers of the base model pass"),
            Option(
                "nearly-always",
                "nearly always",
                "ceiling",
                "nearly all sampled answers of the base model pass",
            ),
        ),
        "sometimes",
        SATURATION,
        _see_base,
    ),
    Node(
        "demonstrations",
        "demonstrations",
        "Are there worked answers in the form that the verifier wants (or could you write fifty)?",
        "A model that never scores needs a start before RL can help.",
        (
            Option("yes", "yes", "cold-start", "there are worked answers in the verifier's form"),
            Option("no", "no", "cold", "there are no worked answers in the verifier's form"),
        ),
        "no",
        SATURATION,
        _see_demonstrations,
    ),
    Node(
        "stability",
        "stability",
        "Do you want SFT's stability more than RL's reach?",
        "RFT samples, keeps what passes, and trains on that like SFT: steadier, and it learns from successes only.",
        (
            Option("no", "no: the highest score", "drift", "the score matters most"),
            Option("yes", "yes: a steady run", "rft", "SFT's stability is wanted"),
            Option("tools", "RFT alone shows tools while sampling", "rft-tools", "the prompts list tools"),
        ),
        "no",
        TABLE,
        _see_tools,
    ),
    Node(
        "drift",
        "drift",
        "Must the model stay close to the base (keep its other skills)?",
        "RLOO keeps a KL penalty by default (TRL: beta 0.05), GRPO none (0.0).",
        (
            Option("no", "no, the target is what counts", "grpo", "the target counts more than other skills"),
            Option("yes", "yes", "rloo", "the model's other skills must stay"),
        ),
        "no",
        RLOO,
    ),
    # Preference pairs: DPO, ORPO.
    _missing("pairs", "prompting/pairs"),
    _prompting("pairs", "start"),
    Node(
        "start",
        "start",
        "Has the model been instruction-tuned, or is it a bare base model?",
        "DPO sharpens a model that can already answer; ORPO teaches to answer and to prefer in one run.",
        (
            Option(
                "tuned", "instruction-tuned (or after an SFT run)", "room", "the model is instruction-tuned"
            ),
            Option("base", "a bare base model", "orpo-base", "the model is a bare base model"),
        ),
        "tuned",
        f"{DPO}; {ORPO}",
        _see_start,
    ),
    Node(
        "room",
        "room",
        "Does a second copy of the model (the reference) fit in memory?",
        "DPO and KTO compare with a reference model, ORPO doesn't; with LoRA the reference costs nothing.",
        (
            Option(
                "yes", "yes, or LoRA is used", "dpo", "there is memory for the reference, or LoRA is used"
            ),
            Option(
                "no", "no, and full weights are a must", "orpo-room", "there is no memory for the reference"
            ),
        ),
        "yes",
        ORPO,
        _see_room,
    ),
    # Single labels: KTO.
    _missing("labels", "prompting/labels"),
    _prompting("labels", "sides"),
    Node(
        "sides",
        "sides",
        "Are there both good and bad answers?",
        "KTO contrasts them; one kind alone has no contrast.",
        (
            Option("both", "both", "kto", "there are both good and bad answers"),
            Option("good-only", "only good ones", "sft-good", "there are only good answers"),
            Option("bad-only", "only bad ones", "bad-only", "there are only bad answers"),
        ),
        "both",
        KTO,
        _see_sides,
    ),
    # Scored trajectories: RFT.
    Node(
        "spread",
        "spread",
        "How many of the scored answers passed?",
        "RFT trains on those that passed: with none, or all, there is nothing to select.",
        (
            Option("some", "some did, some didn't", "missing/scored", "some answers passed and some didn't"),
            Option("none", "none", "none-passed", "no scored answer passed"),
            Option("all", "nearly all", "all-passed", "nearly all scored answers passed"),
        ),
        "some",
        SATURATION,
        _see_spread,
    ),
    _missing("scored", "prompting/scored"),
    _prompting("scored", "rft-scored"),
    # Demonstrations only: SFT, unless a program could judge after all.
    Node(
        "checker",
        "verifier",
        "Could a program decide whether a new answer is right?",
        "A reward that can be checked beats imitation: then RL fits, not SFT.",
        (
            Option("no", "no", "missing/demonstrations", "nothing can check a new answer"),
            Option("yes", "yes", "missing/verifiable", "a program can check new answers"),
        ),
        "no",
        TRUST,
        _see_checker,
    ),
    _missing("demonstrations", "prompting/demonstrations"),
    _prompting("demonstrations", "sft"),
    _missing("reward-model", "prompting/reward-model"),
    _prompting("reward-model", "reward-model"),
    _missing("text", "sft-text"),
)
