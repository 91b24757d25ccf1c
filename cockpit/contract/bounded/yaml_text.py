"""YAML that others wrote, as plain values: no tags of Python's, few aliases, within bounds of size and depth."""

from __future__ import annotations

from typing import Any, cast

import yaml

MOST = 1 << 20
"""Bytes of a configuration."""
DEEPEST, NODES, ALIASES = 30, 20_000, 100


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


def parse(text: str) -> Any:
    """Read YAML (or JSON, which is YAML) as plain values. Raises ValueError saying where it is wrong."""
    if len(text) > MOST:
        raise ValueError("it is larger than any configuration")
    loader = _Loader(text)
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
    """Count what aliases stand for, too; and refuse keys that are no text."""
    seen[0] += 1
    if depth > DEEPEST or seen[0] > NODES:
        raise ValueError("it is nested deeper, or larger, than any configuration")
    if isinstance(value, dict):
        for key, part in cast("dict[object, object]", value).items():
            if not isinstance(key, str | int | float | bool):
                raise ValueError("a name in it is no text")
            _walk(part, depth + 1, seen)
    elif isinstance(value, list | tuple | set):
        for part in cast("list[object]", value):
            _walk(part, depth + 1, seen)


def written(value: Any) -> str:
    """Return plain values as YAML, in the order they have."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
