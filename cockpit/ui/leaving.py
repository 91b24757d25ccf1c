"""How the screens end without a key: a signal has the terminal put right first, a terminal that is gone ends them.

A terminal window that closes sends SIGHUP; where that is ignored (`nohup`, some sessions), reading the terminal gives
nothing for ever, and a program that goes on would turn half a core.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

PATIENCE_S = 5.0
"""For the way out; a terminal that takes nothing any more may hold it up for ever."""


def heed_signals(leave: Callable[[int], None]) -> None:
    """Have SIGTERM and SIGHUP call `leave` with the exit code, in the running loop; ignored ones stay ignored."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            with suppress(ValueError, RuntimeError, NotImplementedError):  # not in the main thread
                loop.add_signal_handler(number, _leave, leave, 128 + number)


def terminal_is_gone() -> bool:
    """Return True if the terminal that this process was started in can't be reached any more."""
    try:
        return not os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False
    except (OSError, ValueError):
        return True


def leave_the_gone(leave: Callable[[int], None]) -> None:
    """Call `leave` where the terminal is gone."""
    if terminal_is_gone():
        _leave(leave, 128 + signal.SIGHUP)


def _leave(leave: Callable[[int], None], code: int) -> None:
    last = threading.Timer(PATIENCE_S, os._exit, (code,))
    last.daemon = True
    last.start()
    leave(code)
