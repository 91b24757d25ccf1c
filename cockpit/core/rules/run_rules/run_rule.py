"""What a rule over one run is."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.core.findings import Finding
from cockpit.core.runs.run_record import Run

RunRule = Callable[[Run], list[Finding]]
"""Says what it found in one run's record; nothing where it has nothing to say."""
