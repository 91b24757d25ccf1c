"""Where this user's files lie that belong to no workspace."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Where the tiny model and shared environments are kept: COCKPIT_CACHE, else the user's cache folder."""
    own = os.environ.get("COCKPIT_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finetune-cockpit"
