"""Score a model on the whole held-out set, from disk, in an interpreter of its own.

    python -m trainers.evaluate ATTEMPT_DIR                          # the best checkpoint; a baseline: the base model
    python -m trainers.evaluate ATTEMPT_DIR --checkpoint step_000120 # another one, or any folder

Batched, greedy by default (`generation` of the recipe). Leaves held_out/items.jsonl and held_out/score.json, and
result.json; for a baseline also mini_eval/, the same for the mini-eval's items. A trainer that has ended well turns
itself into this program (--after-training).
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptWriter, CockpitError
from cockpit.contract.atomic import read_json
from trainers.loop.attempt import Attempt, finish, log_error, open_attempt
from trainers.loop.ending import Ending, explain
from trainers.loop.signals import StopFlag
from trainers.report import summary, trackers


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainers.evaluate")
    parser.add_argument("attempt_dir", type=Path)
    parser.add_argument(
        "--checkpoint", default=None, help="a step's name, `base`, or a folder; default: the best one"
    )
    parser.add_argument("--after-training", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    root = args.attempt_dir.resolve()
    stop = StopFlag()
    stop.listen()
    out = AttemptWriter(root)
    attempt: Attempt | None = None
    try:
        attempt = open_attempt(root, "evaluate", out, stop)
        if not args.after_training:
            trackers.start(attempt)
        evaluate(attempt, args.checkpoint, announce=not args.after_training)
        ending = ending_of_training(attempt)
    except BaseException as error:  # noqa: BLE001 - reported as the end, like in every trainer
        ending = explain(error, stop, attempt.recipe if attempt else None)
        log_error(error)
    return finish(None, out, ending)


def evaluate(attempt: Attempt, checkpoint: str | None, *, announce: bool) -> None:
    """Load, answer, judge, write. Raises what goes wrong; CockpitError for what a user can mend."""
    from trainers.model import imports
    from trainers.scoring import slices

    recipe = attempt.recipe
    held_out, verifier = slices.load(attempt, "held_out")
    mini, _ = slices.load(attempt, "mini_eval")
    place = choose_checkpoint(attempt, checkpoint)
    if announce:
        attempt.stage("importing")
    imports.hold()
    from transformers import AutoModelForCausalLM  # noqa: F401 - the slow part, while the stage says so

    from trainers.model import loading
    from trainers.scoring.engine import Engine

    attempt.stage("loading", str(place or recipe.model.name_or_path))
    tokenizer = loading.load_tokenizer(recipe, str(place) if place else None)
    weights = str(place) if place else None

    @functools.cache
    def load() -> Any:
        """The model, once it is needed: a server may answer instead."""
        if recipe.technique == "reward":
            return loading.load_scorer(recipe, tokenizer, training=False, checkpoint=weights)
        return loading.load_model(recipe, training=False, checkpoint=weights)

    engine = Engine(attempt)
    if recipe.technique == "baseline":
        score_slice(attempt, engine, load, tokenizer, mini, verifier, place, folder=attempt.layout.mini_eval)
    score_slice(attempt, engine, load, tokenizer, held_out, verifier, place, folder=attempt.layout.held_out)


def score_slice(
    attempt: Attempt,
    engine: Any,
    load: Callable[[], Any],
    tokenizer: Any,
    items: list[Any],
    verifier: Any,
    place: Path | None,
    *,
    folder: Path,
) -> None:
    """Score `items` into `folder`; the held-out slice is also reported and becomes result.json."""
    from trainers.scoring.scoring import score_items

    recipe = attempt.recipe
    whole = folder == attempt.layout.held_out
    name = "held-out set" if whole else "mini-eval"
    attempt.stage("evaluating", f"{name}, {len(items)} items")
    began = time.monotonic()
    step = _step(place)
    scored = score_items(
        engine,
        load,
        tokenizer,
        items,
        verifier,
        recipe,
        weights=place,
        step=step,
        split="held_out" if whole else "eval",
        stop=attempt.stop,
        progress=lambda done, of: print(f"{name}: {done}/{of}", flush=True),
    )
    attempt.out.rows(folder / "items.jsonl", scored.rows)
    source = recipe.data.held_out if whole else recipe.data.mini_eval
    known = recipe.data.held_out_hash if whole else recipe.data.mini_eval_hash
    facts = {
        "v": 1,
        "score": scored.score,
        "passed": scored.passed,
        "parsed": scored.parsed,
        "n": scored.n,
        "truncated": scored.truncated,
        "engine": scored.engine,
        "verifier": getattr(verifier, "name", recipe.verifier)
        if recipe.technique == "reward"
        else recipe.verifier,
        "verifier_hash": verifier.fingerprint,
        "held_out_hash": known or summary.file_key(source),
        "generation": recipe.generation.model_dump(mode="json"),
        "checkpoint": _shown(attempt, place),
        "model": recipe.model.name_or_path,
        "seconds": round(time.monotonic() - began, 2),
    }
    summary.write(folder / "score.json", facts)
    print(
        f"{name}: {scored.score:.4f} ({scored.passed} of {scored.n} passed, {scored.parsed} parsed)",
        flush=True,
    )
    if whole:
        summary.write_result(attempt, scored, place)
        attempt.out.held_out(
            score=scored.score,
            passed=scored.passed,
            parsed=scored.parsed,
            n=scored.n,
            checkpoint=facts["checkpoint"],
            path="held_out/items.jsonl",
        )


def choose_checkpoint(attempt: Attempt, wanted: str | None) -> Path | None:
    """The folder to score; None is the base model. Raises CockpitError where there is none."""
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
    """How the training ended that this pass follows, from the summary that it left: scoring doesn't change that."""
    told = read_json(attempt.layout.summary)
    if not isinstance(told, dict) or told.get("outcome") not in ("finished", "early_stopped", "stopped"):
        return Ending("finished", "The held-out set is scored.")
    return Ending(told["outcome"], told["reason"], told["steps"], told["best_step"], told["best_mini_eval"])


def _step(place: Path | None) -> int:
    from trainers.loop.checkpoints import step_of

    return (step_of(place) or 0) if place else 0


def _shown(attempt: Attempt, place: Path | None) -> str | None:
    if place is None:
        return None
    root = attempt.layout.root.resolve()
    return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)


if __name__ == "__main__":
    sys.exit(main())
