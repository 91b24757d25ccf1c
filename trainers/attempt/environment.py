"""Set the environment variables that torch and its libraries read when they are imported."""

from __future__ import annotations

import os
import warnings

from cockpit.contract import Recipe
from cockpit.contract.network import hub


def quiet_environment(recipe: Recipe) -> None:
    """Set them for `recipe`; what the user has set stays.

    On a small shared box a second OpenMP thread makes steps many times slower, because both spin while they wait.
    """
    cores = os.cpu_count() or 1
    threads = recipe.resources.omp_num_threads or (1 if cores <= 4 else cores // 2)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    names = (recipe.model.name_or_path, recipe.model.warm_start)
    if hub.OFFLINE not in os.environ and any(map(hub.is_id, names)) and not hub.reachable():
        os.environ[hub.OFFLINE] = os.environ[hub.SILENT] = "1"
    # Upstream's deprecations of its own calls, once a checkpoint: they bury what a log is read for.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft|accelerate)\.")
