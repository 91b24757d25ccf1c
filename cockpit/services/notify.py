"""Tells somebody who looks elsewhere that a run has ended: bell, desktop notification, tmux.

COCKPIT_NOTIFY=0 says no to all of it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from cockpit.core.safe_text import clip

WIDTH = 120


def wanted(env: Mapping[str, str]) -> bool:
    """Unless the user opted out."""
    return env.get("COCKPIT_NOTIFY", "").strip().lower() not in ("0", "no", "off", "false", "never")


def sequence(text: str, env: Mapping[str, str]) -> str:
    """What to write to the terminal: a bell, and OSC 9, which terminals that know it show as a notification.

    Empty where it isn't wanted or the terminal is dumb. tmux swallows OSC 9, so it gets the bell alone (and
    marks the window); `text` may come from anywhere, and nothing of it can end the sequence.
    """
    if not wanted(env) or env.get("TERM", "") in ("", "dumb"):
        return ""
    if env.get("TMUX") or env.get("STY") or env.get("TERM") == "linux":
        return "\a"
    return f"\x1b]9;{_harmless(text)}\x1b\\\a"


def to_tmux(text: str, env: Mapping[str, str]) -> bool:
    """Show `text` in the status line of the tmux that we run in; whether that was done. Takes a second at most."""
    tmux = shutil.which("tmux", path=env.get("PATH"))
    if not wanted(env) or not env.get("TMUX") or tmux is None:
        return False
    # tmux expands formats in messages, and #(…) would run a command
    literal = _harmless(text).replace("#", "##").replace("%", "%%")
    pane = ["-t", env["TMUX_PANE"]] if env.get("TMUX_PANE") else []
    try:
        done = subprocess.run(
            [tmux, "display-message", *pane, "--", literal], capture_output=True, timeout=1.0, env=dict(env)
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _harmless(text: str) -> str:
    return clip(text, WIDTH).replace(";", ",")
