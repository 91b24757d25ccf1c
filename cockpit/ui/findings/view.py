"""Findings: what is wrong or worth knowing, and the next step. The short list and the full text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.core.rules.finding_actions import changed
from cockpit.core.rules.table import offers
from cockpit.core.safe_text import clean
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, fold, line
from cockpit.ui.text.styles import ACCENT, BAD, BOLD, DIM, KEY, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.core.findings import Finding

_FACE = {
    "block": ("block", "blocks", BAD),
    "alarm": ("alarm", "alarm", BAD),
    "warn": ("warn", "warning", WARN),
    "info": ("info", "note", DIM),
}


def finding_lines(findings: Sequence[Finding], *, width: int, glyphs: Glyphs) -> list[Line]:
    """A headline and the next step for each finding."""
    return [item for block in finding_blocks(findings, width=width, glyphs=glyphs) for item in block]


def finding_blocks(
    findings: Sequence[Finding], *, width: int, glyphs: Glyphs, full: bool = False
) -> list[list[Line]]:
    """Return the lines of each finding: headline, next step; with `full` evidence, rule and source as well.

    A headline's line stands for its finding by the finding's key.
    """
    blocks: list[list[Line]] = []
    for finding in findings:
        sign, word, style = _FACE.get(finding.severity, ("info", finding.severity, PLAIN))
        mark = getattr(glyphs, sign)
        about = f"{word}: {clean(finding.headline, newlines='show')}{_experiments(finding) if full else ''}"
        headline = fold(about, max(8, width - 3))
        lines = [line((f"{mark} ", style), (headline[0], BOLD if style is DIM else style), key=finding.key)]
        lines += [line(f"  {more}") for more in headline[1:]]
        if full:
            lines += _evidence(finding, width, glyphs)
        for number, step in enumerate(fold(clean(finding.next_step, newlines="show"), max(8, width - 5))):
            lines.append(line((f"  {glyphs.arrow} " if number == 0 else "    ", ACCENT), step))
        if offers(finding.rule, "spot_check"):
            lines.append(line(("    x", KEY), (" opens the spot check: train and eval side by side", DIM)))
        if full and finding.change:
            offer = fold(f"offers a draft with {clean(changed(finding), newlines='show')}", max(8, width - 9))
            lines.append(line(("    enter ", KEY), (offer[0], DIM)))
            lines += [line((f"      {more}", DIM)) for more in offer[1:]]
        if full:
            source = f"{clean(finding.rule, newlines='show')}; {clean(finding.source, newlines='show')}"
            lines += [line((f"  {part}", DIM)) for part in fold(source, max(8, width - 3))]
            lines.append(line())
        blocks.append(lines)
    return blocks


def _experiments(finding: Finding) -> str:
    """The experiments that it is about, where its headline doesn't name them."""
    unnamed = [id_ for id_ in finding.experiments if id_ not in finding.headline]
    return f" ({clean(', '.join(unnamed), newlines='show')})" if unnamed else ""


def _evidence(finding: Finding, width: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = []
    for item in finding.evidence:
        for number, part in enumerate(fold(clean(item, newlines="keep"), max(8, width - 5))):
            lines.append(line((f"  {glyphs.dot} " if number == 0 else "    ", DIM), part))
    return lines


def no_findings(watched: bool) -> list[Line]:
    """What stands there while nothing is found."""
    return [line(("nothing found" if watched else "nothing to look at yet", DIM))]
