"""Watch a folder on another machine by the person's own ssh: a copy here that follows it, and nothing installed there.

One connection stays open; what runs at its other end is a shell that answers two questions: which files are there,
and what stands in one from a byte on. Only the files that runs are told by are asked for; nothing is written there.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.core.safe_text import clip

MARK = ".copied-by-ssh"
"""In the copy's folder: requests that are left in it reach nobody."""
EVERY_S = 3.0
_RETRY_S = 15.0
_PATIENCE_S = 60.0  # for one answer
_TYPING_S = 180.0  # for a connection, where a password may be asked for
_BLOCK = 1 << 20
_MOST_FILES, _MOST_BYTES = 2000, 2 << 30
_NAMES = (
    "trainer_state.json", "trainer_log.jsonl", "events.out.tfevents.*", "*.wandb", "adapter_config.json", "config.json",
    "completions_*.parquet", "recipe.json", "process.json", "events.jsonl", "metrics.jsonl", "*.csv", "log.jsonl",
    "train_log.jsonl", "*.log", "eval_step_*.jsonl", "train_step_*.jsonl",
)  # fmt: skip
_GROWING = (".jsonl", ".wandb", ".csv", ".log")
_PLACE = re.compile(r"(?P<host>(?:[\w.+-]+@)?[A-Za-z0-9][\w.-]*):(?!//)(?P<path>[^\0\n]+)")
_END = b"==end=="
_SHELL = r"""
p={path}; case $p in "~") p=$HOME;; "~/"*) p=$HOME/${{p#"~/"}};; esac
if [ -d "$p" ]; then cd -- "$p" && only="" || exit 3
elif [ -f "$p" ]; then cd -- "$(dirname -- "$p")" && only=$(basename -- "$p") || exit 3
else echo "==none=="; exit 3; fi
if stat -c %s . >/dev/null 2>&1; then as=-c form='%s %Y %i %n'; else as=-f form='%z %m %i %N'; fi
echo "==here=="
while IFS= read -r line; do
  case $line in
    list) if [ -n "$only" ]; then stat "$as" "$form" "./$only"; else
      find . -maxdepth 6 -type f \( {names} \) -exec stat "$as" "$form" {{}} + 2>/dev/null | head -n {most}; fi;;
    *) rest=${{line#* }}; from=${{rest%% *}}; rest=${{rest#* }}; count=${{rest%% *}}; name=${{rest#* }}
      tail -c "+$from" -- "$name" 2>/dev/null | head -c "$count" | base64;;
  esac
  echo "==end=="
done
"""


class _File(NamedTuple):
    size: int
    time: int
    inode: int


def split(place: str) -> tuple[str, str] | None:
    """Give host and path of `[USER@]HOST:PATH`, None for what is no such place or is there on this machine."""
    match = _PLACE.fullmatch(place)
    return None if match is None or Path(place).exists() else (match["host"], match["path"])


class Remote:
    """A copy in `root` of the runs' files at `host:path`. `trouble` says what keeps it from following, if anything.

    Raises CockpitError where the host can't be reached or nothing is there.
    """

    def __init__(self, host: str, path: str, *, clock: Callable[[], float] = time.time) -> None:
        self.host, self.path = host, path
        self._box = Path(tempfile.mkdtemp(prefix="cockpit-ssh-"))
        (self._box / MARK).touch()
        self.root = self._box / (
            Path(path).name.strip(".")[:100] or host
        )  # a run in the folder itself is called by its name
        self.root.mkdir()
        self.trouble = ""
        self._clock = clock
        self._had: dict[str, _File] = {}
        self._brought = 0
        self._shells: list[subprocess.Popen[bytes]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="cockpit-ssh", daemon=True)
        try:
            self._shell = self._connect(asks=True)
            self.copy()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Go on following in a thread, and connect again where the line broke."""
        self._thread.start()

    def close(self) -> None:
        """End the connection and throw the copy away."""
        self._stop.set()
        for shell in self._shells:
            _end(shell)
        if self._thread.is_alive():
            self._thread.join(5.0)
        shutil.rmtree(self._box, ignore_errors=True)

    def copy(self) -> None:
        """Bring what is new. Raises ConnectionError where the line is gone, OSError where it can't be written here."""
        for line in self._ask(b"list").splitlines():
            name, file = _listed(line)
            if file is None or file == self._had.get(name):
                continue
            if self._brought > _MOST_BYTES:
                self.trouble = f"more than {_MOST_BYTES >> 30} GB came from {self.host}: the rest is left out"
                return
            self._had[name] = file._replace(size=self._bring(name, file))
        self.trouble = ""

    def _bring(self, name: str, file: _File) -> int:
        """Bring a file, or what came to it; gives how much of it is here."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        before = self._had.get(name)
        grows = target.suffix in _GROWING or ".tfevents." in target.name
        if grows and before is not None and before.inode == file.inode and before.size <= file.size:
            part = self._read(name, before.size, file.size - before.size)
            with target.open("ab") as handle:
                handle.write(part)
            here = before.size + len(part)
        else:
            part = self._read(name, 0, min(file.size, _MOST_BYTES))
            atomic.write_bytes(target, part)
            here = len(part)
        self._brought += len(part)
        os.utime(target, (file.time, file.time))
        return here

    def _read(self, name: str, start: int, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            asked = min(_BLOCK, count - len(found))
            part = base64.b64decode(
                self._ask(f"read {start + len(found) + 1} {asked} {name}".encode("utf-8", "surrogateescape"))
            )
            found += part
            if len(part) < asked:
                break  # it became shorter meanwhile: the next listing says so
        return bytes(found)

    def _ask(self, question: bytes) -> bytes:
        if self._stop.is_set():
            raise ConnectionError("it is closed")
        stdin, stdout = self._shell.stdin, self._shell.stdout
        assert stdin is not None
        assert stdout is not None
        # An answer that never comes must not hold the thread for ever: then the connection is ended from here.
        timer = threading.Timer(_PATIENCE_S, _end, (self._shell,))
        timer.start()
        try:
            stdin.write(question + b"\n")
            stdin.flush()
            lines: list[bytes] = []
            for line in iter(stdout.readline, b""):
                if line.rstrip() == _END:
                    return b"".join(lines)
                lines.append(line)
        finally:
            timer.cancel()
        raise ConnectionError(f"the connection to {self.host} ended")

    def _connect(self, *, asks: bool) -> subprocess.Popen[bytes]:
        """Start ssh. Where the screens are open already it must not ask for anything on the terminal."""
        names = " -o ".join(f"-name {shlex.quote(name)}" for name in _NAMES)
        script = _SHELL.format(path=shlex.quote(self.path), names=names, most=_MOST_FILES)
        quiet = [] if asks else ["-oBatchMode=yes"]
        far = f"exec sh -c {shlex.quote(script)}"
        command = [
            "ssh",
            "-T",
            "-oServerAliveInterval=15",
            "-oConnectTimeout=15",
            *quiet,
            "--",
            self.host,
            far,
        ]
        # A file, not a pipe: a master connection that stays behind keeps what it was given open.
        with (self._box / "ssh.log").open("w+b") as complaints:
            try:
                shell = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
                )
            except FileNotFoundError:
                raise CockpitError(
                    "there is no ssh on this machine", "Install it (Debian: openssh-client)."
                ) from None
        self._shells = [*(one for one in self._shells if one.poll() is None), shell]
        if self._stop.is_set():
            _end(shell)
        timer = threading.Timer(_TYPING_S if asks else _PATIENCE_S, _end, (shell,))
        timer.start()
        try:
            there = self._greeted(shell)
        finally:
            timer.cancel()
        if there is None:
            return shell
        _end(shell)
        raise self._refused(there=there)

    def _greeted(self, shell: subprocess.Popen[bytes]) -> bool | None:
        """Read to the far shell's first word: None where all is well, else whether the host was reached at all."""
        assert shell.stdout is not None
        for _ in range(200):  # what a login prints before
            line = shell.stdout.readline()
            if line.rstrip() == b"==here==":
                return None
            if not line or line.rstrip() == b"==none==":
                return bool(line)
        return False

    def _refused(self, *, there: bool) -> CockpitError:
        """Which of the two it was, in ssh's own last words."""
        if there:
            return CockpitError(f"there is nothing at {self.path} on {self.host}", "Correct the path.")
        said = untrusted.read_text(self._box / "ssh.log").strip().splitlines()
        why = clip(said[-1], 200) if said else "it ended without a word"
        return CockpitError(
            f"{self.host} can't be reached by ssh: {why}",
            f"Try `ssh {self.host} true`; what works there works here.",
        )

    def _follow(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.copy()
            except (ConnectionError, ValueError) as error:
                self._again(error)
            except OSError as error:
                self.trouble = (
                    f"the copy of {self.host}'s files can't be written here: {error.strerror or error}"
                )

    def _again(self, error: Exception) -> None:
        since = time.strftime("%H:%M", time.localtime(self._clock()))
        self.trouble = f"{self.host} is not reached since {since} ({error}); what stands here is as of then"
        _end(self._shell)
        while not self._stop.wait(_RETRY_S):
            with contextlib.suppress(CockpitError, OSError):
                self._shell = self._connect(asks=False)
                return


def _listed(line: bytes) -> tuple[str, _File | None]:
    """Name and state of a listed file; a name that would lead out of the copy's folder is none."""
    parts = line.decode("utf-8", "surrogateescape").split(" ", 3)
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts[:3]):
        return "", None
    name = parts[3]
    pieces = Path(name).parts
    if not name.startswith("./") or ".." in pieces or any(len(piece) > 200 for piece in pieces):
        return "", None
    return name, _File(int(parts[0]), int(parts[1]), int(parts[2]))


def _end(shell: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        shell.kill()
    shell.wait()
