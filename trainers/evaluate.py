"""Score a model on the whole held-out set, from disk, in an interpreter of its own.

    python -m trainers.evaluate ATTEMPT_DIR                          # the best checkpoint; a baseline: the base model
    python -m trainers.evaluate ATTEMPT_DIR --checkpoint step_000120 # another one, or any folder
    python -m trainers.evaluate ATTEMPT_DIR --checkpoint FOLDER --gguf FILE  # the same, answered by llama.cpp
    python -m trainers.evaluate ATTEMPT_DIR --samples 8 --temperature 0.8   # 8 answers an item, into sampled/

Batched, greedy by default (`generation` of the recipe). Leaves held_out/items.jsonl and held_out/score.json, and
result.json; for a baseline also mini_eval/, the same for the mini-eval's items. Sampled answers lie beside the score
that counts and change nothing of it. A trainer that has ended well turns itself into this program (--after-training).
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError, Recipe
from cockpit.contract.atomic import read_json
from cockpit.contract.bounded.checkpoint import step_of
from cockpit.contract.reader import weights_key
from trainers.attempt import imports
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending, explain
from trainers.attempt.printing import never_stop
from trainers.attempt.signals import StopFlag
from trainers.loop.frame import log_error, open_attempt, orchestrator_of, report, say_walls, start_tracker
from trainers.report import summary

_SEEDS_APART = 1_000_003  # a server counts its requests up from the seed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainers.evaluate")
    parser.add_argument("attempt_dir", type=Path)
    parser.add_argument(
        "--checkpoint", default=None, help="a step's name, `base`, or a folder; default: the best one"
    )
    parser.add_argument("--samples", type=int, default=1, help="answers an item, for pass@k")
    parser.add_argument("--temperature", type=float, default=None, help="how they are sampled")
    parser.add_argument(
        "--sealed", default=None, metavar="FILE", help="score this file instead, into sealed/"
    )
    parser.add_argument(
        "--gguf", type=Path, default=None, metavar="FILE", help="let llama.cpp answer from this file"
    )
    parser.add_argument("--after-training", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    never_stop()
    root = args.attempt_dir.resolve()
    stop = StopFlag()
    stop.listen()
    out = AttemptWriter(root)
    attempt: Attempt | None = None
    try:
        attempt = open_attempt(root, "evaluate", out, stop)
        if not args.after_training:
            start_tracker(attempt)
            say_walls(attempt)
        announce = not args.after_training
        asked = Asked(args.checkpoint, args.samples, args.temperature, args.sealed, args.gguf)
        evaluate(attempt, asked, announce=announce)
        ending = ending_of_training(attempt)
    except BaseException as error:  # noqa: BLE001 - reported as the end, like in every trainer
        ending = explain(error, stop, attempt.recipe if attempt else None)
        log_error(error)
    return report(out, ending, orchestrator_of(AttemptLayout(root), os.environ))


@dataclass(frozen=True)
class Asked:
    """What is scored, and how: a checkpoint (None: the best one), answers an item, another file of items, by llama.cpp
    from a file of its own.
    """

    checkpoint: str | None = None
    samples: int = 1
    temperature: float | None = None
    sealed: str | None = None
    gguf: Path | None = None

    def of(self, recipe: Recipe) -> Recipe:
        """Return the recipe as this pass reads it."""
        if self.temperature is not None:
            generation = recipe.generation.model_copy(update={"temperature": self.temperature})
            recipe = recipe.model_copy(update={"generation": generation})
        if self.sealed is not None:
            data = recipe.data.model_copy(update={"held_out": self.sealed, "held_out_hash": None})
            recipe = recipe.model_copy(update={"data": data})
        return recipe

    def folder(self, layout: AttemptLayout) -> Path:
        """Return where the pass is written; only the first of these is the score that counts."""
        return layout.sealed if self.sealed else layout.sampled if self.samples > 1 else layout.held_out


def evaluate(attempt: Attempt, asked: Asked, *, announce: bool) -> None:
    """Load, answer, judge, write. Raises what goes wrong; CockpitError for what a user can put right."""
    attempt.recipe = asked.of(attempt.recipe)
    folder = asked.folder(attempt.layout)
    recipe, layout = attempt.recipe, attempt.layout
    pairs = recipe.technique == "reward"
    held_out, verifier = load_any(attempt, "held_out")
    mini, _ = load_any(attempt, "mini_eval")
    place = choose_checkpoint(attempt, asked.checkpoint)
    if announce:
        attempt.stage("importing")
    imports.hold()
    from transformers import AutoModelForCausalLM  # noqa: F401 - the slow part, while the stage says so

    from trainers.model import loading
    from trainers.scoring.scoring import Scorer, engine_of

    attempt.stage("loading", str(place or recipe.model.name_or_path))
    weights = str(place) if place else None
    tokenizer = loading.load_tokenizer(recipe, weights)

    @functools.cache
    def load() -> Any:
        """The model, once it is needed: a server may answer instead."""
        if pairs:
            return loading.load_scorer(recipe, tokenizer, training=False, checkpoint=weights)
        return loading.load_model(recipe, training=False, checkpoint=weights)

    if pairs:
        from trainers.scoring.pair_scoring import PairScorer

        score_slice(attempt, PairScorer(attempt, tokenizer, held_out), load, place, folder=folder)
        return
    engine = engine_of(attempt)
    if asked.gguf is not None:
        from trainers.scoring.llama_engine import LlamaEngine

        engine = LlamaEngine(attempt, asked.gguf)
    if recipe.technique == "baseline" and folder == layout.held_out:
        scorer = Scorer(attempt, tokenizer, mini, verifier, engine)
        score_slice(attempt, scorer, load, place, folder=layout.mini_eval)
    scorer = Scorer(attempt, tokenizer, held_out, verifier, engine)
    score_slice(attempt, scorer, load, place, folder=folder, samples=asked.samples)


def load_any(attempt: Attempt, which: Literal["mini_eval", "held_out"]) -> tuple[list[Any], Any]:
    """Return what a slice holds, items or a reward model's pairs, and their judge. Raises CockpitError."""
    if attempt.recipe.technique == "reward":
        from trainers.scoring.pair_scoring import PairAccuracy, slices

        return getattr(slices(attempt), which), PairAccuracy()
    from trainers.scoring.scoring import load_slice

    return load_slice(attempt, which)


def score_slice(
    attempt: Attempt,
    scorer: Any,
    load: Callable[[], Any],
    place: Path | None,
    *,
    folder: Path,
    samples: int = 1,
) -> None:
    """Score a slice into `folder`; the held-out pass that counts is also reported and becomes result.json."""
    recipe, verifier = attempt.recipe, scorer.verifier
    layout = attempt.layout
    mini = folder == layout.mini_eval
    name = {layout.mini_eval: "mini-eval", layout.sealed: "sealed set"}.get(folder, "held-out set")
    each = f", {samples} samples each" if samples > 1 else ""
    attempt.stage("evaluating", f"{name}, {scorer.n} items{each}")
    began = time.monotonic()
    scored = sampled(
        attempt,
        scorer,
        samples,
        load,
        weights=place,
        step=(step_of(place) or 0) if place else 0,
        split="eval" if mini else "held_out",
        progress=lambda done, of: print(f"{name}: {done}/{of}", flush=True),
    )
    attempt.out.rows(folder / "items.jsonl", scored.rows)
    summary.write_columns(attempt, folder, scorer.items)
    source = recipe.data.mini_eval if mini else recipe.data.held_out
    known = recipe.data.mini_eval_hash if mini else recipe.data.held_out_hash
    facts = {
        "v": 1,
        "score": scored.score,
        "passed": scored.passed,
        "parsed": scored.parsed,
        "n": scorer.n,
        "samples": samples,
        "truncated": scored.truncated,
        "engine": scored.engine,
        "verifier": scorer.judge_name,
        "verifier_hash": verifier.fingerprint,
        "held_out_hash": known or summary.file_key(source),
        "generation": recipe.generation.model_dump(mode="json"),
        "checkpoint": _shown(attempt, place),
        "weights": weights_key(place) if place and folder == layout.sealed else None,
        "model": recipe.model.name_or_path,
        "seconds": round(time.monotonic() - began, 2),
    }
    summary.write(folder / "score.json", facts)
    print(
        f"{name}: {scored.score:.4f} ({scored.passed} of {scored.n} passed, {scored.parsed} parsed)",
        flush=True,
    )
    if folder == layout.held_out:
        summary.write_result(attempt, scored, place)
        attempt.out.held_out(
            score=scored.score,
            passed=scored.passed,
            parsed=scored.parsed,
            n=scored.n,
            checkpoint=facts["checkpoint"],
            path="held_out/items.jsonl",
        )


def sampled(attempt: Attempt, scorer: Any, samples: int, load: Callable[[], Any], **asked: Any) -> Any:
    """Score a slice so many times, each with a seed of its own, as one result; once is with the recipe's own.

    (A server seeds each prompt of a request alike, so the same prompt twice in one request would answer alike.)
    """
    if samples == 1:
        return scorer.score(load, **asked)
    from trainers.scoring.scoring import total

    recipe, rows = attempt.recipe, []
    for number in range(samples):
        print(f"sample {number + 1} of {samples}", flush=True)
        attempt.recipe = recipe.model_copy(update={"seed": recipe.seed + number * _SEEDS_APART})
        rows += [{**row, "sample": number} for row in scorer.score(load, **asked).rows]
    attempt.recipe = recipe
    return total(rows, scorer.engine.last)


def choose_checkpoint(attempt: Attempt, wanted: str | None) -> Path | None:
    """Return the folder to score; None is the base model. Raises CockpitError where there is none."""
    layout = attempt.layout
    if wanted == "base" or (wanted is None and attempt.recipe.technique == "baseline"):
        return None
    place = layout.best if wanted in (None, "best") else layout.checkpoints / str(wanted)
    if not place.is_dir() and wanted and Path(wanted).is_dir():
        place = Path(wanted)
    if not place.is_dir():
        kept = ", ".join(
            sorted(p.name for p in layout.checkpoints.glob("*") if p.is_dir() and p.name[0] != ".")
        )
        raise CockpitError(
            f"there is no checkpoint {wanted or 'best'} in this attempt",
            f"It has: {kept}." if kept else "It has none: train first.",
            file=layout.checkpoints,
        )
    return place.resolve()


def ending_of_training(attempt: Attempt) -> Ending:
    """Return how the training ended that this pass follows, by the summary that it left: scoring changes nothing."""
    left = read_json(attempt.layout.summary)
    if not isinstance(left, dict) or left.get("outcome") not in ("finished", "early_stopped", "stopped"):
        return Ending("finished", "The held-out set is scored.")
    return Ending(left["outcome"], left["reason"], left["steps"], left["best_step"], left["best_mini_eval"])


def _shown(attempt: Attempt, place: Path | None) -> str | None:
    if place is None:
        return None
    root = attempt.layout.root.resolve()
    return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)


if __name__ == "__main__":
    sys.exit(main())
