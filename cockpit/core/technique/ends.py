"""Where the decision tree ends: the technique, the ranking of the others, and the comfortable choice."""

from __future__ import annotations

from cockpit.core.technique.nodes import End, Rank
from cockpit.core.technique.tree import (
    BELOW_RANDOM,
    DPO,
    GRPO,
    KTO,
    NOT_A_LAW,
    ORPO,
    RFT,
    RLOO,
    SATURATION,
    TABLE,
    TRUST,
)

_PPO = (
    "needs a value model and, in TRL, a reward model instead of a Python verifier; unmaintained upstream (gone "
    "from TRL after 1.12.0). GRPO and RLOO give the same without either"
)
_GRPO = "samples a group of answers to each prompt and learns from which of them pass; no value model"
_RLOO = (
    "the same signal against a leave-one-out average, without dividing by the group's spread; "
    "keeps a KL penalty by default"
)
_RFT = "samples, keeps what passes, trains on it like SFT: steadier, but learns from successes only"
_IMITATES = (
    "SFT learns to imitate: its loss can look healthy while the verifier can read nothing that the model says"
)
_OWN_PAIRS = "passing and failing samples could be paired, but they go stale as soon as the model moves"
_NO_TOOLS = "TRL's sampler leaves the rows' tools out of the prompt, so that such a run is refused"
_NO_BASE_SFT = "it always trains, and it leaves the reward that you can check unused"

_RL_RANKS = (
    Rank("rft", "good", _RFT),
    Rank("ppo", "possible", _PPO),
    Rank("sft", "possible", _IMITATES),
    Rank("dpo", "poor", _OWN_PAIRS),
    Rank("kto", "poor", _OWN_PAIRS),
    Rank("orpo", "poor", _OWN_PAIRS),
)

ENDS: tuple[End, ...] = (
    End(
        "grpo",
        "grpo",
        "A program can check the answers, so the verifier is the reward, format included: the model learns to "
        "emit what the verifier accepts.",
        f"{TABLE}; {GRPO}",
        (Rank("grpo", "best", _GRPO), Rank("rloo", "good", _RLOO), *_RL_RANKS),
        comfortable=("sft", _NO_BASE_SFT),
    ),
    End(
        "rloo",
        "rloo",
        "A program can check the answers, and the model must stay close to the base: RLOO keeps a KL penalty.",
        f"{TABLE}; {RLOO}",
        (
            Rank("rloo", "best", _RLOO),
            Rank("grpo", "good", f"{_GRPO}; set beta above 0 to stay close to the base"),
            *_RL_RANKS,
        ),
        comfortable=("sft", _NO_BASE_SFT),
    ),
    End(
        "rft",
        "rft",
        "There is a scorer, and SFT's stability is wanted: sample, filter by the reward, train on the survivors.",
        f"{TABLE}; {RFT}",
        (
            Rank("rft", "best", _RFT),
            Rank("grpo", "good", f"{_GRPO}; reaches further, and can collapse"),
            Rank("rloo", "good", _RLOO),
            Rank("ppo", "possible", _PPO),
            Rank("sft", "possible", _IMITATES),
            Rank("dpo", "poor", _OWN_PAIRS),
            Rank("kto", "poor", _OWN_PAIRS),
            Rank("orpo", "poor", _OWN_PAIRS),
        ),
        comfortable=("sft", "on unfiltered texts it trains on the failures as well"),
    ),
    End(
        "rft-tools",
        "rft",
        "A program can check the calls, and of what samples its own answers RFT alone shows the model the tools that "
        "the rows list.",
        f"{TABLE}; {RFT}",
        (
            Rank("rft", "best", _RFT),
            Rank(
                "sft",
                "good",
                f"it shows the tools too, and is the start where no call passes yet. {_IMITATES}",
            ),
            *(Rank(name, "impossible", _NO_TOOLS) for name in ("grpo", "rloo", "ppo")),
            Rank("dpo", "poor", _OWN_PAIRS),
            Rank("kto", "poor", _OWN_PAIRS),
            Rank("orpo", "poor", _OWN_PAIRS),
        ),
        comfortable=("sft", _NO_BASE_SFT),
    ),
    End(
        "cold-start",
        "sft",
        "No answer of the base model ever passes, so RL has nothing to learn from yet: a short SFT on worked answers "
        "in the verifier's form, until some pass; then RL from there.",
        SATURATION,
        (
            Rank("sft", "best", "a short run that makes the first answers pass; not the end of the road"),
            Rank(
                "grpo",
                "poor",
                "every group would score 0: no advantage, no gradient. Next, once some answers pass",
            ),
            Rank("rloo", "poor", "every answer would score 0. Next, once some pass"),
            Rank("rft", "poor", "nothing would survive the filter. Next, once some pass"),
            Rank("ppo", "poor", _PPO),
        ),
        comfortable=("grpo", "it matches the reward, but with all rewards at 0 it can't move"),
    ),
    End(
        "cold",
        None,
        "No answer of the base model ever passes, and nothing shows it how: no technique has a signal here.",
        SATURATION,
        (
            Rank("sft", "poor", "needs worked answers in the verifier's form: fifty would be a start"),
            Rank("grpo", "poor", "every group would score 0: no advantage, no gradient"),
            Rank("rloo", "poor", "every answer would score 0"),
            Rank("rft", "poor", "nothing would survive the filter"),
            Rank("ppo", "poor", _PPO),
        ),
        (
            "look whether anything parsed at all: it may be the prompt or the form, not the task",
            "start with easier items, of which some pass",
            "worked answers of a stronger model (distillation), then a short SFT, then RL",
            "a larger base model",
        ),
        ("sft", "on texts in another form the loss falls and the score stays 0"),
    ),
    End(
        "ceiling",
        None,
        "The base model already solves nearly everything: there is no room to gain, and no signal.",
        SATURATION,
        (
            Rank("grpo", "poor", "nearly every group passes whole: no advantage, no gradient"),
            Rank("rloo", "poor", "nearly every answer passes"),
            Rank("rft", "poor", "nearly everything survives: it would train on what the model says anyway"),
            Rank("sft", "poor", "can only lose"),
            Rank("ppo", "poor", _PPO),
        ),
        ("harder items", "another target", "a smaller model, if cost is the point"),
    ),
    End(
        "knowledge",
        None,
        "The model lacks the knowledge, not the form. Post-training shapes what is there; it installs nothing new.",
        BELOW_RANDOM,
        (
            Rank("sft", "poor", "teaches to sound as if it knew"),
            Rank("grpo", "poor", "can't reward what is never said"),
            Rank("rloo", "poor", "can't reward what is never said"),
            Rank("rft", "poor", "nothing right would survive the filter"),
            Rank("dpo", "poor", "prefers among answers, adds none"),
            Rank("kto", "poor", "prefers among answers, adds none"),
            Rank("orpo", "poor", "prefers among answers, adds none"),
            Rank("ppo", "poor", _PPO),
        ),
        (
            "continued pre-training on a corpus of the domain",
            "distillation from a stronger model that has the knowledge",
            "retrieval at inference time",
        ),
        ("sft", "question-answer pairs look like teaching; what they teach is guessing in the right tone"),
    ),
    End(
        "prompt",
        None,
        "A better prompt already does it: keep it, and train nothing.",
        "a smaller step first: cheaper than any training, and undone in a second",
        instead=(
            "put the prompt into the system prompt of the workspace, and score it as the baseline",
            "a few examples in the prompt",
            "constrained decoding (a grammar or JSON schema) where it is the form alone",
        ),
        comfortable=("sft", "training what a prompt can do costs time and other skills"),
    ),
    End(
        "dpo",
        "dpo",
        "There are preference pairs: DPO learns from them directly, without rollouts and without a reward model.",
        f"{TABLE}; {DPO}",
        (
            Rank("dpo", "best", "made for pairs; the reference model costs nothing with LoRA"),
            Rank(
                "orpo", "good", "one run without a reference model; weaker where the model is tuned already"
            ),
            Rank("kto", "good", "each pair taken as two labels; sturdier where the pairs are noisy"),
            Rank("sft", "possible", "on the chosen answers alone: never learns what to avoid"),
            Rank("ppo", "possible", f"with a reward model trained on the pairs first; {_PPO}"),
            Rank(
                "grpo",
                "possible",
                "with a reward model trained on the pairs, which it then learns to exploit",
            ),
            Rank(
                "rloo",
                "possible",
                "with a reward model trained on the pairs, which it then learns to exploit",
            ),
            Rank("rft", "possible", "with a reward model trained on the pairs as the filter"),
        ),
        comfortable=("sft", "on the chosen answers alone it never learns what to avoid"),
    ),
    End(
        "orpo-base",
        "orpo",
        "There are preference pairs and a bare base model: ORPO teaches to answer and to prefer in one run, without a "
        "reference model.",
        f"{TABLE}; {ORPO}",
        (
            Rank("orpo", "best", "SFT and preference in one loss; no reference model"),
            Rank("dpo", "good", "after a short SFT on the chosen answers"),
            Rank("kto", "good", "can do without SFT first (its paper); each pair taken as two labels"),
            Rank("sft", "possible", "on the chosen answers alone: a first half"),
        ),
        comfortable=("dpo", "on a model that can't answer yet it sharpens nothing"),
    ),
    End(
        "orpo-room",
        "orpo",
        "There are preference pairs, and no memory for a reference model: ORPO needs none.",
        f"{TABLE}; {ORPO}",
        (
            Rank("orpo", "best", "no reference model: a third to a half of the weights' memory less"),
            Rank("dpo", "good", "with LoRA, or with the reference's log-probabilities computed beforehand"),
            Rank("kto", "possible", "needs the reference too; with LoRA it costs nothing"),
            Rank("sft", "possible", "on the chosen answers alone: never learns what to avoid"),
        ),
        comfortable=("dpo", "it would run out of memory"),
    ),
    End(
        "kto",
        "kto",
        "There are single answers marked good or bad: KTO learns from these as they are, without pairs.",
        f"{TABLE}; {KTO}",
        (
            Rank("kto", "best", "made for single labels; takes uneven numbers of each"),
            Rank("sft", "possible", "on the good answers alone: never learns what to avoid"),
            Rank("dpo", "possible", "only for prompts that have both a good and a bad answer"),
            Rank("orpo", "possible", "only for prompts that have both a good and a bad answer"),
            Rank("rft", "possible", "on the good answers, which is SFT by another name"),
        ),
        comfortable=("sft", "on the good answers alone it never learns what to avoid"),
    ),
    End(
        "sft-good",
        "sft",
        "All answers are good ones: without bad ones there is no contrast, and what is left is demonstrations.",
        f"{TABLE}; {KTO}",
        (
            Rank("sft", "best", "good answers are demonstrations"),
            Rank("kto", "poor", "without bad answers there is no contrast"),
        ),
        comfortable=("kto", "the label column invites it, but it never changes"),
    ),
    End(
        "bad-only",
        None,
        "All answers are bad ones: a model can't be taught by them alone what to do.",
        KTO,
        (Rank("kto", "poor", "without good answers it only unlearns"),),
        (
            "collect good answers to the same prompts",
            "a program that can check answers would make RL possible",
        ),
    ),
    End(
        "rft-scored",
        "rft",
        "The answers carry their rewards: keep those that passed and train on them like SFT.",
        f"{TABLE}; {RFT}",
        (
            Rank("rft", "best", "filter by the reward, SFT on the survivors"),
            Rank(
                "grpo",
                "possible",
                "needs a verifier that scores new answers: RL trains on the current policy's own",
            ),
            Rank("rloo", "possible", "needs a verifier that scores new answers"),
            Rank("kto", "possible", "passed and failed taken as labels"),
            Rank("dpo", "possible", "passed against failed within a group, where a group has both"),
            Rank("orpo", "possible", "passed against failed within a group, where a group has both"),
            Rank("sft", "poor", "without the filter it trains on the failures as well"),
            Rank("ppo", "poor", _PPO),
        ),
        comfortable=("sft", "without the filter it trains on the failures as well"),
    ),
    End(
        "none-passed",
        None,
        "No scored answer passed: nothing would survive the filter.",
        SATURATION,
        (
            Rank("rft", "poor", "nothing would survive the filter"),
            Rank("sft", "poor", "would train on failures"),
            Rank("grpo", "poor", "every group scores 0: no advantage"),
        ),
        ("easier prompts, of which some pass", "more samples a prompt", "worked answers of a stronger model"),
        ("sft", "it would train on failures"),
    ),
    End(
        "all-passed",
        "sft",
        "Nearly every scored answer passed: the filter selects nothing, and RFT is SFT on the whole.",
        SATURATION,
        (
            Rank("sft", "best", "all of these are good answers"),
            Rank("rft", "possible", "the same, with a filter that removes nearly nothing"),
            Rank("grpo", "poor", "groups that pass whole give no advantage: harder prompts first"),
            Rank("rloo", "poor", "answers that all pass give no advantage: harder prompts first"),
        ),
        comfortable=("rft", "the filter would remove nearly nothing: widen the difficulty first"),
    ),
    End(
        "sft",
        "sft",
        "There are only demonstrations: SFT installs the format, tone or capability that they show.",
        TABLE,
        (
            Rank("sft", "best", "made for demonstrations"),
            Rank("rft", "possible", "once something can score an answer"),
            Rank("grpo", "possible", "once a program can check an answer: then it is the better choice"),
            Rank("rloo", "possible", "once a program can check an answer"),
            Rank(
                "dpo",
                "possible",
                "with the base model's own answers as rejected ones; a guess, not a preference",
            ),
        ),
    ),
    End(
        "sft-text",
        "sft",
        "Plain text has neither prompts nor a reward: the SFT trainer goes on with pre-training on it, every token "
        "trained on. It gives style and domain language; facts need far more text.",
        BELOW_RANDOM,
        (Rank("sft", "best", "as continued pre-training: full weights rather than LoRA for a large corpus"),),
    ),
    End(
        "reward-model",
        "grpo",
        "A learned reward can drive RL; it gets hacked, so watch a held-out score that it can't see.",
        f"{TRUST}; {GRPO}",
        (
            Rank("grpo", "best", f"{_GRPO}; the reward model scores them"),
            Rank("rloo", "good", _RLOO),
            Rank("rft", "good", "best-of-n by the reward model: steadier, harder to hack"),
            Rank(
                "dpo",
                "good",
                "on the pairs that the reward model was trained on: no rollouts, no reward to hack",
            ),
            Rank("ppo", "possible", "the classic; " + _PPO),
            Rank("kto", "possible", "with the reward model's verdicts as labels"),
            Rank("orpo", "possible", "on the pairs that the reward model was trained on"),
            Rank("sft", "possible", "learns nothing from the reward model"),
        ),
        comfortable=("ppo", "the textbook's choice, unmaintained upstream since TRL 1.12"),
    ),
    End(
        "nothing",
        None,
        "Nothing says what a good answer is: decide on the reward first, the technique second.",
        f"{TABLE}; {NOT_A_LAW}",
        instead=(
            "a program that checks answers (exact match, unit tests, a parser) is worth the most",
            "or a few hundred preferences: which of two answers is better",
            "or demonstrations: what the model should have said",
        ),
    ),
)
