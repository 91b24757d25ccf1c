"""Start, find, look at and stop warm servers. Their keepers own them: nothing here has to stay alive for them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cockpit.contract import atomic, serving
from cockpit.contract.errors import CockpitError
from cockpit.contract.serving import ServerFacts, ServerLayout
from cockpit.contract.values import mapping
from cockpit.core.recipe import memory
from cockpit.core.recipe import serving as rules
from cockpit.services.dataset import measure
from cockpit.services.recipe import fit
from cockpit.services.serving import http
from cockpit.services.system import environments, hardware, spawn
from cockpit.services.system.processes import Row, belonging, end_all, table
from cockpit.services.workspace.workspace import Workspace

KEEPER = "cockpit.services.serving.keeper"
TAKE_OVER_S = 60.0  # until a new keeper has its lock and has written its first record
_ABOVE_0 = ("max_model_len", "max_lora_rank", "max_loras")
STOP_S = 40.0  # vLLM's own end, then what is left of it


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """What [serve] of cockpit.toml or the command line asks for; None is what `core.serving` finds right."""

    python: str | None = None
    """An interpreter that has vLLM, instead of the environment that `cockpit env add vllm` makes."""
    max_model_len: int | None = None
    max_lora_rank: int | None = None
    max_loras: int | None = None
    gpu: int | None = None
    kv_cache_gib: float | None = None
    idle_min: float | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        numbers: dict[str, tuple[type, ...]] = dict.fromkeys((*_ABOVE_0, "gpu"), (int,))
        numbers |= {"kv_cache_gib": (int, float), "idle_min": (int, float)}
        for name, kinds in numbers.items():
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, kinds) or isinstance(value, bool):
                kind = "a number" if float in kinds else "a whole number"
                raise CockpitError(f"serve.{name}={value!r}: it must be {kind}")
            if name in (*_ABOVE_0, "kv_cache_gib") and value <= 0:
                raise CockpitError(f"serve.{name}={value}: it must be more than 0")
            if value < 0:
                raise CockpitError(f"serve.{name}={value}: it can't be less than 0")
        for name in ("python", "dtype"):
            if not isinstance(getattr(self, name), str | None):
                raise CockpitError(f"serve.{name}={getattr(self, name)!r}: it must be a text")


IDLE_MIN = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it is now. `adapters` are those loaded; `resident` bytes of memory of all its processes."""

    layout: ServerLayout
    facts: ServerFacts
    alive: bool
    """Whether its keeper lives."""
    adapters: tuple[str, ...] = ()
    leases: tuple[str, ...] = ()
    resident: int | None = None
    used: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`; the key is not in it."""
        return {
            **asdict(self.facts),
            "url": self.facts.url,
            "alive": self.alive,
            "adapters": list(self.adapters),
            "leases": list(self.leases),
            "resident": self.resident,
            "used": self.used,
            "folder": str(self.layout.root),
            "log": str(self.layout.log),
        }


def request_of(ws: Workspace | None, **more: Any) -> ServerRequest:
    """[serve] of the workspace's cockpit.toml, and `more` over it. Raises CockpitError for a value that can't be."""
    told = dict(ws.config.sections.get("serve") or {}) if ws is not None else {}
    told |= {name: value for name, value in more.items() if value is not None}
    return ServerRequest(**told)


def start(
    ws: Workspace | None,
    model: str,
    request: ServerRequest,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    rank: int | None = None,
    trainer: int | None = None,
) -> tuple[Server, bool]:
    """The server of `model` (a folder or hub id), started if there is none; whether it was found.

    Returns as soon as its keeper lives: see `wait`. `rank`: of the adapters to come, `trainer`: bytes that a run on
    the same device still needs. Raises CockpitError: no vLLM, no room, or a keeper that would not start.
    """
    model = serving.named(model)
    digest = serving.model_digest(model)
    layout = serving.layout_for(model, digest)
    sweep(layout)
    if serving.kept(layout):
        found = look(layout)
        if found is not None and found.facts.state in ("starting", "ready"):
            return found, True
        _until(lambda: not serving.kept(layout), STOP_S)
    plan = _plan(ws, model, digest, request, rank=rank, trainer=trainer)
    plan |= {"revision": revision, "trust_remote_code": trust_remote_code}
    layout.root.mkdir(parents=True, exist_ok=True)
    layout.root.chmod(0o700)
    layout.stop.unlink(missing_ok=True)
    layout.record.unlink(missing_ok=True)
    atomic.write_json(layout.plan, plan)
    _spawn(layout)
    if not _until(lambda: serving.read(layout) is not None, TAKE_OVER_S):
        raise CockpitError("the server's keeper did not start", "Its log says why.", file=layout.keeper_log)
    begun = look(layout)
    assert begun is not None
    return begun, False


def wait(layout: ServerLayout, timeout: float, tick: Callable[[], None] = lambda: None) -> ServerFacts:
    """Until it answers. Raises CockpitError with its last words where it fails, or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        kept = serving.kept(layout)  # asked first: what a keeper says last is in the record by then
        facts = serving.read(layout)
        if facts is not None and facts.state == "ready" and kept:
            return facts
        over = facts is None or facts.state in ("failed", "stopped")
        if over or not kept:
            why = (over and facts and facts.says) or "its keeper is gone"
            raise CockpitError(f"the server did not start: {why}", "Its log says more.", file=layout.log)
        if time.monotonic() > deadline:
            raise CockpitError(
                f"the server is not ready after {timeout:.0f} s", "It goes on starting.", file=layout.log
            )
        tick()
        time.sleep(0.2)


def stop(layout: ServerLayout, timeout: float = STOP_S) -> ServerFacts | None:
    """End it with all its processes; the record afterwards. Raises CockpitError where it won't end."""
    if serving.kept(layout):
        layout.stop.touch()
        if not _until(lambda: not serving.kept(layout), timeout):
            why = f"the server has not ended within {timeout:.0f} s"
            raise CockpitError(why, "Its log says more.", file=layout.keeper_log)
    sweep(layout)
    return serving.read(layout)


def every() -> list[Server]:
    """Every server of this user on this box that lives or left a record, the newest first; dead ones are swept."""
    home = serving.home()
    layouts = [ServerLayout(path) for path in sorted(home.iterdir())] if home.is_dir() else []
    for layout in layouts:
        sweep(layout)
    found = [server for layout in layouts if (server := look(layout)) is not None]
    return sorted(found, key=lambda server: (not server.alive, -server.facts.started))


def look(layout: ServerLayout) -> Server | None:
    """One server as it is now; asks it for its adapters, which takes at most a few seconds."""
    facts = serving.read(layout)
    if facts is None:
        return None
    alive = serving.kept(layout)
    if not alive:
        return Server(layout, facts, alive=False)
    names: tuple[str, ...] = ()
    if facts.state == "ready":
        try:
            names = tuple(http.adapters(facts.url, serving.read_key(layout)))
        except (OSError, ValueError, KeyError, CockpitError):
            names = ()
    resident = sum(hardware.resident(row.pid) for row in processes_of(facts)) or None
    try:
        used: float | None = layout.used.stat().st_mtime
    except OSError:
        used = None
    return Server(layout, facts, True, names, tuple(serving.leased(layout)), resident, used)


def sweep(layout: ServerLayout) -> int:
    """End what a killed keeper left, and say so in the record; the number of processes that were ended."""
    facts = serving.read(layout)
    if facts is None or facts.state in ("stopped", "failed") or serving.kept(layout):
        return 0
    ended = end_all(lambda: processes_of(facts), grace_s=3.0)
    if serving.kept(layout):
        return len(ended)
    serving.write(layout, replace(facts, state="stopped", says="its keeper was killed", ready=None))
    layout.key.unlink(missing_ok=True)
    return len(ended)


def processes_of(facts: ServerFacts) -> list[Row]:
    """Every living process of a server.

    By its mark and by its session: the engine's processes write their titles over the environment that holds the mark.
    A session's number is not given away while a process is in it, so a leader without the mark is somebody else's.
    """
    if not facts.token or facts.pid is None or facts.started < time.time() - _uptime():
        return []
    rows = table()
    marked = belonging(facts.token, rows=rows)
    leader = rows.get(facts.pid)
    if leader is not None and not leader.zombie and leader.pid not in {row.pid for row in marked}:
        return marked
    return belonging(facts.token, [facts.pid], rows)


def python_with_vllm(ws: Workspace | None, request: ServerRequest) -> list[str]:
    """The command that `serve …` follows. Raises CockpitError where there is no vLLM."""
    entry = ["-m", "vllm.entrypoints.cli.main"]
    if request.python:
        python = Path(request.python).expanduser()
        if not python.is_file():
            raise CockpitError("serve.python is no interpreter", "Name one that has vLLM.", file=python)
        return [str(python), *entry]
    if ws is not None:
        made = environments.look(ws.root, "vllm")
        if made.ready:
            return [str(made.python), *entry]
    if importlib.util.find_spec("vllm") is not None:
        return [sys.executable, *entry]
    raise CockpitError(
        "there is no vLLM here",
        "`cockpit env add vllm` makes an environment for it; one that you have: python in [serve] of cockpit.toml.",
    )


def _plan(
    ws: Workspace | None,
    model: str,
    digest: str | None,
    request: ServerRequest,
    *,
    rank: int | None,
    trainer: int | None,
) -> dict[str, Any]:
    command = python_with_vllm(ws, request)
    devices, gpus = fit.here()
    index, device = _device(devices, request.gpu) if gpus else (None, devices[0] if devices else None)
    dtype = request.dtype or ("auto" if gpus else "float32")
    config, limit = _config(model)
    shape = memory.Shape.from_config(config) if config else None
    weights = _weights(model, shape, dtype)
    kv = int(request.kv_cache_gib * rules.GIB) if request.kv_cache_gib else None
    share = rules.share(weights, gpu_total=device.total if gpus and device else None, kv=kv)
    why = rules.refusal(share, device.free if device else None, trainer)
    if why:
        raise CockpitError(why)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return {
        "v": 1,
        "model": model,
        "digest": digest,
        "command": command,
        "python": command[0],
        "host": "127.0.0.1",
        "dtype": dtype,
        "max_model_len": rules.length(limit, request.max_model_len),
        "max_lora_rank": request.max_lora_rank or max(rules.MAX_LORA_RANK, rules.lora_rank(rank or 1)),
        "max_loras": request.max_loras or rules.MAX_LORAS,
        "gpu": index,
        "gpu_memory_utilization": share.fraction,
        "kv_gib": max(1, round(share.kv / rules.GIB)),
        "cores": ",".join(map(str, cores)) or None,
        "idle_s": 60 * (IDLE_MIN if request.idle_min is None else request.idle_min),
        "memory": share.description,
        "offline": digest is not None,
    }


def _device(devices: list[memory.Device], wanted: int | None) -> tuple[int, memory.Device]:
    """The GPU that is asked for, else the one with the most free memory. Raises CockpitError for one that isn't."""
    if wanted is not None and wanted >= len(devices):
        raise CockpitError(f"serve.gpu={wanted}: there are GPUs 0 to {len(devices) - 1}")
    index = max(range(len(devices)), key=lambda at: devices[at].free) if wanted is None else wanted
    return index, devices[index]


def _config(model: str) -> tuple[Mapping[str, Any] | None, int | None]:
    """The model's config.json, where it is on this machine, and how many tokens it takes."""
    file = measure.model_file(model, "config.json")
    value = atomic.read_object(file) if file is not None else None
    if value is None:
        return None, None
    limit = (mapping(value.get("text_config")) or value).get("max_position_embeddings")
    return value, limit if isinstance(limit, int) and limit > 0 else None


def _weights(model: str, shape: memory.Shape | None, dtype: str) -> int:
    """Bytes of the weights as they are served; 0 where nothing is known of them."""
    folder = Path(model)
    if folder.is_dir():
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        if size:
            return size
    return shape.counted * rules.BYTES.get(dtype, 2) if shape is not None else 0


def _uptime() -> float:
    try:
        return float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError):
        return float("inf")


def _spawn(layout: ServerLayout) -> None:
    with layout.keeper_log.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-P", "-m", KEEPER, str(layout.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=spawn.child_environment(),
            start_new_session=True,
        )


def _until(done: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
