"""One page of the wizard, as values that any front can show."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer: the value, and what it means. `reason`: it is taken only with a typed reason."""

    value: str
    label: str
    reason: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """A setting that a page shows on `line` (from 0): a front may put a cursor on it and let it be edited there."""

    line: int
    name: str
    value: str
    help: str
    """What it does, its unit and allowed range, its default and where its value is from."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is known (`lines`), what is asked, and how it can be answered.

    Without `choices` it wants a line of text, with `default` as what an empty one means; `optional` takes an empty
    line as no answer. `cli_equivalent` is the command that does the same from a shell.
    """

    lines: tuple[str, ...]
    question: str
    choices: tuple[Choice, ...] = ()
    default: str = ""
    optional: bool = False
    cli_equivalent: str = ""
    busy: tuple[str, ...] = field(default=())
    """Values whose answer runs for a minute or so: the front says so, and shows what happens meanwhile."""
    picks: tuple[Pick, ...] = ()
    """Settings among the lines; each is answered with `NAME=VALUE`, an empty value goes back to the default."""
    confirmed: tuple[str, ...] = ()
    """What the answer before this page changed; the wizard puts it there."""
    path: bool = False
    """Whether it wants the name of a file or folder, which a front may complete (see `paths`)."""
    title: str = ""
    """That of the step; the wizard puts it there."""

    def as_dict(self) -> dict[str, Any]:
        """Return the page in the words that `--json` has published from the start."""
        told = asdict(self)
        told["twin"] = told.pop("cli_equivalent")
        told["choices"] = [_published(choice, "label") for choice in told["choices"]]
        told["picks"] = [_published(pick, "help") for pick in told["picks"]]
        return told


def _published(part: dict[str, Any], name: str) -> dict[str, Any]:
    return {"says" if key == name else key: value for key, value in part.items()}
