"""How a trainer is started: command, environment and folder, from a recipe. Values only; nothing is started here."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cockpit
from cockpit.contract.values import mapping
from cockpit.services.system import hidden
from cockpit.services.system.processes import MARK

NODE, MAIN_IP, MAIN_PORT = "COCKPIT_NODE", "COCKPIT_MAIN_IP", "COCKPIT_MAIN_PORT"
"""Of a run on several nodes: which this one is, and where the first one's main process listens."""
LAUNCH = "accelerate.commands.launch"
HEARD_BY_LAUNCHER = "PET_SIGNALS_TO_HANDLE"
"""torch's launcher reads its options from PET_…: the signals that it ends its processes for."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run. `shown` is `argv` without anything that looks like a secret: only that is written down."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    python: str
    deaf: bool = False
    """Whether the first process is not to hear SIGTERM: Slurm signals all processes of a job's step, the training ones
    too, and a launcher that passes it on would have them asked twice, which means without a checkpoint."""

    def before_exec(self) -> None:
        """To be called in the child: what is ignored now is ignored by the program that it becomes."""
        if self.deaf:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    @property
    def shown(self) -> list[str]:
        return hidden.masked(self.argv)


def command(
    attempt: Path,
    recipe: Mapping[str, object],
    base_env: Mapping[str, str],
    *,
    token: str,
    module: str | None = None,
    resume: bool = False,
) -> Command:
    """The trainer of `recipe` for the folder `attempt`; `module` replaces the one that its technique names.

    A command of the user's own is run as it stands, and finds the folder in COCKPIT_ATTEMPT_DIR. Raises
    ValueError with a sentence where the recipe names nothing that can be run.
    """
    resources = mapping(recipe.get("resources"))
    own = resources.get("command")
    python = os.path.expanduser(str(resources.get("python") or sys.executable))
    if isinstance(own, list) and own and module is None:
        argv = hidden.revealed(map(str, cast("list[object]", own)), workspace_of(attempt))
        own_trainer = True
    else:
        alone = [python, "-u", "-m", module or module_of(recipe), str(attempt)]
        argv = alone if module is not None else _together(python, recipe, resources, alone, base_env)
        own_trainer = False
    env = _environment(attempt, recipe, base_env, token=token, resume=resume)
    deaf = recipe.get("launcher") == "slurm" and LAUNCH in argv
    if deaf:
        env[HEARD_BY_LAUNCHER] = "SIGQUIT"
    env |= _contract_environment(base_env) if own_trainer else import_environment(python, base_env)
    return Command(tuple(argv), env, workspace_of(attempt), argv[0] if own_trainer else python, deaf)


def _together(
    python: str,
    recipe: Mapping[str, object],
    resources: Mapping[str, object],
    alone: list[str],
    env: Mapping[str, str],
) -> list[str]:
    """`alone` under accelerate, where the recipe's launcher says so: DDP here, or what accelerate's own file says.

    Under Slurm the job tells each node which it is and where the first one listens (see `slurm_job`).
    """
    launcher = recipe.get("launcher")
    processes = together(recipe)
    if launcher != "accelerate" and not (launcher == "slurm" and processes > 1):
        return alone
    config = resources.get("accelerate_config")
    nodes = _whole(mapping(recipe.get("slurm")).get("nodes")) if launcher == "slurm" else 1
    options: list[str] = []
    if isinstance(config, str):
        options += ["--config_file", os.path.abspath(os.path.expanduser(config))]
    else:
        # Said in full, for accelerate asks or warns about what is left out. Without --multi_gpu it starts one process.
        options += ["--multi_gpu", "--mixed_precision", "no", "--dynamo_backend", "no"]
    if nodes > 1:
        options += ["--num_machines", str(nodes), "--machine_rank", env.get(NODE, "0")]
        options += ["--main_process_ip", env.get(MAIN_IP, "127.0.0.1")]
        options += ["--main_process_port", env.get(MAIN_PORT, "29500")]
    elif not isinstance(config, str):
        # Any free port: two runs on a machine must not meet.
        options += ["--num_machines", "1", "--main_process_port", "0"]
    if processes > 1 or isinstance(resources.get("processes") or resources.get("gpus"), int):
        options += ["--num_processes", str(processes)]
    return [python, "-u", "-m", LAUNCH, *options, "-m", *alone[3:]]


def together(recipe: Mapping[str, object]) -> int:
    """How many processes train together, on all nodes: `resources.processes`, or one a GPU."""
    resources, slurm = mapping(recipe.get("resources")), mapping(recipe.get("slurm"))
    asked = resources.get("processes") or resources.get("gpus")
    if recipe.get("launcher") == "slurm" and not resources.get("processes"):
        asked = _whole(slurm.get("nodes")) * _whole(slurm.get("gpus_per_node"))
    return _whole(asked)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1


def module_of(recipe: Mapping[str, object]) -> str:
    """The module that trains `recipe`'s technique; a baseline is only evaluated."""
    technique = str(recipe.get("technique") or "")
    if technique == "baseline":
        return "trainers.evaluate"
    if technique == "custom" or not technique.isidentifier():
        raise ValueError("the recipe names no trainer: a custom technique needs resources.command")
    return f"trainers.{technique}"


def workspace_of(attempt: Path) -> Path:
    """The folder that holds `.cockpit`, in which trainers run; the attempt's own where it lies elsewhere."""
    for folder in attempt.parents:
        if folder.name == ".cockpit":
            return folder.parent
    return attempt


def experiment_of(attempt: Path, recipe: Mapping[str, object]) -> str:
    """The experiment's id: the name of a run in every tracker."""
    return str(recipe.get("experiment_id") or (attempt.parent.parent.name or attempt.name))


def _environment(
    attempt: Path, recipe: Mapping[str, object], base: Mapping[str, str], *, token: str, resume: bool
) -> dict[str, str]:
    resources = mapping(recipe.get("resources"))
    env = {name: value for name, value in base.items() if name != "COCKPIT_RESUME"}
    # A crash in native code should leave its Python traceback in the log.
    env = {"TOKENIZERS_PARALLELISM": "false", "PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"} | env
    env.setdefault("EVO_EXPERIMENT_ID", experiment_of(attempt, recipe))
    devices = resources.get("cuda_visible_devices")
    if isinstance(devices, str):
        env["CUDA_VISIBLE_DEVICES"] = devices
    threads = resources.get("omp_num_threads")
    if isinstance(threads, int):
        env["OMP_NUM_THREADS"] = str(threads)
    elif "OMP_NUM_THREADS" not in env and not _sees_gpu(env):
        env["OMP_NUM_THREADS"] = str(own_threads())
    extra = resources.get("env")
    if isinstance(extra, Mapping):
        given = {str(k): str(v) for k, v in cast("Mapping[object, object]", extra).items()}
        env |= dict(zip(given, hidden.revealed(given.values(), workspace_of(attempt)), strict=True))
    env |= {MARK: token, "COCKPIT_ATTEMPT_DIR": str(attempt), "COCKPIT_PYTHON": sys.executable}
    return env | ({"COCKPIT_RESUME": "1"} if resume else {})


def import_environment(python: str, base: Mapping[str, str]) -> dict[str, str]:
    """So that `-m trainers.X` is found from any folder, and nothing in that folder shadows a library."""
    home = Path(cockpit.__file__).resolve().parent.parent
    if home.name in ("site-packages", "dist-packages"):
        if _same_environment(python):
            return {"PYTHONSAFEPATH": "1"}
        home = _doorway(home, "cockpit", "trainers")  # another environment's libraries must not come along
    known = base.get("PYTHONPATH")
    return {"PYTHONPATH": f"{home}{os.pathsep}{known}" if known else str(home), "PYTHONSAFEPATH": "1"}


def child_environment() -> dict[str, str]:
    """For a process that outlives us: it finds this package, and no run's sweep finds it (we may be in one)."""
    env = {name: value for name, value in os.environ.items() if name != MARK}
    home = str(Path(cockpit.__file__).resolve().parent.parent)
    if not home.endswith("-packages"):
        known = env.get("PYTHONPATH")
        env["PYTHONPATH"] = f"{home}{os.pathsep}{known}" if known else home
    return env


def _contract_environment(base: Mapping[str, str]) -> dict[str, str]:
    """So that a trainer of the user's own finds `cockpit.contract`, whichever Python runs it; after all of theirs."""
    home = Path(cockpit.__file__).resolve().parent.parent
    if home.name in ("site-packages", "dist-packages"):
        home = _doorway(home, "cockpit")
    known = base.get("PYTHONPATH")
    if known and str(home) in known.split(os.pathsep):
        return {}
    return {"PYTHONPATH": f"{known}{os.pathsep}{home}" if known else str(home)}


def _same_environment(python: str) -> bool:
    # Not resolved: two virtual environments link to one interpreter.
    return os.path.abspath(python) == os.path.abspath(sys.executable)


def _doorway(home: Path, *names: str) -> Path:
    """A folder with links to those of our packages alone."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = f"{cockpit.__version__}-{zlib.crc32(str(home).encode()):08x}-{'-'.join(names)}"
    folder = cache / "finetune-cockpit" / f"path-{key}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="finetune-cockpit-"))
    for name in names:
        link = folder / name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(home / name)
    return folder


def _sees_gpu(env: Mapping[str, str]) -> bool:
    if env.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return any(Path(path).exists() for path in ("/dev/nvidia0", "/dev/dxg", "/dev/kfd"))


def own_threads() -> int:
    """Threads of a CPU run: all cores but on a small, shared box, where OpenMP's spinning costs more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return 1 if cores <= 4 else cores // 2
