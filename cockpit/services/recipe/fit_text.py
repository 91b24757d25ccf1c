"""The memory estimate in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.services.recipe.fit import Fitted


def as_text(found: Fitted) -> str:
    """The same for a person."""
    from cockpit.core.recipe.memory import ERROR, PARTS, shown

    lines = [f"At its peak about {shown(found.estimate.total)} (give or take {ERROR:.0%}):"]
    lines += [
        f"  {name:<12} {shown(size):>8}  {PARTS.get(name, '')}" for name, size in found.estimate.parts.items()
    ]
    for fit in found.fits:
        lines.append(
            f"{fit.device.name}: {shown(fit.device.free)} free of {shown(fit.device.total)}: {fit.verdict}"
        )
    if not found.fits:
        lines.append("The memory of this machine can't be seen.")
    if found.changes:
        lines.append("To make it fit, in this order:")
        lines += [f"  {c.description}: {' '.join(c.overrides)}  -> {shown(c.total)}" for c in found.changes]
        if found.best is not None and found.changes[-1].total > found.best.device.free:
            lines.append("  Even so it does not fit: a smaller model, or several devices (accelerate).")
    lines += [f"  {note}" for note in found.notes]
    lines.append(
        found.pace.sentence if found.pace else "Time: unknown until a smoke run has measured a step."
    )
    return "\n".join(lines)
