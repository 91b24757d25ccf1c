"""Split a new workspace's data into held-out, mini-eval and training rows, by content and seed, groups kept whole.

A slice that the cockpit makes from conversations, pairs or labels is written as items (`prompt`, `answer`), so that
whatever is trained on, the scorer reads one form. A user's own files are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.core.recipe.mini_eval import FEWEST_ITEMS
from cockpit.data import needs
from cockpit.data.examples import Example, Misfit, example_of
from cockpit.data.reading.files import Rows, load_rows, misnamed, reader
from cockpit.data.rows import Prompt, Row, as_chat, gold_item, gold_of
from cockpit.data.shapes import Reading, recognise
from cockpit.services.dataset import datasets, splitting

HELD_OUT_ITEMS = 200  # enough that a gain of 0.1 is seen outside the noise
HELD_OUT_SHARE = 0.2  # of a small file
_SAMPLE = 300
_AS_THEY_ARE = ("question-answer", "unknown")


@dataclass(slots=True)
class Slices:
    """The rows that train, items by slice name, and what there is to say about how they came apart."""

    train: Rows
    items: dict[str, list[Row]]
    messages: list[str] = field(default_factory=list[str])
    golds: dict[str, bool] = field(default_factory=dict[str, bool])
    """By slice name: whether its items' answers are gold answers, not just what was said in a demonstration."""


def make(
    train: Path, held_out: Path | None, mini_eval: Path | None, *, seed: int, mini_items: int = FEWEST_ITEMS
) -> Slices:
    """Read `train`, respect the user's own slices, split off those that are missing. Raises CockpitError.

    `mini_items`: how many the mini-eval has, where there are rows enough.
    """
    rows, reading = _looked_at(train)
    made = Slices(rows, {})
    if said := misnamed(train, reader(train)[0]):
        made.messages.append(said)
    for name, path in (("held_out", held_out), ("mini_eval", mini_eval)):
        if path is not None:
            made.items[name] = own_items(rows, train, path, name)
            made.golds[name] = any(gold_of(row) is not None for row in made.items[name])
    wanted = [name for name in ("held_out", "mini_eval") if name not in made.items]
    if wanted:
        _check_splittable(rows, reading)
        marks = _Marks(reading)
        groups = splitting.grouped(rows, group=marks)
        if marks.without_gold:
            made.messages.append(
                f"{marks.without_gold:,} of {len(rows):,} rows have no gold answer (the first is row {marks.first}): "
                "none of them is set apart, and RL leaves them out."
            )
        places = splitting.split(groups, _sizes(rows, reading, wanted, mini_items), seed=seed)
        apart = frozenset(place for held in places.values() for place in held)
        taken = {place: row for place, row in enumerate(rows) if place in apart}
        made.train = Rows(train, without=apart)
        for name in wanted:
            held = [taken[place] for place in places[name]]
            made.items[name] = _as_items(held, reading, name)
            made.golds[name] = reading.shape in _AS_THEY_ARE or _have_golds(held, reading)
            n, shown = len(made.items[name]), name.replace("_", "-")
            if not n:
                why, fix = _why_none(held, reading)
                raise CockpitError(
                    f"no row of {train.name} could become an item of the {shown} set{why}",
                    f"{fix} Or give a file of your own: --{shown}.",
                    file=train,
                )
            made.messages.append(f"Set {n} items of {train.name} apart as {shown} (seed {seed}).")
    return made


def refuse_unreadable(train: Path) -> None:
    """Raise CockpitError for a file of rows that nothing here could train on, whatever is answered later."""
    _, reading = _looked_at(train)
    if reading.shape == "unknown":
        raise CockpitError(reading.why.rstrip("."), " ".join(reading.notes), file=train)


def refuse_inseparable(train: Path, held_out: Path | None) -> None:
    """Raise CockpitError where `make` would: no held-out set (or, beside one, no mini-eval) comes of this file."""
    rows, reading = _looked_at(train)
    if held_out is not None:
        own_items(rows, train, held_out, "held_out")
    _check_splittable(rows, reading)
    _sizes(rows, reading, ["held_out", "mini_eval"], FEWEST_ITEMS)
    if not _as_items(rows.first(2000), reading, "sample"):
        raise CockpitError(
            "none of its rows could become an item to be scored", "Give other data.", file=train
        )


def _looked_at(train: Path) -> tuple[Rows, Reading]:
    rows = Rows(train)
    return rows, recognise(rows.first(_SAMPLE))


def own_items(rows: Rows, train: Path, path: Path, name: str) -> list[Row]:
    """The items of a user's own slice. Raises CockpitError where they are none, or are trained on."""
    items = load_rows(path)
    needs.read_as(items, "items", file=str(path))
    lacking = [number for number, row in enumerate(items, 1) if gold_item(row) is None]
    if lacking:
        raise CockpitError(
            f"{len(lacking):,} of {len(items):,} items of the {name.replace('_', '-')} set have no gold answer: the "
            f"first is row {lacking[0]}",
            "Give each one, or take them out: what can't be scored says nothing.",
            file=path,
        )
    _refuse_overlap(rows, items, train, path, name)
    return items


def _check_splittable(rows: Rows, reading: Reading) -> None:
    """Raise CockpitError where no item to be scored could be made of these rows."""
    if reading.shape in ("text", "prompts"):
        raise CockpitError(
            f"{reading.shown} holds no answers to score, so no held-out set can be set apart",
            "Give a held-out file with prompts and answers: --held-out FILE --mini-eval FILE.",
            file=rows.path,
        )
    if reading.shape in _AS_THEY_ARE:
        needs.read_as(rows, "items", file=str(rows.path))


class _Marks:
    """What is noticed of each row on the way: what it must stay together with, and whether it has a gold answer."""

    def __init__(self, reading: Reading) -> None:
        self._group, self._asks = reading.columns.get("group"), reading.shape in _AS_THEY_ARE
        self.seen = self.without_gold = self.first = 0

    def __call__(self, row: Mapping[str, Any]) -> str | None:
        """Return what must stay together beside equal prompts: a trajectory's group."""
        self.seen += 1
        if self._asks and gold_item(row) is None:
            self.without_gold += 1
            self.first = self.first or self.seen
        value = row.get(self._group) if self._group else None
        return None if value is None else f"group {value}"


def _as_items(rows: list[Row], reading: Reading, name: str) -> list[Row]:
    """The rows as `prompt` and `answer`; those without a good answer are left out."""
    if reading.shape in _AS_THEY_ARE:
        return [row for row in rows if gold_item(row) is not None]
    items: list[Row] = []
    for row in rows:
        try:
            example = example_of(reading, row)
        except Misfit:
            continue
        answer = _good_answer(example)
        if answer is not None and example.prompt:
            items.append({"id": f"{name}-{len(items) + 1:04d}", "prompt": _prompt(example), "answer": answer})
    return items


def _why_none(rows: list[Row], reading: Reading) -> tuple[str, str]:
    """What the first of these rows says against itself, if it does, and what to do."""
    try:
        for row in rows[:1]:
            example_of(reading, row)
    except Misfit as misfit:
        return f": {misfit}", misfit.fix
    return "", "Give each row an answer."


def _have_golds(rows: list[Row], reading: Reading) -> bool:
    for row in rows:
        try:
            if example_of(reading, row).gold is not None:
                return True
        except Misfit:
            continue
    return False


def _good_answer(example: Example) -> str | None:
    if example.gold is not None:
        return example.gold
    if example.label is False or example.passed is False:
        return None
    if example.passed is None and example.reward is not None and example.reward < 1.0:
        return None
    return example.target if example.target and example.target.strip() else None


def _prompt(example: Example) -> Prompt:
    turns = as_chat(example.prompt)
    alone = len(turns) == 1 and turns[0]["role"] == "user"
    return turns[0]["content"] if alone else turns


def _sizes(rows: Rows, reading: Reading, wanted: list[str], mini_items: int) -> dict[str, int]:
    """Rows to set apart: more of them where only some can be items (labels that say no, failed trajectories)."""
    if len(rows) < 20:
        raise CockpitError(
            f"{len(rows)} rows are too few to set a held-out set apart and train on the rest",
            "Give at least 20, or a held-out file and a mini-eval file of their own.",
        )
    share = _usable_share(rows, reading)
    usable = int(len(rows) * share)
    sizes = {
        "held_out": min(HELD_OUT_ITEMS, max(5, int(usable * HELD_OUT_SHARE))),
        "mini_eval": min(mini_items, max(5, usable // 20)),
    }
    return {name: min(len(rows) // 3, round(sizes[name] / share)) for name in wanted}


def _usable_share(rows: Rows, reading: Reading) -> float:
    sample = rows.first(2000)
    return max(0.05, len(_as_items(sample, reading, "sample")) / len(sample))


def _refuse_overlap(rows: Rows, items: list[Row], train: Path, path: Path, name: str) -> None:
    met = datasets.overlap_exact(rows, items)
    if met:
        first = met[0]
        raise CockpitError(
            f"{len(met)} training row(s) ask what the {name.replace('_', '-')} set asks: the first is row "
            f"{first.train_row + 1} of {train}, item {first.held_out_row + 1} here: {first.text[:80]!r}",
            "Take them out of the training data: a score on items that were trained on says nothing.",
            file=path,
        )
