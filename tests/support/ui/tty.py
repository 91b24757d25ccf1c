"""A terminal in the test's own process: every byte that the app writes is kept, and emulated by pyte."""

from __future__ import annotations

from typing import Any

import pyte
from textual.drivers.headless_driver import HeadlessDriver

from cockpit.ui.app import CockpitApp


class TtyDriver(HeadlessDriver):
    """Textual's headless driver, but one that writes: to a list of strings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written: list[str] = []
        self.fed = 0
        self.screen = pyte.Screen(*(self._size or (80, 24)))
        self.stream = pyte.Stream(self.screen)

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.written.append(data)


def emulate(app: CockpitApp) -> list[str]:
    """What a terminal shows after all that the app has written so far, a string a row."""
    driver = app._driver
    assert isinstance(driver, TtyDriver)
    driver.stream.feed("".join(driver.written[driver.fed :]))
    driver.fed = len(driver.written)
    return list(driver.screen.display)
