"""Settings as somebody typed them -> settings under the recipe's names, and what was made of each short name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.setting_names import recipe_name
from cockpit.contract.techniques import SAMPLING
from cockpit.core.recipe.settings import shown

_ANSWER_LENGTH = "generation.max_new_tokens"
_PREFIXED = "generation."


@dataclass(frozen=True, slots=True)
class Named:
    """Settings under the recipe's names; `renamed` has what was typed otherwise."""

    settings: Mapping[str, Any]
    renamed: Mapping[str, str]

    @property
    def notes(self) -> list[str]:
        """One line for each short name: `lr is learning_rate`."""
        return [note(typed, name) for typed, name in self.renamed.items()]


def note(typed: str, name: str) -> str:
    """Say what became of a short name."""
    return f"{typed} is {name}"


def named(given: Mapping[str, Any], technique: str, *, where: str = "") -> Named:
    """Put every setting of `given` under the name that the recipe has for it.

    `where` is said of a wrong one: `[recipes.sft] of cockpit.toml`. Raises CockpitError for two spellings of one
    setting with two values, for a name that may mean two settings, and for a share that is none.
    """
    made: dict[str, Any] = {}
    typed_as: dict[str, str] = {}
    of = f"{where}: " if where else ""
    for typed, value in given.items():
        name = recipe_name(typed, technique)
        if name in made and made[name] != value:
            before = typed_as[name]
            raise CockpitError(
                f"{of}{before}={shown(made[name])} and {typed}={shown(value)} both set {name}, to two values",
                "Keep one of the two.",
            )
        _refuse_unclear(typed, name, value, technique, of)
        made[name] = value
        typed_as.setdefault(name, typed)
    return Named(made, _renamed(given, technique))


def _refuse_unclear(typed: str, name: str, value: Any, technique: str, of: str) -> None:
    if name == _ANSWER_LENGTH and not typed.startswith(_PREFIXED) and technique in SAMPLING:
        trained = recipe_name("max_completion_length", technique)
        raise CockpitError(
            f"{of}{typed}={shown(value)} may mean two settings of {technique.upper()}",
            f"Write {trained} for the answers it trains on, or {name} for those that are scored.",
        )
    if typed.lower().endswith("ratio") and name == "warmup_steps" and not _is_share(value):
        raise CockpitError(
            f"{of}{typed}={shown(value)} is not a share of the steps, from 0 to below 1",
            "Write warmup_steps for a number of steps.",
        )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def rename_text(text: str, technique: str) -> str:
    """`lr=1e-5,3e-5` as `learning_rate=1e-5,3e-5`; a text without `=` as it is."""
    name, equals, value = text.partition("=")
    return f"{recipe_name(name, technique)}={value}" if equals else text


def changed(before: Sequence[str], given: Sequence[str], technique: str) -> list[str]:
    """Put `NAME=VALUE` texts in place of what `before` says of the same settings; `NAME=` takes one back."""
    made = [rename_text(text, technique) for text in before]
    for text in (rename_text(text, technique) for text in given):
        name, equals, value = text.partition("=")
        made = [kept for kept in made if not equals or kept.partition("=")[0] != name]
        if value or not equals:
            made.append(text)
    return made


def notes_on(texts: Sequence[str], technique: str) -> list[str]:
    """Return the notes on `NAME=VALUE` texts, however far they are typed; nothing of it is checked."""
    typed = [text.partition("=")[0].strip() for text in texts if "=" in text]
    return [note(name, new) for name, new in _renamed(typed, technique).items()]


def _renamed(typed: Iterable[str], technique: str) -> dict[str, str]:
    pairs = {name: recipe_name(name, technique) for name in typed if name}
    return {name: new for name, new in pairs.items() if new != name.removeprefix("trainer.")}
