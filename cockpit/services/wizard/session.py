"""What one walk through the wizard knows: where it works, what was answered, what was looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError, why
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.wizard.state import WizardState
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.services.dataset.inspect import Inspection
    from cockpit.services.technique.advice import Advised

Tell = Callable[[str], None]


class WizardSession:
    """Holds what the pages read and change for the folder `root`; which step comes next is not its business."""

    def __init__(self, root: Path, *, tell: Tell = lambda _: None) -> None:
        self.root = root
        self.tell = tell
        """Is given a line of what is going on while an answer takes long."""
        self.notes: list[str] = []
        """What the last answer made of earlier ones: the next page shows it first."""
        self.confirmed: list[str] = []
        """What the last answer changed on the page that is still shown."""
        self.width = 56
        """Cells that a page's lines may take; a front sets its own."""
        self.state = WizardState.load(root)
        self.resumed = bool(self.state.step)
        self.advised: Advised | None = None
        self._inspections: dict[str, Inspection] = {}

    @property
    def workspace(self) -> Workspace | None:
        """The workspace, once it was made."""
        return Workspace(self.root) if WorkspaceLayout(self.root).config.is_file() else None

    @property
    def ws(self) -> Workspace:
        """The workspace. Raises CockpitError before it was made."""
        found = self.workspace
        if found is None:
            raise CockpitError("there is no workspace yet", "Answer the first questions.")
        return found

    def inspection(self) -> Inspection:
        """Inspect the data, with the model's tokenizer once there is one; each pair is read once a session."""
        from cockpit.services.dataset.inspect import inspect

        state = self.state
        local = Path(state.model).expanduser() / "tokenizer.json" if state.model else None
        tokenizer = str(local) if local is not None and local.is_file() else None
        key = f"{state.data}\0{tokenizer}"
        if key not in self._inspections:
            self._inspections[key] = inspect(state.data, tokenizer=tokenizer)
        return self._inspections[key]

    def save(self) -> None:
        """Keep the state. Raises CockpitError where the folder can't be written."""
        try:
            self.state.save(self.root)
        except OSError as error:
            raise CockpitError(
                f"the wizard's answers can't be kept: {why(error)}",
                "Check the folder's rights.",
                file=self.root,
            ) from error
