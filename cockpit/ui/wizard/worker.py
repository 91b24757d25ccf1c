"""Does what the wizard needs files for in a thread, one thing at a time, and says which page comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from cockpit.contract.errors import CockpitError
from cockpit.data.reading.watched import watched
from cockpit.ui.messages import RowsRead, WizardEvent, WizardTurned

if TYPE_CHECKING:
    from cockpit.services.wizard.page import Page
    from cockpit.services.wizard.wizard import Wizard
    from cockpit.ui.backend.protocol import Backend


class WizardWorker:
    """Answers every request with a WizardTurned; what happens meanwhile comes as WizardEvents."""

    def __init__(self, wizard: Wizard, backend: Backend, post: Callable[[Message], object]) -> None:
        self.wizard, self.backend, self.post = wizard, backend, post
        wizard.tell = self._tell

    def fetch(self) -> None:
        """Fetch the page of the step where the wizard is."""
        self._start(lambda: None)

    def answer(self, value: str, reason: str = "") -> None:
        """Give an answer, then fetch the page that follows."""
        self._start(lambda: self.wizard.answer(value, reason))

    def back(self) -> None:
        """Go to the step before."""
        self._start(self._back)

    def _tell(self, text: str) -> None:
        self.post(WizardEvent(text))

    def _start(self, act: Callable[[], None]) -> None:
        threading.Thread(target=self._work, args=(act,), name="cockpit-wizard", daemon=True).start()

    def _work(self, act: Callable[[], None]) -> None:
        with watched(lambda read: self.post(RowsRead(read))):
            self.post(self._turned(act))

    def _turned(self, act: Callable[[], None]) -> WizardTurned:
        wrong = ""
        try:
            act()
        except CockpitError as error:
            wrong = str(error)
        except Exception as error:  # noqa: BLE001 - said on the page, the log has the traceback
            kept = self.backend.complain(error)
            wrong = f"That failed: {error}." + (f" The traceback is in {kept}." if kept else "")
        page: Page | None = None
        try:
            page = self.wizard.page()
        except CockpitError as error:  # what was answered before can't stand: back to where it was asked
            wrong = wrong or str(error)
            page = self._page_before()
        return WizardTurned(page, wrong)

    def _back(self) -> None:
        self.wizard.back()

    def _page_before(self) -> Page | None:
        try:
            return self.wizard.page() if self.wizard.back() else None
        except CockpitError:
            return None
