"""What was answered so far, on the disk after every answer: quitting in the middle loses nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.layout import WorkspaceLayout

FILE = "wizard.json"


@dataclass(slots=True)
class WizardState:
    """Answers; empty ones are still to be given.

    `done`: steps that were passed. `stale`: those of them that are to be passed again, as an earlier answer changed.
    """

    step: str = ""
    done: list[str] = field(default_factory=list[str])
    stale: list[str] = field(default_factory=list[str])
    data: str = ""
    held_out: str = ""
    model: str = ""
    verifier: str = ""
    chance: str = ""
    rules: list[str] = field(default_factory=list[str])
    answers: dict[str, str] = field(default_factory=dict[str, str])
    assume: bool = False
    """The tree's assumptions stand for every question that is still open."""
    technique: str = ""
    reason: str = ""
    settings: list[str] = field(default_factory=list[str])
    hypothesis: str = ""
    parent: str = ""
    experiment: str = ""
    drafted: dict[str, Any] = field(default_factory=dict[str, Any])
    """The answers that `experiment` was made from."""

    @property
    def answered(self) -> dict[str, Any]:
        """A copy of what was answered, to see whether it changed; without what the wizard made of it."""
        kept = asdict(self)
        for name in ("step", "done", "stale", "experiment", "drafted"):
            del kept[name]
        return kept

    @property
    def recipe_answers(self) -> dict[str, Any]:
        """The answers that a draft is made from."""
        return {
            "technique": self.technique,
            "settings": list(self.settings),
            "parent": self.parent,
            "hypothesis": self.hypothesis,
        }

    @classmethod
    def load(cls, root: Path) -> WizardState:
        """What was kept for `root`; a fresh state where nothing was, or what was is broken."""
        kept = atomic.read_object(place(root)) or {}
        fresh = cls()
        for name in cls.__dataclass_fields__:
            value, default = kept.get(name), getattr(fresh, name)
            if isinstance(value, type(default)):
                setattr(fresh, name, value)
        return fresh

    def save(self, root: Path) -> None:
        """Keep it. Raises OSError."""
        place(root).parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(place(root), asdict(self))

    def restart(self) -> WizardState:
        """The state for another experiment in the same workspace."""
        return WizardState()


def place(root: Path) -> Path:
    """Where a wizard for `root` keeps its state: also before there is a workspace."""
    return WorkspaceLayout(root).private / FILE
