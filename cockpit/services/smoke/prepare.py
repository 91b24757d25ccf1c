"""What a smoke run is made of: the longest rows, items to score, and the recipe's own settings with fewer steps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.techniques import GROUPED
from cockpit.data.examples import Misfit, Unusable, example_of
from cockpit.data.keys import prompt_keys
from cockpit.data.reading.files import iter_rows, load_rows
from cockpit.data.rows import Row, full_text, value
from cockpit.data.shapes import Reading, recognise
from cockpit.services.dataset import datasets
from cockpit.services.dataset.inspect import CHARACTERS_A_TOKEN
from cockpit.services.workspace import smoke_verdict
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

EXAMPLES = 10
ITEMS = 10
SOLVED_ITEMS = 5  # items that the base solved: so few trained steps must not have broken these
MID_EVAL_ITEMS = 2
STEPS = 8
HARD_LIMIT_S = 900.0
GRACE_S = 300.0  # a first step on a slow machine may take minutes, and must be allowed to end
_KEPT = 3  # earlier smoke runs of the experiment


def prepare(ws: Workspace, recipe: Recipe) -> AttemptLayout:
    """Write a new smoke run's data and recipe below the experiment. Raises CockpitError."""
    layout = ws.layout.experiment(recipe.experiment_id)
    numbers = smoke_verdict.numbers(layout)
    attempt = AttemptLayout(smoke_verdict.folder(layout) / f"{(numbers[-1] if numbers else 0) + 1:03d}")
    rows = longest_rows(recipe)
    items, solved = choose_items(ws, recipe)
    data = attempt.root / "data"
    datasets.write_rows(data / "train.jsonl", rows)
    datasets.write_rows(data / "items.jsonl", items)
    datasets.write_rows(data / "mini.jsonl", items[:MID_EVAL_ITEMS])
    smoke_recipe(recipe, data).dump(attempt.recipe)
    about = {"v": 1, "recipe": smoke_verdict.fingerprint(recipe), "solved": solved, "started": ws.clock()}
    atomic.write_json(attempt.root / "of.json", about)
    for number in numbers[: -_KEPT + 1] if len(numbers) >= _KEPT else []:
        shutil.rmtree(smoke_verdict.folder(layout) / f"{number:03d}", ignore_errors=True)
    return attempt


def smoke_recipe(recipe: Recipe, data: Path) -> Recipe:
    """The same recipe on the few rows: settings as they are, only how long it runs is changed."""
    trainer = {**recipe.trainer, "max_steps": STEPS, "logging_steps": 1}
    trainer.pop("eval_strategy", None)
    sections: dict[str, Any] = {
        "attempt": 1,
        "trainer": trainer,
        "data": recipe.data.model_copy(
            update={
                "train": str(data / "train.jsonl"),
                "held_out": str(data / "items.jsonl"),
                "mini_eval": str(data / "mini.jsonl"),
                "train_hash": None,
                "held_out_hash": None,
                "mini_eval_hash": None,
                "filter_samples": None,  # of ten rows none may be left: the gate looks at the signal itself
                "filter_band": None,
            }
        ),
        "mid_eval": recipe.mid_eval.model_copy(
            update={"every_steps": STEPS, "every_epochs": 1e9, "baseline": None, "early_stop": False}
        ),
        "budget": recipe.budget.model_copy(update={"seconds": HARD_LIMIT_S, "grace_s": GRACE_S}),
        "report_to": "none",
    }
    return recipe.model_copy(update=sections)


def longest_rows(recipe: Recipe) -> list[Row]:
    """The longest rows of the training file, as many as one step needs and at least ten. Raises CockpitError.

    Longest first, so that a lack of memory shows now; of rows that are cut all the same, those with the shortest
    prompt, which leave most to learn. Labels of both kinds where rows have labels.
    """
    if recipe.data.train is None:
        raise CockpitError("the recipe names no training file", "Set data.train.")
    wanted = needed(recipe)
    sample: list[Row] = []
    for _, row in iter_rows(recipe.data.train):
        sample.append(row)
        if len(sample) >= 300:
            break
    reading = recognise(sample)
    measured: list[tuple[int, int, Row]] = []
    sizes: dict[Any, list[tuple[int, int, Row]]] = {}
    for number, row in iter_rows(recipe.data.train):
        kind, size = _measure(reading, row, recipe)
        group = sizes.setdefault(kind, [])
        group.append((size, -number, row))
        if len(group) > 4 * wanted:
            group.sort(key=lambda entry: entry[:2], reverse=True)
            del group[wanted:]
    for group in sizes.values():
        group.sort(key=lambda entry: entry[:2], reverse=True)
    while len(measured) < wanted and any(sizes.values()):
        for group in sizes.values():  # in turn, so that every label is there
            if group and len(measured) < wanted:
                measured.append(group.pop(0))
    return [row for _, _, row in sorted(measured, key=lambda entry: entry[:2], reverse=True)]


def needed(recipe: Recipe) -> int:
    """Rows for one whole step: a batch, or the prompts of one round of rollouts."""
    trainer = recipe.trainer
    batch = _whole(trainer.get("per_device_train_batch_size"), 8)
    if recipe.technique not in GROUPED:
        return max(EXAMPLES, batch)
    passes = _whole(trainer.get("steps_per_generation"), 0) or _whole(
        trainer.get("gradient_accumulation_steps"), 1
    )
    rollouts = _whole(trainer.get("generation_batch_size"), 0) or batch * passes
    return max(EXAMPLES, rollouts // max(1, _whole(trainer.get("num_generations"), 8)))


def _whole(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _measure(reading: Reading, row: Row, recipe: Recipe) -> tuple[Any, int]:
    """The row's label, where it has one, and how long what is trained on is, in characters."""
    try:
        example = example_of(reading, row)
    except Unusable:
        return None, 0
    except Misfit:
        return None, len(full_text(row, recipe.data.columns))
    prompt = len(example.prompt_text)
    if recipe.technique in GROUPED:
        return None, prompt  # the answer is sampled
    label = example.label if recipe.technique == "kto" else None
    whole = prompt + max(len(example.target or ""), len(example.rejected or ""))
    room = _whole(recipe.trainer.get("max_length"), 0) * CHARACTERS_A_TOKEN
    if room and whole > room:
        # Cut, so as long as can be; but one whose prompt fills it all would leave nothing to learn.
        return label, 2 * room - prompt if prompt < room else 0
    return label, whole


def choose_items(ws: Workspace, recipe: Recipe) -> tuple[list[Row], int]:
    """Items to score: some of the held-out set that the base solved, where that is known, and the mini-eval's.

    The number beside them says how many the base solved. It proves the pipeline, and measures no model.
    None of them is trained on: the guardrail keeps both sets out of the training data.
    """
    solved = _solved_by_base(ws)
    held_out = load_rows(recipe.data.held_out) if solved else []
    columns = recipe.data.columns
    chosen: list[Row] = []
    for number, row in enumerate(held_out, 1):
        label = value(row, "id", {})
        if (str(label) if label is not None else f"held-out-set-{number:05d}") in solved:
            chosen.append(row)
            if len(chosen) >= SOLVED_ITEMS:
                break
    kept = len(chosen)
    known = {key for row in chosen for key in prompt_keys(row, columns)}
    for row in load_rows(recipe.data.mini_eval):
        if len(chosen) < ITEMS and not known & set(prompt_keys(row, columns)):
            chosen.append(row)
    return [{**row, "id": f"item-{i:02d}"} for i, row in enumerate(chosen, 1)], kept


def _solved_by_base(ws: Workspace) -> set[str]:
    attempt = ws.attempt_dir(BASELINE_ID) if BASELINE_ID in ws.experiment_ids() else None
    if attempt is None:
        return set()
    return {str(row.get("item")) for row in read_rows(attempt.held_out / "items.jsonl") if row.get("passed")}
