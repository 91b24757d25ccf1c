"""The seam between the cockpit and whatever trains: files, and nothing but files.

`from cockpit.contract import AttemptWriter` is all that a trainer of your own needs. Names are loaded on
first use, so that reading an event costs no pydantic and writing one no msgspec.

May import: nothing of the cockpit.
Start reading at `layout.py` (the files), `writer.py` and `reader.py` (their two ends), `recipe.py` (the settings).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cockpit.contract.errors import CockpitError as CockpitError
    from cockpit.contract.layout import AttemptLayout as AttemptLayout
    from cockpit.contract.layout import WorkspaceLayout as WorkspaceLayout
    from cockpit.contract.reader import LineTail as LineTail
    from cockpit.contract.recipe import Recipe as Recipe
    from cockpit.contract.writer import AttemptWriter as AttemptWriter

_HOMES = {
    "AttemptLayout": "layout",
    "AttemptWriter": "writer",
    "CockpitError": "errors",
    "LineTail": "reader",
    "Recipe": "recipe",
    "WorkspaceLayout": "layout",
}

__all__ = ["AttemptLayout", "AttemptWriter", "CockpitError", "LineTail", "Recipe", "WorkspaceLayout"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
