"""The screens that are one text: findings with their evidence, the method log, the doctor."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cockpit.core.safe_text import clean
from cockpit.ui.facts import Check
from cockpit.ui.lines import Line, fold, line
from cockpit.ui.screens.page import Page
from cockpit.ui.styles import ACCENT, BAD, BOLD, DIM, GOOD, WARN
from cockpit.ui.views.findings import finding_lines, no_findings


class FindingsScreen(Page):
    """All findings, with evidence and source."""

    heading = "Findings"
    cursor = True

    def lines(self, width: int) -> Sequence[Line]:
        found = self.cockpit.state.shown_findings()
        if not found:
            return no_findings(self.cockpit.state.shown is not None)
        return finding_lines(found, width=width, glyphs=self.cockpit.glyphs, full=True)


class MethodLogScreen(Page):
    """`methodlog.md`: what was decided, newest last."""

    heading = "Method log"

    def lines(self, width: int) -> Sequence[Line]:
        picture = self.cockpit.state.picture
        return method_log_lines(picture.method_log if picture else (), width)


def method_log_lines(log: Sequence[str], width: int) -> list[Line]:
    """The log's lines folded to `width`, those that go on indented."""
    if not log:
        return [line(("nothing decided yet: experiments, verdicts and decisions are written here", DIM))]
    lines: list[Line] = []
    for entry in log:
        parts = fold(clean(entry), max(10, width - 2))
        style = BOLD if entry.startswith("#") else None
        lines.append(line((parts[0], style) if style else parts[0]))
        lines += [line("  ", part) for part in parts[1:]]
    return lines


class DoctorScreen(Page):
    """What this machine has and lacks; looked at in a thread, since some of it takes seconds."""

    heading = "Doctor"
    checks: Sequence[Check] | None = None

    def on_mount(self) -> None:
        threading.Thread(target=self._look, name="cockpit-doctor", daemon=True).start()

    def _look(self) -> None:
        try:
            self.checks = self.cockpit.backend.doctor()
        except Exception as error:  # noqa: BLE001 - said on the screen, the log has the traceback
            self.cockpit.backend.complain(error)
            self.checks = [Check("doctor", "fail", f"the checks could not be made: {error}")]
        self.cockpit.call_later(self.fill)

    def lines(self, width: int) -> Sequence[Line]:
        if self.checks is None:
            return [line(("looking …", DIM))]
        return doctor_lines(self.checks, width)


def doctor_lines(checks: Sequence[Check], width: int) -> list[Line]:
    """A line a check: its level as a word, what it says, how to mend it."""
    faces = {"ok": ("ok  ", GOOD), "warn": ("warn", WARN), "fail": ("FAIL", BAD)}
    lines: list[Line] = []
    for check in checks:
        word, style = faces.get(check.level, (check.level, DIM))
        parts = fold(clean(f"{check.name}: {check.says}"), max(10, width - 6))
        lines.append(line((word, style), "  ", parts[0]))
        lines += [line("      ", part) for part in parts[1:]]
        lines += [
            line(("      ", DIM), (part, ACCENT))
            for part in fold(clean(check.mend), max(10, width - 6))
            if part
        ]
    return lines


__all__ = ["DoctorScreen", "FindingsScreen", "MethodLogScreen"]
