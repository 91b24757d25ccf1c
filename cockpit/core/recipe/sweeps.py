"""The sweep of a setting: `lr=1e-5,3e-5,1e-4` becomes one experiment for each value, and for each combination."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from cockpit.contract.errors import CockpitError

MOST = 24
"""Experiments that one sweep may make: each is a whole run, and each more makes a lucky score likelier."""


def expand(settings: Iterable[str]) -> list[list[str]]:
    """Every combination as a list of `name=value`, the last setting varying fastest.

    Raises CockpitError where nothing varies, or more than `MOST` combinations would be made.
    """
    choices = [_choices(text) for text in settings]
    made = [list(combination) for combination in itertools.product(*choices)]
    if len(made) < 2:
        raise CockpitError("nothing varies", "Give a setting several values: learning_rate=1e-5,3e-5,1e-4.")
    if len(made) > MOST:
        raise CockpitError(
            f"{len(made)} combinations are too many for one sweep", f"Vary less: at most {MOST} runs."
        )
    return made


def varying(settings: Iterable[str]) -> list[str]:
    """Names of the settings that have more than one value."""
    return [text.partition("=")[0].strip() for text in settings if len(_choices(text)) > 1]


def _choices(text: str) -> list[str]:
    name, equals, values = text.partition("=")
    if not equals or not name.strip():
        raise CockpitError(f"{text!r} is not a setting", "Write NAME=VALUE,VALUE,…")
    parts = [part.strip() for part in _split(values)]
    if any(not part for part in parts):
        raise CockpitError(
            f"{text!r} has an empty value", "Write NAME=VALUE,VALUE,… without a comma at the end."
        )
    if len(set(parts)) < len(parts):
        raise CockpitError(f"{text!r} names a value twice", "Name each value once.")
    return [f"{name.strip()}={part}" for part in parts]


def _split(values: str) -> list[str]:
    """At commas that stand outside of brackets and quotes: a value may be a JSON list."""
    parts, depth, quote, start = list[str](), 0, "", 0
    for at, sign in enumerate(values):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[{(":
            depth += 1
        elif sign in "]})":
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(values[start:at])
            start = at + 1
    return [*parts, values[start:]]
