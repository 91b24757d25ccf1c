"""A screen that has slow things done in threads, and may be closed before they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from textual.message import Message
from textual.screen import Screen

from cockpit.ui.messages import Answer
from cockpit.ui.widgets.seen import is_open

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit

Result = TypeVar("Result")


class WorkerScreen(Screen[Result]):
    """What its workers find out comes to `answered`, in the screen's own thread, as long as the screen is open.

    Workers reach a screen by `deliver` alone: a closed screen has no widgets left that an answer could be shown in.
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__()
        self.cockpit = cockpit

    def in_thread(self, name: str, work: Callable[[], Message]) -> None:
        """Do `work`, which must not raise, in a thread of that name, and deliver what it gives."""
        threading.Thread(target=lambda: self.deliver(work()), name=f"cockpit-{name}", daemon=True).start()

    def deliver(self, message: Message) -> None:
        """Hand over what a worker found out; from any thread. What isn't an answer is for the app, open or not."""
        if isinstance(message, Answer):
            self.call_later(self._hand_over, message)
        else:
            self.cockpit.post_message(message)

    def _hand_over(self, answer: Answer) -> None:
        if is_open(self):
            self.answered(answer)

    def answered(self, answer: Answer) -> None:
        """Show what a worker found out."""
        raise NotImplementedError
