"""What moves a run: launch, resume, stop, score, and the decision on its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui.commands.selection import refuse, selected
from cockpit.ui.text import status_style

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit
    from cockpit.ui.commands.service_calls import ServiceCalls


class RunCommands:
    """One method for each action on the selected experiment's run."""

    def __init__(self, cockpit: Cockpit, services: ServiceCalls) -> None:
        self._cockpit = cockpit
        self._services = services

    def launch(self) -> None:
        view = selected(self._cockpit)
        if view is None:
            return
        if view.status not in ("draft", "smoked", "failed"):  # what failed at once may be tried again
            refuse(self._cockpit, view, "only a draft is launched")
            return
        backend = self._cockpit.backend
        self._services.call(
            view.id,
            "launching",
            lambda: backend.launch(view.id),
            again=lambda reason: backend.launch(view.id, reason),
        )

    def resume(self) -> None:
        view = selected(self._cockpit)
        if view is None:
            return
        if status_style.is_live(view) or view.attempt is None:
            refuse(self._cockpit, view, "only a run that ended is resumed")
            return
        self._services.call(view.id, "resuming", lambda: self._cockpit.backend.resume(view.id))

    def score(self) -> None:
        view = selected(self._cockpit)
        if view is None:
            return
        if status_style.is_live(view) or view.attempt is None:
            refuse(self._cockpit, view, "it is scored when its run has ended")
            return
        self._services.score(view.id)

    def stop(self) -> None:
        from cockpit.ui.experiments.confirm import StopScreen

        view = selected(self._cockpit)
        if view is None:
            return
        if not status_style.is_live(view):
            refuse(self._cockpit, view, "there is nothing to stop")
            return

        def answered(choice: str | None) -> None:
            if choice in ("graceful", "now"):
                ask = self._cockpit.backend.stop
                self._services.call(view.id, "stopping", lambda: ask(view.id, now=choice == "now"))

        self._cockpit.push_screen(StopScreen(view, self._cockpit.glyphs), answered)

    def decide(self) -> None:
        from cockpit.ui.experiments.decide import DecideScreen

        view = selected(self._cockpit)
        if view is None:
            return
        if status_style.is_live(view) or view.attempt is None:
            refuse(self._cockpit, view, "there is no result to decide on yet")
            return

        alarms = [
            found.headline
            for found in self._cockpit.state.all_findings()
            if found.severity == "alarm" and found.experiments == (view.id,)
        ]
        screen = DecideScreen(view, self._cockpit.glyphs, alarms)

        def answered(answer: tuple[str, str] | None) -> None:
            if answer is not None:
                status, reason = answer
                decide = self._cockpit.backend.decide
                known = reason if screen.against else None  # who commits it has read what speaks against it
                self._services.call(
                    view.id,
                    "deciding",
                    lambda: decide(view.id, status, reason, known),
                    again=lambda although: decide(view.id, status, reason, although),
                )

        self._cockpit.push_screen(screen, answered)
