"""Turn rows of any known shape into examples that every trainer reads, and count what became of the rows.

A row may be a demonstration, a preference pair, an answer with a yes or no, or a scored trajectory; what each column
is called is the recipe's mapping (`data.columns`) or one of the usual names. `cockpit.data.examples` reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cockpit.contract import CockpitError, Recipe
from cockpit.data.examples import Example, numbered_example
from cockpit.data.left_out import LeftOut
from cockpit.data.rows import Row
from trainers.attempt.attempt import Attempt


@dataclass
class Count:
    """What became of the rows, for the sentence in the log."""

    rows: int = 0
    used: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def sentence(self, made: int, what: str) -> str:
        """`620 rows (pairs) became 620 pairs; left out: 3 without an answer.`"""
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.used.items())
        out = ", ".join(f"{n} {why}" for why, n in self.left_out.items())
        return f"{self.rows} rows ({kinds or 'none usable'}) became {made} {what}{f'; left out: {out}' if out else ''}."


def each_example(rows: Iterable[Row], recipe: Recipe, attempt: Attempt | None = None) -> Iterator[Example]:
    """Read row by row. Raises CockpitError naming the row that contradicts itself.

    With an `attempt` its log says at the end what the rows have and the examples have not.
    """
    left = LeftOut(recipe.data.columns)
    for number, row in enumerate(rows, 1):
        example = read_example(row, number, recipe)
        if attempt is not None:
            left.add(number, row, example)
        yield example
    if attempt is not None:
        tell(left, attempt)


def tell(left: LeftOut, attempt: Attempt) -> None:
    """Say in the log what the rows have and the examples have not; nothing where that is nothing."""
    if sentence := left.sentence():
        attempt.notice(sentence)


def read_examples(rows: Iterable[Row], recipe: Recipe, attempt: Attempt | None = None) -> list[Example]:
    """Read every row, as `each_example` does."""
    return list(each_example(rows, recipe, attempt))


def read_example(row: Row, number: int, recipe: Recipe) -> Example:
    """Read one row; what it does not have is None. Raises CockpitError for what can't be trained as it says."""
    example = numbered_example(row, number, recipe.data.columns, file=recipe.data.train)
    if example.images:
        from trainers.data.image_rows import check_images

        check_images(example.images, number, recipe, recipe.data.train)
    return example


def teaches(example: Example) -> bool:
    """Whether there is an answer to learn, to something that was asked; or a text to learn whole."""
    return example.text is not None or (example.said is not None and len(example.chat) > 1)


def no_shape(number: int, columns: Iterable[str], recipe: Recipe) -> CockpitError:
    """The error for a row that shows no answer to learn."""
    names = ", ".join(columns)
    return CockpitError(
        f"row {number} has no demonstration to learn from{f': its columns are {names}' if names else ''}",
        "It needs messages, or prompt and completion (question and answer, instruction and output), or text; "
        "name the columns under data.columns.",
        file=recipe.data.train,
    )


def no_use(recipe: Recipe, count: Count, wanted: str) -> CockpitError:
    """The error for a file that has nothing for this technique."""
    why = ", ".join(f"{n} {reason}" for reason, n in count.left_out.items()) or "the file is empty"
    return CockpitError(
        f"none of the {count.rows} training rows can be used for {recipe.technique} ({why})",
        f"It needs {wanted}; name the columns under data.columns.",
        file=recipe.data.train,
    )
