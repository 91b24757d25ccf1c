"""Answer, judge, count: the scoring that mid-evals and the held-out pass share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cockpit import verifiers
from cockpit.data.images.refs import name_of
from cockpit.verifiers import Verdict
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.attempt.signals import StopFlag
from trainers.data.items import Item, eval_items, refuse_unseen
from trainers.data.prompts import prompt_text
from trainers.model.generate import Eye, generate
from trainers.scoring.engine import Engine, Load, Progress

Slice = Literal["mini_eval", "held_out"]


@dataclass(frozen=True)
class Scored:
    """`score`: mean verdict, 0..1; `passed`, `parsed`: items; `rows`: one dict an item, as in samples/; `engine`: what
    gave the answers, `transformers` or `vllm`.
    """

    score: float
    passed: int
    parsed: int
    n: int
    truncated: int
    rows: list[dict[str, Any]]
    engine: str = "transformers"


@blame("data")
def load_slice(attempt: Attempt, which: Slice) -> tuple[list[Item], Any]:
    """Return the items of a slice and their verifier. Raises CockpitError."""
    data = attempt.recipe.data
    path, name = {
        "mini_eval": (data.mini_eval, "mini-eval"),
        "held_out": (data.held_out, "held-out set"),
    }[which]
    items = eval_items(path, data.columns, name=name)
    refuse_unseen(enumerate(items, 1), attempt.recipe, path)
    return items, verifiers.load(attempt.recipe.verifier)


def engine_of(attempt: Attempt) -> Engine:
    """Return what answers this run's evaluations: transformers, or a vLLM server where the recipe says so."""
    if attempt.recipe.mid_eval.engine != "vllm":
        return Engine(attempt)
    from trainers.scoring.served_engine import ServedEngine

    return ServedEngine(attempt)


def scorer_of(attempt: Attempt, tokenizer: Any, which: Slice = "mini_eval") -> Scorer:
    """Return the scorer of a slice. Raises CockpitError."""
    items, verifier = load_slice(attempt, which)
    return Scorer(attempt, tokenizer, items, verifier, engine_of(attempt))


class Scorer:
    """Scores a model on the same items again and again: an engine answers, the verifier judges."""

    def __init__(
        self, attempt: Attempt, tokenizer: Any, items: list[Item], verifier: Any, engine: Engine
    ) -> None:
        self.attempt = attempt
        self.tokenizer = tokenizer
        self.items = items
        self.verifier = verifier
        self.engine = engine
        self.eye: Eye | None = None
        if any(item.images for item in items):
            self.eye = eye_of(attempt, tokenizer, [item.images for item in items])

    @property
    def n(self) -> int:
        """Return how many items there are."""
        return len(self.items)

    @property
    def judge_name(self) -> str:
        """Return what score.json calls the judge: the recipe's own word for its verifier."""
        return self.attempt.recipe.verifier

    def score(
        self, load: Load, *, weights: Path | None, step: int, split: str, progress: Progress | None = None
    ) -> Scored:
        """Answer every item and judge the answers. Raises Stopped when asked to stop between batches.

        The weights of the folder `weights` (None: the base) are scored; `load` gives a model that holds them.
        """
        prompts = self._prompts()
        completions = self.engine.answer(
            load, self.tokenizer, prompts, weights=weights, step=step, progress=progress, eye=self.eye
        )
        verdicts = self.verifier.after(prompts[0] if prompts else "").many(
            [(c.text, item.row) for c, item in zip(completions, self.items, strict=True)]
        )
        rows = [
            {"item": item.id, "split": split, "step": step, "prompt": prompt}
            | judged(self.verifier, item, completion.text, verdict)
            | {"tokens": completion.tokens, "truncated": completion.truncated}
            | ({"images": [name_of(ref) for ref in item.images]} if item.images else {})
            for item, prompt, completion, verdict in zip(
                self.items, prompts, completions, verdicts, strict=True
            )
        ]
        return total(rows, self.engine.last)

    def ask(self, model: Any, stop: StopFlag) -> None:
        """Generate what `score` generates and drop it: a model that is spread over processes needs all of them."""
        recipe = self.attempt.recipe
        generate(
            model,
            self.tokenizer,
            self._prompts(),
            recipe.generation,
            seed=recipe.seed,
            synced=True,
            stop=stop,
            eye=self.eye,
        )

    def _prompts(self) -> list[str]:
        recipe = self.attempt.recipe
        return [prompt_text(self.tokenizer, item.prompt, recipe, item.tools) for item in self.items]


def eye_of(attempt: Attempt, tokenizer: Any, images: list[list[str]]) -> Eye:
    """What shows the model these images, one list a prompt."""
    from trainers.model.vision import load_processor

    return Eye(load_processor(attempt.recipe, tokenizer), images)


def judged(verifier: Any, item: Item, completion: str, known: Verdict | None = None) -> dict[str, Any]:
    """Return the verifier's view of one completion, in the words of the samples' rows; `known`: its verdict."""
    verdict: Verdict = known or verifier(completion, item.row)
    return {
        "completion": completion,
        "answer": item.answer,
        "parsed": (verdict.answer or "") if verdict.parsed else None,
        "score": float(verdict.score),
        "passed": bool(verdict.score >= 1.0),
        "why": verdict.why,
    }


def total(rows: list[dict[str, Any]], engine: str = "transformers") -> Scored:
    """Return the score of judged rows."""
    return Scored(
        score=sum(row["score"] for row in rows) / max(1, len(rows)),
        passed=sum(row["passed"] for row in rows),
        parsed=sum(row["parsed"] is not None for row in rows),
        n=len(rows),
        truncated=sum(row["truncated"] for row in rows),
        rows=rows,
        engine=engine,
    )
