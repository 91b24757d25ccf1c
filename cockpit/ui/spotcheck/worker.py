"""Does the spot check's reading and rendering in a thread, one job at a time, and says what came of each."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from textual.message import Message

from cockpit.contract.errors import CockpitError
from cockpit.ui.messages import ActionFailed, ActionSucceeded, FixPreviewed, SpotChecked

if TYPE_CHECKING:
    from cockpit.core.spotcheck.spot import SpotCheck
    from cockpit.services.spotcheck.check import Bench
    from cockpit.ui.backend.protocol import Backend


class SpotWorker:
    """`start` reads both sides and asks the tokenizer; `show` then gives any other page of examples."""

    def __init__(
        self, backend: Backend, post: Callable[[Message], object], experiment_id: str | None, n: int
    ) -> None:
        self.backend, self.post, self.experiment_id, self.n = backend, post, experiment_id, n
        self.bench: Bench | None = None
        self.page, self.words = 0, ""
        self.pinned: dict[str, int] = {}
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="cockpit-spot-check", daemon=True)

    def start(self) -> None:
        """Begin; what is known at once (a kept first page) is posted before the files are read."""
        self._jobs.put(self._read)
        self._thread.start()

    def again(self) -> None:
        """Read both sides anew: a file or the recipe has changed."""
        self._jobs.put(self._read)

    def show(self, page: int, words: str, pinned: Mapping[str, int]) -> None:
        """Other examples: at once as text, and once more when they are rendered."""
        self.page, self.words, self.pinned = page, words, dict(pinned)
        self._jobs.put(self._show)

    def preview_fix(self) -> None:
        """Find out what realigning would change."""
        self._jobs.put(self._preview)

    def fix(self, choice: str, reason: str) -> None:
        """Carry a fix out, and say what came of it."""
        self._jobs.put(lambda: self._fix(choice, reason))

    def stop(self) -> None:
        """No further jobs; a rendering under way goes on in its own process, into the cache."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except CockpitError as error:
                self.post(SpotChecked(self._check(), problem=error.title, fix=error.fix))
            except Exception as error:  # noqa: BLE001 - said on the screen, the log has the traceback
                self.backend.complain(error)
                self.post(SpotChecked(None, problem=f"the check could not be made: {error}"))

    def _read(self) -> None:
        bench = self.backend.spot_bench(self.experiment_id)
        kept = bench.snapshot(self.n)
        if kept is not None and self.bench is None:
            self.post(SpotChecked(kept, "reading the rows behind it"))
        bench.read()
        self.bench = bench
        wants = bench.subject.recipe is not None
        if kept is None or self.page or self.words:
            self.post(SpotChecked(self._check(), "waiting for the tokenizer" if wants else ""))
        try:
            bench.render(more=self._lacking())
        except CockpitError as error:
            bench.remark(str(error))
            self.post(SpotChecked(self._check(), problem=error.title, fix=error.fix))
            self.backend.spot_done(bench, bench.check(self.n))
            return
        check = self._check()
        self.post(SpotChecked(check))
        first = bench.check(self.n)
        bench.keep_snapshot(self.n, first)
        self.backend.spot_done(bench, first)

    def _show(self) -> None:
        if self.bench is None or not self._jobs.empty():
            return  # the newest request is the one that counts
        lacking = self._lacking()
        self.post(SpotChecked(self._check(), "waiting for the tokenizer" if lacking else ""))
        if lacking:
            self.bench.render(more=lacking)
            self.post(SpotChecked(self._check()))

    def _preview(self) -> None:
        from cockpit.services.spotcheck import realign

        if self.bench is None:
            return
        verifier, asks = self.bench.subject.verifier, ""
        try:
            asks = realign.ask_for(verifier) if verifier else ""
            self.post(FixPreviewed(realign.realign(self.bench.subject, None), asks))
        except CockpitError as error:
            self.post(FixPreviewed(None, asks, str(error)))

    def _fix(self, choice: str, reason: str) -> None:
        if self.bench is None:
            return
        try:
            self.post(ActionSucceeded(self.backend.spot_fix(self.bench, choice, reason)))
        except CockpitError as error:
            self.post(ActionFailed(error.title, error.fix))

    def _lacking(self) -> list[tuple[str, int]]:
        assert self.bench is not None
        chosen = self.bench.chosen(self.n, page=self.page, words=self.words, pinned=self.pinned)
        return self.bench.lacks(chosen)

    def _check(self) -> SpotCheck | None:
        if self.bench is None:
            return None
        return self.bench.check(self.n, page=self.page, words=self.words, pinned=self.pinned)
