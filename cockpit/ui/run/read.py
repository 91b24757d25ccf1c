"""What the run screen has read from the disk so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cockpit.ui.backend.summary import SampleFile
    from cockpit.ui.messages import RunFilesRead


@dataclass(slots=True)
class RunFiles:
    """The sample files that there are, the rows of one of them, the log, the recipe."""

    samples: Sequence[SampleFile] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    rows_of: str = ""
    """Which file the rows are of: `eval:40`, `train:15`, `held_out`."""
    log: Sequence[str] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def take(self, read: RunFilesRead) -> None:
        """Keep what the reader brought."""
        if read.what == "files":
            self.samples = read.value
        elif read.what == "recipe":
            self.recipe = read.value
        elif read.what == "log":
            self.log = read.value
        else:
            self.rows, self.rows_of = read.value, read.what
