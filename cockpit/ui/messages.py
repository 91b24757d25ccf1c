"""Everything that travels between the parts of the screen. Past tense: a fact. `…Requested`: an intent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from textual.widget import Widget

    from cockpit.core.findings import Finding
    from cockpit.core.spotcheck.spot import SpotCheck
    from cockpit.core.tree.comparing import Comparison
    from cockpit.services.spotcheck.realign import Realigned
    from cockpit.services.wizard.page import Page
    from cockpit.ui.backend.summary import Check, Hardware, WorkspaceSnapshot


class Answer(Message):
    """What a worker of one screen found out for it; see `WorkerScreen`."""


@dataclass(eq=False, repr=False)
class WorkspaceRefreshed(Message):
    """The poller read the workspace anew. A later reading replaces one that nobody has handled yet."""

    snapshot: WorkspaceSnapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, WorkspaceRefreshed)


@dataclass(eq=False, repr=False)
class HardwareRead(Message):
    """The machine was looked at, and reads differently."""

    hardware: Hardware

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, HardwareRead)


@dataclass(eq=False, repr=False)
class FindingsRead(Message):
    """The findings of one run were judged anew, and differ."""

    experiment_id: str
    findings: tuple[Finding, ...]


@dataclass(eq=False, repr=False)
class AllFindingsRead(Message):
    """The findings of every run of the workspace were judged: those of each experiment, by its id."""

    findings: Mapping[str, tuple[Finding, ...]]


@dataclass(eq=False, repr=False)
class DataArrived(Message):
    """A follower has batches waiting. Carries none itself: they wait in the feed, so replacing loses nothing."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, DataArrived)


@dataclass(eq=False, repr=False)
class LineHighlighted(Message):
    """The cursor of a list came to the line that stands for `key`."""

    view: Widget
    key: str | None


@dataclass(eq=False, repr=False)
class LineChosen(Message):
    """A line was chosen (second click)."""

    view: Widget
    key: str


@dataclass(eq=False, repr=False)
class ActionSucceeded(Message):
    """A service did what was asked; `text` says what, in one sentence."""

    text: str
    experiment_id: str | None = None


@dataclass(eq=False, repr=False)
class DraftMade(Message):
    """A draft stands, with the workspace as it is since; `of` is the experiment that it was made of."""

    experiment_id: str
    snapshot: WorkspaceSnapshot
    of: str | None = None


@dataclass(eq=False, repr=False)
class RunFilesRead(Answer):
    """What the run screen asked its reader for: `what` names it (a tab, a file of answers), `value` is it."""

    what: str
    value: Any


@dataclass(eq=False, repr=False)
class MachineChecked(Answer):
    """The checks of this machine were made."""

    checks: Sequence[Check]


@dataclass(eq=False, repr=False)
class Compared(Answer):
    """The comparison was worked out; None where it couldn't be, and `wrong` says why."""

    comparison: Comparison | None
    wrong: str = ""


@dataclass(eq=False, repr=False)
class ExperimentMade(Answer):
    """A new experiment stands as a draft."""

    experiment_id: str


@dataclass(eq=False, repr=False)
class DraftRefused(Answer):
    """The form for a new experiment has faults: a sentence a field ("" for the whole form)."""

    wrong: Mapping[str, str]


@dataclass(eq=False, repr=False)
class WizardTurned(Answer):
    """The wizard's page was fetched (None: it couldn't be); `wrong` is why the answer before was not taken."""

    page: Page | None
    wrong: str = ""


@dataclass(eq=False, repr=False)
class WizardEvent(Answer):
    """A line of what the wizard is doing meanwhile."""

    text: str


@dataclass(eq=False, repr=False)
class RowsRead(Answer):
    """How far the reading of a large file is; the next one takes its place."""

    text: str


@dataclass(eq=False, repr=False)
class ActionFailed(Message):
    """A service couldn't; `title` says what is wrong, `fix` what to do about it."""

    title: str
    fix: str = ""
    experiment_id: str | None = None


@dataclass(eq=False, repr=False)
class ScoreTimed(Message):
    """The held-out pass that somebody asked for takes so many seconds: it is asked for once more."""

    experiment_id: str
    seconds: float


@dataclass(eq=False, repr=False)
class ReasonWanted(Message):
    """A gate stood closed that a reason opens: `closed` says what is against it, `instead` what else would do.

    `again` asks the service once more, with the reason.
    """

    experiment_id: str | None
    doing: str
    closed: tuple[str, ...]
    instead: str
    again: Callable[[str], str]


@dataclass(eq=False, repr=False)
class SpotChecked(Answer):
    """The spot check has something to show. `waiting` says what is still to come, `problem` what could not be done."""

    check: SpotCheck | None
    waiting: str = ""
    problem: str = ""
    fix: str = ""


@dataclass(eq=False, repr=False)
class FixPreviewed(Answer):
    """What realigning would do (None: it can't, `problem` says why), and the sentence that asks for the form."""

    preview: Realigned | None
    asks: str
    problem: str = ""
