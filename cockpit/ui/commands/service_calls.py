"""Run a service in a thread and send its result to the application as a message."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError, GateClosed, of_system
from cockpit.ui.messages import ActionFailed, ActionSucceeded, DraftMade, ReasonWanted, ScoreTimed

if TYPE_CHECKING:
    from textual.message import Message

    from cockpit.ui.app_protocol import Cockpit


ASKED_FROM_S = 90.0
"""Seconds of a held-out pass from which somebody is asked first."""


class ServiceCalls:
    """Calls services for the actions: one at a time for each experiment."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def call(
        self,
        experiment_id: str | None,
        doing: str,
        ask: Callable[[], str],
        *,
        again: Callable[[str], str] | None = None,
    ) -> None:
        """Run `ask` in a thread. `again`: the same with a reason for a gate that stands closed."""
        self._call(experiment_id, doing, lambda: ActionSucceeded(ask(), experiment_id), again)

    def draft(self, experiment_id: str | None, ask: Callable[[], str]) -> None:
        """Run `ask`, which makes a draft and gives its id, in a thread; the application opens it."""
        backend = self._cockpit.backend
        self._call(
            experiment_id, "drafting", lambda: DraftMade(ask(), backend.refresh(), experiment_id), None
        )

    def score(self, experiment_id: str) -> None:
        """Start the full held-out pass; where it takes minutes, the application asks first."""
        backend = self._cockpit.backend

        def ask() -> Message:
            seconds = backend.score_time(experiment_id)
            if seconds is not None and seconds >= ASKED_FROM_S:
                return ScoreTimed(experiment_id, seconds)
            return ActionSucceeded(backend.score(experiment_id), experiment_id)

        self._call(experiment_id, "scoring", ask, None)

    def ask_score(self, message: ScoreTimed) -> None:
        """Say how long the pass takes; enter starts it."""
        from cockpit.ui.experiments.confirm import ScoreScreen

        def answered(choice: str | None) -> None:
            if choice is not None:
                ask = self._cockpit.backend.score
                self.call(message.experiment_id, "scoring", lambda: ask(message.experiment_id))

        screen = ScoreScreen(message.experiment_id, message.seconds, self._cockpit.glyphs)
        self._cockpit.push_screen(screen, answered)

    def _call(
        self,
        experiment_id: str | None,
        doing: str,
        ask: Callable[[], Message],
        again: Callable[[str], str] | None,
    ) -> None:
        state = self._cockpit.state
        if experiment_id is not None:
            if experiment_id in state.busy:
                self._cockpit.say(f"{experiment_id}: still {state.busy[experiment_id]}.", "", bad=True)
                return
            state.busy[experiment_id] = doing
            state.touch("selection")
            self._cockpit.changed()

        def work() -> None:
            self._cockpit.post_message(self._asked(experiment_id, doing, ask, again))

        threading.Thread(target=work, name=f"cockpit-{doing or 'service'}", daemon=True).start()

    def _asked(
        self,
        experiment_id: str | None,
        doing: str,
        ask: Callable[[], Message],
        again: Callable[[str], str] | None,
    ) -> Message:
        """Ask the service; the message that tells what came of it."""
        try:
            return ask()
        except CockpitError as error:
            if again is not None and isinstance(error, GateClosed):
                return ReasonWanted(experiment_id, doing, error.closed, error.instead, again)
            where = f"{error.file}:{error.line}: " if error.line else f"{error.file}: " if error.file else ""
            return ActionFailed(where + error.title, error.fix, experiment_id)
        except OSError as error:
            told = of_system(error)
            return ActionFailed(
                f"{told.file}: {told.title}" if told.file else told.title, told.fix, experiment_id
            )
        except Exception as error:  # noqa: BLE001 - the screen says it in a sentence, the log has the traceback
            kept = self._cockpit.backend.complain(error)
            fix = f"The traceback is in {kept}." if kept else ""
            return ActionFailed(f"that failed: {error}", fix, experiment_id)

    def ask_reason(self, message: ReasonWanted) -> None:
        """Show what stands against it; with a reason the service is asked once more."""
        from cockpit.ui.experiments.decide import ReasonScreen

        def answered(reason: str | None) -> None:
            if reason is not None:
                self.call(message.experiment_id, message.doing, lambda: message.again(reason))

        about = f" {message.experiment_id}" if message.experiment_id else ""
        heading = f"A gate is closed: {message.doing}{about} wants a reason"
        closed = [f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in message.closed]
        screen = ReasonScreen(
            self._cockpit.glyphs,
            heading,
            [*closed, *([message.instead] if message.instead else [])],
            "go all the same",
        )
        self._cockpit.push_screen(screen, answered)
