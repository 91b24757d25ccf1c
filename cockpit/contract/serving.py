"""A warm inference server as its keeper, the cockpit and trainers see it: one folder a base model and box.

The folder lies in the user's state directory, not in a workspace, so that every cockpit and every run of this user on
this box finds the same server. Each file has one writer:

| file | writer | what |
|---|---|---|
| `server.json` | keeper | state, address, the model and its digest, limits: `ServerFacts` |
| `key` | keeper | what requests must carry; readable by its owner alone |
| `keeper.lock` | keeper | held while it lives: a record whose lock is free is a dead keeper's |
| `leases/*` | trainers | held by a run that will ask again: the server is not idle meanwhile |
| `used` | whoever asks | its time is the last use |
| `adapters/*` | trainers | immutable copies, one a scored checkpoint |
| `stop` | cockpit | a wish to stop |
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Generator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cockpit.contract import atomic, lock
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.lock import Lock

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

FOLDER_VARIABLE = "COCKPIT_SERVER_DIR"
"""In a trainer's environment: the folder of the server that answers its mini-evals."""
ADAPTER = "adapter_config.json"
BASE = "base"
"""The name under which the server serves the model itself."""
ServerState = Literal["starting", "ready", "stopping", "stopped", "failed"]
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What `server.json` says. Times are epoch seconds; a port of 0 is not known yet."""

    state: ServerState
    model: str
    """The folder or hub id that is served as `base`."""
    digest: str | None = None
    """`model_digest` of it; None for a hub id."""
    says: str = ""
    """Why it is in this state, in a sentence."""
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    """The mark in its processes' environment; no secret."""
    pid: int | None = None
    born: int | None = None
    """`born` of the process `pid`, which tells it from a later one with the same number."""
    namespace: str = ""
    """Where `pid` and `born` mean something (`pid_namespace`)."""
    started: float = 0.0
    ready: float | None = None
    restarts: int = 0
    max_model_len: int = 0
    """Tokens of prompt and answer together."""
    max_lora_rank: int = 0
    max_loras: int = 0
    dtype: str = "auto"
    idle_s: float = 0.0
    memory: str = ""
    """Its share of memory, in words."""
    python: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerLayout:
    """Paths only."""

    root: Path

    @property
    def record(self) -> Path:
        return self.root / "server.json"

    @property
    def plan(self) -> Path:
        """How it is started; written by whoever starts it."""
        return self.root / "plan.json"

    @property
    def key(self) -> Path:
        return self.root / "key"

    @property
    def lock(self) -> Path:
        return self.root / "keeper.lock"

    @property
    def leases(self) -> Path:
        return self.root / "leases"

    @property
    def used(self) -> Path:
        return self.root / "used"

    @property
    def adapters(self) -> Path:
        return self.root / "adapters"

    @property
    def stop(self) -> Path:
        return self.root / "stop"

    @property
    def log(self) -> Path:
        """The server's own output."""
        return self.root / "server.log"

    @property
    def keeper_log(self) -> Path:
        return self.root / "keeper.log"


def home() -> Path:
    """Where this user's servers on this box are. Of this box: the home folder may be on several."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    own = os.environ.get("COCKPIT_STATE")
    return (Path(own) if own else Path(state) / "finetune-cockpit") / "serve" / socket.gethostname()


def layout_for(model: str, digest: str | None) -> ServerLayout:
    """The folder of the server for this model: by content, where it is on this disk."""
    identity = digest or hashlib.sha256(model.encode("utf-8", "backslashreplace")).hexdigest()
    return ServerLayout(home() / identity[:16])


def of_changed_base(init: object) -> bool:
    """Whether an adapter that began so is one of another base than its own: peft takes its beginning off the base."""
    return isinstance(init, str) and init.startswith(("pissa", "olora", "corda"))


def why_not(recipe: Recipe) -> str | None:
    """Why no server can answer this recipe's evaluations, which is known before one is started; None where it can."""
    model = recipe.model
    if recipe.technique == "reward":
        return "a reward model gives no answers"
    if model.load_in_4bit:
        return "the run trains on 4-bit weights, and a server's are not"
    if recipe.technique not in ("baseline", "custom") and recipe.peft is None:
        return "a server takes adapters, and this run trains full weights"
    if recipe.peft is not None and (recipe.peft.trainable_token_indices or recipe.peft.modules_to_save):
        return "a server takes LoRA alone, and this adapter trains embeddings or other modules too"
    if recipe.peft is not None and recipe.peft.use_dora:
        return "a server takes plain LoRA, and this adapter is DoRA"
    if recipe.peft is not None and of_changed_base(recipe.peft.init_lora_weights):
        return f"the adapter begins as {recipe.peft.init_lora_weights}, which changes the base that a server holds"
    if model.warm_start and model.adapter == "merge" and (Path(model.warm_start) / ADAPTER).is_file():
        return "the run's base is made when it starts (a merged adapter), so no server has it"
    return None


def model_of(recipe: Recipe) -> str:
    """The model that a server must serve for this recipe: what its adapter will be on top of."""
    begun = recipe.model.warm_start
    if begun and Path(begun).is_dir() and not (Path(begun) / ADAPTER).is_file():
        return str(Path(begun).resolve())
    return named(recipe.model.name_or_path)


def named(model: str) -> str:
    """A folder's absolute path, or the hub id as it is."""
    place = Path(model).expanduser()
    return str(place.resolve()) if place.is_dir() else model


def read(layout: ServerLayout) -> ServerFacts | None:
    """What the record says, a dead keeper's too (ask `kept`); None where there is none that can be read.

    A record says "ready" until its keeper has noticed that the server died, so that word alone is not believed: where
    the process is gone the state is "starting", which it will be, or "failed", as soon as the keeper has looked.
    """
    value = atomic.read_object(layout.record)
    if value is None:
        return None
    known = {field.name for field in fields(ServerFacts)}
    try:
        facts = ServerFacts(**{k: v for k, v in value.items() if k in known})
    except TypeError:
        return None
    if facts.state == "ready" and _is_gone(facts):
        return replace(facts, state="starting", says="it died, and its keeper is about to notice")
    return facts


def write(layout: ServerLayout, facts: ServerFacts) -> None:
    """Replace the record. Raises OSError."""
    atomic.write_json(layout.record, {"v": 1, **asdict(facts)})


def born(pid: int) -> int | None:
    """When this process began, in the kernel's ticks since boot; None where it is gone, or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    rest = text[text.rindex(b")") + 2 :].split()  # the name before it may hold brackets and blanks itself
    return None if rest[0] in (b"Z", b"X") else int(rest[19])


def pid_namespace() -> str:
    """Which numbering of processes this one lives in: a container has its own. Empty where /proc doesn't say."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _is_gone(facts: ServerFacts) -> bool:
    """Whether the process that answered has certainly ended; False where that can't be known from here."""
    if facts.pid is None or facts.born is None or facts.namespace != pid_namespace():
        return False
    return born(facts.pid) != facts.born


def read_key(layout: ServerLayout) -> str:
    """What a request carries. Raises CockpitError where it can't be read."""
    try:
        return layout.key.read_text().strip()
    except OSError as error:
        raise CockpitError(
            f"the server's key can't be read: {error.strerror}", "Start it anew.", file=layout.key
        ) from error


def kept(layout: ServerLayout) -> bool:
    """Whether a keeper lives: it holds its lock, and the kernel lets go of that when it dies."""
    return lock.is_held(layout.lock, unknown=True)


def leased(layout: ServerLayout) -> list[str]:
    """The runs that will ask again; leases that nobody holds any more are removed."""
    living: list[str] = []
    for path in sorted(layout.leases.glob("*")) if layout.leases.is_dir() else ():
        if lock.is_held(path, unknown=True):
            living.append(path.name)
        else:
            path.unlink(missing_ok=True)
    return living


def lease(layout: ServerLayout, name: str) -> Lock | None:
    """Keep the server warm for as long as the lease is held; None where that can't be written down."""
    path = layout.leases / name
    try:
        layout.leases.mkdir(parents=True, exist_ok=True)
        for _ in range(3):  # whoever looks through the leases may remove the file just before it is held
            held = lock.take(path, shared=True, wait_s=float("inf"))
            if held.state == "held" and held.is_on(path):
                return held
            held.release()
    except OSError:
        return None
    return None


def touch(layout: ServerLayout) -> None:
    """Note a use."""
    with contextlib.suppress(OSError):
        layout.used.touch()


@contextlib.contextmanager
def holding(path: Path) -> Generator[bool]:
    """Hold a lock file; gives False where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock.take(path, wait_s=lock.PROBE_S) as held:
        yield held.state == "held"


def model_digest(model: str | Path) -> str | None:
    """A digest of a local model: its configuration, and size, beginning, middle and end of each weight file.

    None where `model` is no folder (a hub id) or can't be read.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    try:
        for name in ("config.json", "adapter_config.json"):
            if (folder / name).is_file():
                digest.update(untrusted.read_bytes(folder / name))
        for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with untrusted.opened(path) as handle:
                for at in (0, size // 2, max(0, size - _CHUNK)):
                    handle.seek(at)
                    digest.update(handle.read(_CHUNK))
    except OSError:
        return None
    return digest.hexdigest()
