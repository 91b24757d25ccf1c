"""Send a message to one target within bounded time, and say what it answered without its address.

An address is revealed here and nowhere else: from the environment or the keyring, for as long as one message takes.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.core.alerts import Settings, masked
from cockpit.core.safe_text import clip
from cockpit.services.system import hidden, processes

TARGET_S = 10.0
ANSWER = 200  # characters of what a target answered
SERVICE = "finetune-cockpit"
INSTALL = "apprise is not installed: `pip install 'finetune-cockpit[alerts]'` brings it"
COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a message to one target, in words that hold no secret."""

    target: str
    delivered: bool
    says: str


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who is told: `name` is how the settings call it, and safe to show."""

    name: str
    deliver: Callable[[str, str], tuple[bool, str]]


def targets(settings: Settings, folder: Path, env: Mapping[str, str] = os.environ) -> list[Target]:
    """Everybody whom the settings name; commands run in `folder`, the workspace's."""
    made = [Target(name, _by_apprise(name, env)) for name in settings.to]
    if settings.command:
        made.append(Target(COMMAND, _by_command(settings.command, folder)))
    return made


def send(target: Target, title: str, text: str, *, within_s: float = TARGET_S) -> Answer:
    """Tell one target, for at most `within_s` seconds. Never raises."""
    answers: list[tuple[bool, str]] = []

    def work() -> None:
        try:
            answers.append(target.deliver(title, text))
        except Exception as error:  # noqa: BLE001 - a plugin's or a keyring's; its words may hold the address
            answers.append((False, f"it failed with {type(error).__name__}"))

    # A thread: neither a slow server's library nor a keyring that asks its user can be interrupted.
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(within_s)
    delivered, says = answers[0] if answers else (False, f"it did not answer within {within_s:.0f} s")
    return Answer(target.name, delivered, clip(says, ANSWER))


def lacking(settings: Settings, env: Mapping[str, str] = os.environ) -> list[str]:
    """What keeps messages from being sent, in sentences; nothing is sent or revealed, and no keyring is asked."""
    found: list[str] = []
    if settings.to and importlib.util.find_spec("apprise") is None:
        found.append(INSTALL)
    for name in settings.to:
        kind, _, rest = name.partition(":")
        if kind == "env" and not env.get(rest):
            found.append(_unset(name))
        if kind == "keyring" and importlib.util.find_spec("keyring") is None:
            found.append(_no_keyring(name))
    return found


def _unset(name: str) -> str:
    return f"{name}: that variable is not set in the environment that the cockpit runs in"


def _no_keyring(name: str) -> str:
    return f"{name}: the package keyring is not installed: `pip install keyring`, or use `env:NAME`"


def _by_apprise(name: str, env: Mapping[str, str]) -> Callable[[str, str], tuple[bool, str]]:
    def deliver(title: str, text: str) -> tuple[bool, str]:
        address, wrong = _address(name, env)
        if address is None:
            return False, wrong
        try:
            apprise: Any = importlib.import_module("apprise")
        except ImportError:
            return False, INSTALL
        with _Heard() as heard:
            asset = apprise.AppriseAsset(app_id="cockpit", storage_mode="memory")
            plugin = apprise.Apprise.instantiate(address, asset=asset)
            if plugin is None:
                return False, "no service that apprise knows has such an address"
            done = bool(plugin.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))
        if done:
            return True, "delivered"
        return False, masked(" ".join(heard.said) or "it refused the message", [address])

    return deliver


def _address(name: str, env: Mapping[str, str]) -> tuple[str | None, str]:
    """The address that a name stands for, or why there is none."""
    kind, _, rest = name.partition(":")
    if kind == "env":
        return (env[rest].strip(), "") if env.get(rest, "").strip() else (None, _unset(name))
    if kind == "keyring":
        try:
            keyring: Any = importlib.import_module("keyring")
        except ImportError:
            return None, _no_keyring(name)
        kept = keyring.get_password(SERVICE, rest)
        return (kept, "") if kept else (None, f"{name}: kept nowhere: `keyring set {SERVICE} {rest}`")
    return name, ""


class _Heard(logging.Handler):
    """What apprise says in this thread, which nobody else is to get: it may hold the address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def __enter__(self) -> _Heard:
        logging.getLogger("apprise").addHandler(self)
        for name in ("apprise", "urllib3", "requests"):
            logging.getLogger(name).addHandler(logging.NullHandler())
            logging.getLogger(name).propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and len(self.said) < 10:
            self.said.append(re.sub(r"\s+", " ", record.getMessage()))


def _by_command(words: Sequence[str], folder: Path) -> Callable[[str, str], tuple[bool, str]]:
    """The program reads the text on its standard input; the title is in COCKPIT_ALERT_TITLE."""

    def deliver(title: str, text: str) -> tuple[bool, str]:
        try:
            process = subprocess.Popen(
                list(words),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, "COCKPIT_ALERT_TITLE": title},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            return False, f"{hidden.masked(words)[0]} could not be started: {why}"
        try:
            process.communicate(f"{text}\n".encode("utf-8", "replace"), timeout=TARGET_S * 0.9)
        except subprocess.TimeoutExpired:
            processes.end_all(lambda: processes.belonging("", [process.pid]), grace_s=0.0)
            process.wait()
            return False, "it was not done in time, and was ended"
        code = process.returncode
        return code == 0, "done" if code == 0 else f"it ended with exit code {code}"

    return deliver
