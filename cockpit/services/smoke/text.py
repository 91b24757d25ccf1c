"""A smoke run's verdict in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.services.workspace.smoke_verdict import Smoke


def as_text(experiment_id: str, found: Smoke) -> str:
    """The gate for a person: what was proven, stage by stage, and what to do where it is red."""
    from cockpit.core.smoke.verdict import passed_stages

    verdict = found.verdict
    lines = [
        f"{experiment_id} smoke run: {'GREEN' if verdict.green else f'RED at {verdict.stage}'}",
        f"  {verdict.headline}",
    ]
    if verdict.fix:
        lines.append(f"  Next: {verdict.fix}")
    lines.append("")
    marks = {True: "ok", False: "FAIL", None: "-"}
    lines += [f"  {marks[ok]:<4} {stage:<12} {says}" for stage, says, ok in passed_stages(verdict)]
    lines += ["", *(f"  {line}" for line in verdict.evidence)]
    lines += [f"  Careful: {line}" for line in verdict.cautions]
    if not found.current:
        lines.append("  The recipe has changed since: run it again.")
    lines.append(f"  Its files: {found.folder}")
    return "\n".join(lines)
