"""Generate, verify, count: what the mini-eval and the held-out pass have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import Recipe
from cockpit.verifiers import Verdict
from trainers.data.prompts import prompt_text
from trainers.data.rows import Item
from trainers.loop.signals import StopFlag
from trainers.scoring.engine import Engine


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


def score_items(
    engine: Engine,
    load: Callable[[], Any],
    tokenizer: Any,
    items: list[Item],
    verifier: Any,
    recipe: Recipe,
    *,
    weights: Path | None,
    step: int,
    split: str,
    stop: StopFlag | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scored:
    """Answer every item and judge the answers. Raises Stopped when asked to stop between batches.

    The weights of the folder `weights` (None: the base) are scored; `load` gives a model that holds them. A reward
    model is scored on pairs instead (see `slices`).
    """
    if recipe.technique == "reward":
        from trainers.scoring.pair_scoring import score_pairs

        pairs: list[Any] = items
        return score_pairs(
            load(), tokenizer, pairs, recipe, step=step, split=split, stop=stop, progress=progress
        )
    prompts = [prompt_text(tokenizer, item.prompt, recipe, item.tools) for item in items]
    completions = engine.answer(
        load,
        tokenizer,
        prompts,
        recipe.generation,
        weights=weights,
        step=step,
        seed=recipe.seed,
        progress=progress,
    )
    rows: list[dict[str, Any]] = []
    verdicts = verifier.many([(c.text, item.row) for c, item in zip(completions, items, strict=True)])
    for item, prompt, completion, verdict in zip(items, prompts, completions, verdicts, strict=True):
        row = judged(verifier, item, completion.text, verdict)
        rows.append(
            {"item": item.id, "split": split, "step": step, "prompt": prompt}
            | row
            | {"tokens": completion.tokens, "truncated": completion.truncated}
        )
    count = max(len(rows), 1)
    return Scored(
        score=sum(row["score"] for row in rows) / count,
        passed=sum(row["passed"] for row in rows),
        parsed=sum(row["parsed"] is not None for row in rows),
        n=len(rows),
        truncated=sum(row["truncated"] for row in rows),
        rows=rows,
        engine=engine.last,
    )


def judged(verifier: Any, item: Item, completion: str, known: Verdict | None = None) -> dict[str, Any]:
    """The verifier's view of one completion, in the words of the samples' rows; `known`: its verdict, asked before."""
    verdict: Verdict = known or verifier(completion, item.row)
    return {
        "completion": completion,
        "answer": item.answer,
        "parsed": (verdict.answer or "") if verdict.parsed else None,
        "score": float(verdict.score),
        "passed": bool(verdict.score >= 1.0),
        "why": verdict.why,
    }
