"""How often the screen may change: at most N times a second, the first change at once, the last one never lost."""

from __future__ import annotations

import os
from collections.abc import Mapping

LOCAL_FPS, REMOTE_FPS = 10.0, 4.0


def frames_per_second(environ: Mapping[str, str] | None = None) -> float:
    """4 over SSH, 10 locally; `COCKPIT_FPS` overrides it (0.2 to 30)."""
    env = os.environ if environ is None else environ
    try:
        return min(30.0, max(0.2, float(env["COCKPIT_FPS"])))
    except (KeyError, ValueError):
        pass
    return REMOTE_FPS if env.get("SSH_CONNECTION") or env.get("SSH_TTY") else LOCAL_FPS


class FrameCap:
    """Decides, change by change, whether to draw now or after a pause. Seconds on any monotonic clock."""

    def __init__(self, fps: float) -> None:
        self.gap = 1.0 / fps
        self.last = float("-inf")
        self.waiting = False

    def ask(self, now: float) -> float | None:
        """0: draw now. A number: draw after so many seconds. None: a drawing is on its way already."""
        if self.waiting:
            return None
        wait = self.last + self.gap - now
        if wait <= 0:
            self.last = now
            return 0.0
        self.waiting = True
        return wait

    def drawn(self, now: float) -> None:
        """The drawing that was put off is done."""
        self.waiting = False
        self.last = now
