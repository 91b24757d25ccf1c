"""What this terminal can do, from the environment: colours, characters, size, tmux, and a line that may be closed."""

from __future__ import annotations

import locale
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SMALLEST = (80, 24)  # columns, rows


@dataclass(frozen=True, slots=True)
class Terminal:
    """`colours`: 0 (none), 16, 256 or 16777216."""

    name: str
    colours: int
    utf8: bool
    columns: int
    rows: int
    tmux: bool
    clipboard: str = ""
    """How text gets out of it: `OSC 52` (the terminal's own), a command's name, or nothing that is known of."""


def look(
    env: Mapping[str, str], *, size: os.terminal_size | None = None, encoding: str | None = None
) -> Terminal:
    """Judge by the variables that terminals and multiplexers set; `size` and `encoding` are asked for if not given."""
    size = size or shutil.get_terminal_size(SMALLEST)
    encoding = encoding or locale.getpreferredencoding(False)
    return Terminal(
        name=env.get("TERM", ""),
        colours=_colours(env),
        utf8=encoding.replace("-", "").lower() == "utf8",
        columns=size.columns,
        rows=size.lines,
        tmux=bool(env.get("TMUX")),
        clipboard=_clipboard(env),
    )


_OSC_52 = ("kitty", "alacritty", "wezterm", "foot", "ghostty", "iterm", "contour", "vscode", "windows")


def _clipboard(env: Mapping[str, str]) -> str:
    """What carries a copied text: a command on this desk, the terminal over any line, tmux in between."""
    for display, command in (("WAYLAND_DISPLAY", "wl-copy"), ("DISPLAY", "xclip"), ("DISPLAY", "xsel")):
        if env.get(display) and shutil.which(command, path=env.get("PATH")):
            return command
    named = " ".join(env.get(key, "") for key in ("TERM", "TERM_PROGRAM", "LC_TERMINAL")).lower()
    if env.get("TMUX"):
        return "OSC 52 through tmux (set-clipboard on)"
    return "OSC 52" if env.get("WT_SESSION") or any(name in named for name in _OSC_52) else ""


def ends_at_logout(root: Path = Path("/")) -> bool:
    """Whether systemd ends a user's processes at logout (`KillUserProcesses=yes`), runs among them.

    A user who may linger keeps them. Later files override earlier ones, as logind.conf(5) says.
    """
    files = [root / "etc/systemd/logind.conf"]
    for folder in ("usr/lib/systemd/logind.conf.d", "etc/systemd/logind.conf.d", "run/systemd/logind.conf.d"):
        files += sorted((root / folder).glob("*.conf"))
    kills = False
    for path in files:
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "1", "on")
    if not kills:
        return False
    return not (root / "var/lib/systemd/linger" / _user()).exists()


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return os.environ.get("USER", "")


def _colours(env: Mapping[str, str]) -> int:
    name = env.get("TERM", "")
    if env.get("NO_COLOR") or name in ("", "dumb"):
        return 0
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return 1 << 24
    if "256" in name or name in ("xterm-kitty", "alacritty", "wezterm", "foot", "xterm-ghostty"):
        return 256
    return 16
