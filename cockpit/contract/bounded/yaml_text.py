"""YAML that others wrote, as plain values: no tags of Python's, few aliases, within bounds of size and depth.

A plain value is what JSON has: a date is the text that stands there, and `2e-5` is the number that it is in YAML 1.2.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

MOST = 1 << 20
"""Bytes of a configuration."""
DEEPEST, NODES, ALIASES = 30, 20_000, 100
BITS = 1023
"""Of a whole number; what is larger can't be compared with a float, or even shown."""
_FLOAT = "tag:yaml.org,2002:float"
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")
"""What YAML 1.1 takes for text as it has no point, and what everybody means by it."""


class _Loader(yaml.SafeLoader):
    """Refuses what grows when it is walked: YAML's aliases can make a few lines worth gigabytes."""

    nodes = aliases = depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.aliases += bool(self.check_event(yaml.AliasEvent))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        self.nodes += 1
        self.depth += 1
        if self.depth > DEEPEST or self.nodes > NODES or self.aliases > ALIASES:
            raise ValueError("it is nested deeper, or larger, than any configuration")
        try:
            return super().compose_node(parent, index)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        finally:
            self.depth -= 1


_Loader.yaml_implicit_resolvers = {
    first: [(tag, like) for tag, like in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+0123456789"))  # pyright: ignore[reportUnknownMemberType]


class _Dumper(yaml.SafeDumper):
    """Quotes a text that `parse` would read as a number."""


_Dumper.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+0123456789"))  # pyright: ignore[reportUnknownMemberType]


def parse(text: str) -> Any:
    """Read YAML (or JSON, which is YAML) as plain values. Raises ValueError saying where it is wrong."""
    if len(text) > MOST:
        raise ValueError("it is larger than any configuration")
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise ValueError("it holds control characters, or is UTF-16: save it as UTF-8") from error
    try:
        value: Any = loader.get_single_data()  # pyright: ignore[reportUnknownMemberType]
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{where}{error.problem or 'it is no YAML'}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from error
    finally:
        loader.dispose()  # pyright: ignore[reportUnknownMemberType]
    _walk(value, 0, [0])
    return value


def _walk(value: object, depth: int, seen: list[int]) -> None:
    """Count what aliases stand for, too; and refuse keys that are no text, and values that JSON doesn't have."""
    seen[0] += 1
    if depth > DEEPEST or seen[0] > NODES:
        raise ValueError("it is nested deeper, or larger, than any configuration")
    if isinstance(value, dict):
        for key, part in cast("dict[object, object]", value).items():
            if not isinstance(key, str | int | float) or (isinstance(key, int) and key.bit_length() > BITS):
                raise ValueError("a name in it is no text")
            _walk(part, depth + 1, seen)
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            _walk(part, depth + 1, seen)
    elif isinstance(value, int) and value.bit_length() > BITS:
        raise ValueError("a number in it is larger than any setting")
    elif value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"it holds a value of the kind {type(value).__name__}, which no setting has")


def written(value: Any) -> str:
    """Return plain values as YAML, in the order they have."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
