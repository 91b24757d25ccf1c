"""A research brief from the workspace, the questions to search with, and the hits ranked by what they share with it.

Source text, "Research the literature before the first commit": once before the first experiment, and again when the
same score comes back across distinct techniques. A paper that shows a technique at work on this model family and a
similar benchmark beats the decision table taken cold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_SIZE = re.compile(r"^\d+(?:\.\d+)?[bmk]$", re.IGNORECASE)
_NOISE = frozenset(
    {
        "instruct",
        "chat",
        "base",
        "it",
        "hf",
        "the",
        "a",
        "of",
        "on",
        "for",
        "and",
        "with",
        "to",
        "in",
        "train",
        "test",
        "data",
    }
)
_WORD = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
PHRASES = {
    "grpo": "GRPO reinforcement learning verifiable reward",
    "rloo": "RLOO REINFORCE leave-one-out",
    "ppo": "PPO RLHF",
    "rft": "rejection sampling fine-tuning",
    "sft": "supervised fine-tuning small data",
    "dpo": "direct preference optimization",
    "kto": "KTO prospect theoretic optimization",
    "orpo": "ORPO odds ratio preference optimization",
}


@dataclass(frozen=True, slots=True)
class Brief:
    """What is asked of the literature."""

    model_family: str
    benchmark: str
    objective: str
    constraints: tuple[str, ...] = ()
    technique: str = ""

    def text(self) -> str:
        """The brief to copy into any assistant or browser."""
        rules = "; ".join(self.constraints) or "none named"
        return "\n".join(
            [
                "Find recent papers, blog posts and open recipes (arXiv, Hugging Face papers and Hub, GitHub) on this:",
                f"  model family: {self.model_family}",
                f"  benchmark: {self.benchmark}",
                f"  objective: {self.objective}",
                f"  constraints: {rules}",
                "Rank them by how close model and benchmark are. For each: what was trained with which technique, from "
                "which base, the learning rate, KL and group size, the score before and after, and the link. Say where "
                f"one contradicts {self.technique.upper() or 'the obvious technique'}, e.g. RL from the base against "
                "SFT first.",
            ]
        )

    def queries(self) -> tuple[str, ...]:
        """What to search for, the closest first."""
        phrase = PHRASES.get(self.technique, "fine-tuning")
        benchmark = " ".join(_terms(self.benchmark)[:4])
        family = " ".join(_terms(self.model_family)[:2])
        asked = (
            f"{phrase} {benchmark}",
            f"{family} {phrase}",
            f"{benchmark} fine-tuning small language model",
        )
        return tuple(dict.fromkeys(" ".join(q.split()) for q in asked))

    def terms(self) -> frozenset[str]:
        """Words that tell a close paper from a far one."""
        said = (
            self.model_family,
            self.benchmark,
            PHRASES.get(self.technique, ""),
            self.technique,
            self.objective,
        )
        return frozenset(word for text in said for word in _terms(text))


def _terms(text: str) -> list[str]:
    words = _WORD.findall(text.lower().replace("_", " ").replace("-", " ").replace("/", " "))
    return [w for w in words if w not in _NOISE and len(w) > 1 and not _SIZE.match(w)]


def family_of(model: str) -> str:
    """The name by which papers know a model: `Qwen/Qwen3-4B-Base` -> `Qwen3-4B-Base`."""
    return model.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Hit:
    """One paper: where it was found, its link, and how well it matches (0..1)."""

    title: str
    url: str
    where: str
    published: str = ""
    summary: str = ""
    votes: int = 0
    match: float = 0.0


def rank(hits: Sequence[Hit], brief: Brief, limit: int = 12) -> list[Hit]:
    """The hits that share most with the brief, each once; a title's words count twice, votes and youth break ties."""
    terms = brief.terms()
    kept: dict[str, Hit] = {}
    for hit in hits:
        key = _key(hit)
        if key not in kept or hit.votes > kept[key].votes:
            kept[key] = replace(hit, match=_match(hit, terms))
    return sorted(kept.values(), key=lambda h: (h.match, h.votes, h.published), reverse=True)[:limit]


def _key(hit: Hit) -> str:
    paper = re.search(r"(\d{4}\.\d{4,5})", hit.url)
    return paper[1] if paper else " ".join(_terms(hit.title))


def _match(hit: Hit, terms: frozenset[str]) -> float:
    if not terms:
        return 0.0
    title, body = set(_terms(hit.title)), set(_terms(hit.summary))
    return min(1.0, (2 * len(terms & title) + len(terms & body)) / (2 * len(terms)))
