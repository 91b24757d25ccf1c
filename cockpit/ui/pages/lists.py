"""The screens that are one text: the method log, the doctor."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.core.safe_text import clean
from cockpit.ui.backend.summary import Check
from cockpit.ui.messages import Answer, MachineChecked
from cockpit.ui.pages import method
from cockpit.ui.pages.page import Page
from cockpit.ui.text.lines import Line, fold, line
from cockpit.ui.text.styles import ACCENT, BAD, DIM, GOOD, WARN


class MethodLogScreen(Page):
    """`methodlog.md`: what was decided, newest last."""

    heading = "Method log"
    newest_last = True

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        snapshot = self.cockpit.state.snapshot
        log = snapshot.method_log if snapshot else ()
        return method.document_lines(log, width) if log else [[line((method.NOTHING, DIM))]]


class DoctorScreen(Page):
    """What this machine has and lacks; looked at in a thread, since some of it takes seconds."""

    heading = "Doctor"
    checks: Sequence[Check] | None = None

    def on_mount(self) -> None:
        self.in_thread("doctor", self._check)

    def _check(self) -> MachineChecked:
        try:
            return MachineChecked(self.cockpit.backend.doctor())
        except Exception as error:  # noqa: BLE001 - said on the screen, the log has the traceback
            self.cockpit.backend.complain(error)
            return MachineChecked([Check("doctor", "fail", f"the checks could not be made: {error}")])

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, MachineChecked):
            self.checks = answer.checks
            self.fill()

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        if self.checks is None:
            return [[line(("looking …", DIM))]]
        return doctor_blocks(self.checks, width)


def doctor_blocks(checks: Sequence[Check], width: int) -> list[list[Line]]:
    """A block a check: its level as a word, what it says, how to fix it."""
    levels = {"ok": ("ok  ", GOOD), "warn": ("warn", WARN), "fail": ("FAIL", BAD)}
    blocks: list[list[Line]] = []
    for check in checks:
        word, style = levels.get(check.level, (check.level, DIM))
        parts = fold(clean(f"{check.name}: {check.message}", newlines="show"), max(10, width - 6))
        fix = [part for part in fold(clean(check.fix, newlines="show"), max(10, width - 6)) if part]
        blocks.append(
            [
                line((word, style), "  ", parts[0]),
                *(line("      ", part) for part in parts[1:]),
                *(line("      ", (part, ACCENT)) for part in fix),
            ]
        )
    return blocks
