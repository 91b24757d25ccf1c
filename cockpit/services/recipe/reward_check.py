"""Ask whether a recipe's own reward functions can be imported, in the interpreter that will train with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.services.system import spawn

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

PATIENCE_S = 60.0
_OURS = ("verifier", "format")
# As trainers/rollouts/rewards.py loads them: the workspace's folder last, so that nothing there shadows a library.
_ASK = """
import importlib, json, os, sys
sys.path.append(os.getcwd())
for source in sys.argv[1:]:
    module, _, name = source.partition(":")
    try:
        if not callable(getattr(importlib.import_module(module), name)):
            raise TypeError(f"{name} is no function")
    except Exception as error:
        print("\\n" + json.dumps([source, f"{type(error).__name__}: {error}"[:300]]))
        break
"""


def refuse_unloadable(root: Path, recipe: Recipe) -> None:
    """Raise CockpitError for a `module:function` reward that can't be imported; an import that hangs says nothing."""
    own = [part.source for part in recipe.rewards if part.source not in _OURS]
    own = [source for source in own if not source.startswith("model:")]
    if not own:
        return
    python = os.path.expanduser(recipe.resources.python or sys.executable)
    env = {**os.environ, **spawn.import_environment(python, os.environ)}
    try:
        said = subprocess.run([python, "-c", _ASK, *own], env=env, cwd=root, capture_output=True,
                              timeout=PATIENCE_S, check=False).stdout.splitlines()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return
    try:
        source, why = json.loads(said[-1]) if said else ("", "")
    except ValueError:
        return  # what the module itself prints
    if source in own:
        module = source.partition(":")[0].replace(".", "/")
        raise CockpitError(
            f"the reward {source!r} can't be loaded: {why}",
            f"Write it as module:function; {module}.py lies beside cockpit.toml, or is installed.",
        )
