"""Which techniques are variants of one, and which are structurally different.

Two techniques differ structurally where they learn from another kind of signal; that is what the rows of the source's
table "Pick the technique by reward shape" are: a verifier's reward on the policy's own samples (GRPO, RLOO, PPO),
preferences (DPO, KTO, ORPO), demonstrations (SFT), survivors of a filter (RFT). How the same signal becomes a gradient
(a baseline per group or leave-one-out, a clipped ratio or none), and LoRA, ranks, seeds or repeats, are variants: a
fourth of those tells nothing new about the target.
"""

from __future__ import annotations

import re

# Family -> names that stand for it as a word of a technique's name. Earlier families win where a name holds words of
# several (`rejection-sampling-sft` is RFT); a chain of stages counts as its last one (`sft-then-grpo` is RL).
_PHRASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("rft", re.compile(r"reject(?:ion|ive)|best[ _-]?of[ _-]?n|expert[ _-]?iteration|self[ _-]?train")),
    ("pretraining", re.compile(r"continued?[ _-]?(?:pre)?[ _-]?train|domain[ _-]?adapt")),
    ("distillation", re.compile(r"distil")),
)
_WORDS: dict[str, str] = {
    **dict.fromkeys(("sft", "lora", "qlora", "dora", "finetune", "instruct", "neftune", "demonstrations"), "sft"),
    **dict.fromkeys(("grpo", "rloo", "ppo", "reinforce", "dapo", "gspo", "rl", "rlvr", "rlhf", "cispo", "vapo"), "rl"),
    **dict.fromkeys(("dpo", "kto", "orpo", "ipo", "simpo", "cpo", "apo", "bco", "slic", "xpo"), "preferences"),
    **dict.fromkeys(("rft", "raft", "star", "rest", "bon"), "rft"),
    **dict.fromkeys(("cpt", "pretraining"), "pretraining"),
    **dict.fromkeys(("gkd", "minillm"), "distillation"),
}  # fmt: skip
_SETTINGS = {"lora", "qlora", "dora"}
_UNTRAINED = {
    "",
    "baseline",
    "base",
    "none",
    "untrained",
    "eval",
    "root",
    "prompt",
    "harness",
    "rag",
    "few-shot",
}
_NOISE = re.compile(r"^(?:v?\d+|r\d+|lr.*|seed\d*|full|lora|qlora|dora|again|rerun|retry|run\d*|try\d*)$")

SHOWN = {
    "sft": "demonstrations (SFT)",
    "rl": "reinforcement learning (GRPO, RLOO, PPO)",
    "preferences": "preferences (DPO, KTO, ORPO)",
    "rft": "filtered samples (RFT)",
    "pretraining": "continued pre-training",
    "distillation": "distillation",
}


def untrained(technique: str) -> bool:
    """Say whether the name stands for no training at all: a baseline, or a change of the harness."""
    return technique.strip().casefold() in _UNTRAINED


def family(technique: str) -> str:
    """Return the family of a technique's name, whatever its case, suffixes and numbers.

    `SFT-LoRA-r64` is `sft`, `dr_grpo_v2` is `rl`. A name that none knows is a family of its own, less its numbers.
    """
    name = technique.strip().casefold()
    for found, pattern in _PHRASES:
        if pattern.search(name):
            return found
    words = [word for word in re.split(r"[^a-z0-9]+", name) if word]
    known = [_WORDS[word] for word in words if word in _WORDS and word not in _SETTINGS]
    if known:
        return known[-1]
    kept = [word for word in words if not _NOISE.match(word)]
    if not kept and any(word in _SETTINGS for word in words):
        return "sft"  # "lora" alone: people mean SFT by it
    return "-".join(kept) or name
