"""Decide which steps' rollouts are written down, and how many of them."""

from __future__ import annotations

SAMPLE_ROWS = 64
"""At most so many rollouts a file: whole groups, the first ones."""


def due(step: int, max_steps: int) -> bool:
    """Whether the rollouts of `step` (from 1) are written: the first, every tenth, every hundredth of a long run."""
    return step == 1 or step % max(10, max_steps // 100) == 0
