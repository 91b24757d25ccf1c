"""The form for a new experiment. What is wrong stands below its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from cockpit.contract.errors import CockpitError
from cockpit.core.recipe import trl_fields
from cockpit.core.recipe.aliases import notes_on
from cockpit.data.reading.watched import watched
from cockpit.services.recipe.field_check import DraftFields
from cockpit.ui.experiments.settings_list import SettingsListScreen
from cockpit.ui.messages import Answer, DraftRefused, ExperimentMade, RowsRead
from cockpit.ui.pages.worker_screen import WorkerScreen
from cockpit.ui.text.lines import line
from cockpit.ui.text.styles import BOLD, DIM, KEY
from cockpit.ui.widgets.form import ChoiceRow, Wrong
from cockpit.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app_protocol import Cockpit

FIELDS = ("parent", "data", "hypothesis", "settings")
_LABELS = {"parent": "Parent", "data": "Data file", "hypothesis": "Hypothesis", "settings": "Settings"}
_HINTS = {
    "parent": "what it branches from: exp_0003, its step exp_0003@40, or exp_0003@base",
    "data": "the workspace's training file",
    "hypothesis": "what you expect, in a line",
    "settings": "learning_rate=1e-4 max_steps=200  (/ lists what there is)",
}


def branch_from(view: ExperimentView | None) -> str:
    """What a new experiment branches from: the selected one, or its parent where it was discarded."""
    if view is None:
        return ""
    discarded = view.decision is not None and view.decision.status == "discarded"
    return (view.parent or view.id) if discarded else view.id


class NewExperimentScreen(WorkerScreen[str]):
    """Makes a draft. Everything left empty is decided by the workspace and the technique's defaults."""

    CSS_PATH = "new_experiment.tcss"
    AUTO_FOCUS = "#technique"
    BINDINGS: ClassVar = [
        Binding("escape", "dismiss", "back", show=False, id="new.back"),
        Binding("enter", "make", "make the draft", show=False, id="new.make"),
        Binding("f2", "wizard", "step by step", show=False, id="new.wizard"),
        Binding("slash", "settings", "every setting", show=False, priority=True, id="new.settings"),
        Binding("down", "app.focus_next", "next field", show=False, id="new.next"),
        Binding("up", "app.focus_previous", "field before", show=False, id="new.previous"),
    ]

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.making = False

    def compose(self) -> ComposeResult:
        glyphs = self.cockpit.glyphs
        heading = LineView(id="heading", glyphs=glyphs, focusable=False)
        heading.add_class("gap")
        heading.lines = [
            line(("New experiment", BOLD), ("   what is left empty is decided by the workspace", DIM))
        ]
        yield heading
        yield LineView(glyphs=glyphs, focusable=False).add_class("gap")
        yield self._row("Technique", ChoiceRow("technique", self._techniques(), glyphs, value=self._first()))
        yield self._row("Weights", ChoiceRow("weights", [("lora", "LoRA"), ("full", "full")], glyphs))
        selected = branch_from(self.cockpit.state.selected_view) or self.cockpit.state.selected or ""
        for name in FIELDS:
            value = selected if name == "parent" else ""
            field = Input(
                value=value, placeholder=_HINTS[name], id=name, compact=True, select_on_focus=name == "parent"
            )  # elsewhere one key would delete what was typed
            yield self._row(_LABELS[name], field)
            yield Wrong(f"wrong_{name}", glyphs)
        yield Wrong("wrong_", glyphs)
        foot = LineView(id="foot", glyphs=glyphs, focusable=False)
        foot.lines = [
            line(("enter", KEY), (" make it  ", DIM), ("tab", KEY), (" next  ", DIM),
                 ("arrows", KEY), (" choose  ", DIM), ("/", KEY), (" settings  ", DIM), ("f2", KEY), (" wizard  ", DIM),
                 ("esc", KEY), (" back", DIM))
        ]  # fmt: skip
        yield foot

    def _techniques(self) -> Sequence[tuple[str, str]]:
        snapshot = self.cockpit.state.snapshot
        there = bool(snapshot and snapshot.experiments)
        trained = [(name, name.upper()) for name in self.cockpit.backend.techniques()]
        return trained if there else [("baseline", "baseline"), *trained]

    def _first(self) -> str:
        return self._techniques()[0][0]

    def _row(self, label: str, field: Widget) -> Horizontal:
        name = LineView(glyphs=self.cockpit.glyphs, focusable=False)
        name.add_class("label")
        name.lines = [line(label)]
        row = Horizontal(name, field)
        row.add_class("row")
        return row

    def action_wizard(self) -> None:
        """The same, step by step: the data looked at, the technique advised, a smoke run."""
        self.dismiss(None)
        self.cockpit.commands.act("wizard")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`/` lists the settings except where it is a sign of what is being typed: in a path, inside a word."""
        if action == "settings" and isinstance(field := self.focused, Input):
            before = field.value[: field.cursor_position]
            return field.id == "settings" and (not before or before.endswith(" "))
        return super().check_action(action, parameters)

    def action_settings(self) -> None:
        """List all that the chosen technique takes; the chosen setting is put into the settings' field."""
        technique = self.query_one("#technique", ChoiceRow).value
        if not trl_fields.fields(technique):
            self.query_one("#wrong_settings", Wrong).note(
                f"{technique} takes no settings of TRL's", self.size.width - 15
            )
            return
        self.cockpit.push_screen(SettingsListScreen(technique, self.cockpit.glyphs), self._take)

    def _take(self, name: str | None) -> None:
        if name is None:
            return
        field = self.query_one("#settings", Input)
        field.value = f"{field.value.rstrip()} {name}=".lstrip()
        field.focus()
        field.cursor_position = len(field.value)

    # -- making it -----------------------------------------------------------------------------------------------

    def draft(self) -> DraftFields:
        """What is typed, as a value."""
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in FIELDS}
        technique = self.query_one("#technique", ChoiceRow).value
        return DraftFields(
            technique=technique,
            hypothesis=values["hypothesis"],
            parent=values["parent"] or None,
            data=values["data"],
            overrides=tuple(values["settings"].split()),
            lora=None if technique == "baseline" else self.query_one("#weights", ChoiceRow).value == "lora",
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say below the settings, as they are typed, what a short name stands for."""
        if event.input.id == "settings":
            draft = self.draft()
            notes = notes_on(draft.overrides, draft.technique)
            self.query_one("#wrong_settings", Wrong).note("; ".join(notes), self.size.width - 15)

    def on_input_submitted(self) -> None:
        self.action_make()

    def action_make(self) -> None:
        """Check every field in a thread; make the draft where all are sound."""
        if not self.making:
            self.making = True
            self._say({"": ""})
            draft = self.draft()
            self.in_thread("new", lambda: self._work(draft))

    def _work(self, draft: DraftFields) -> ExperimentMade | DraftRefused:
        backend = self.cockpit.backend
        try:
            with watched(lambda read: self.deliver(RowsRead(read))):
                wrong = backend.check(draft)
                return DraftRefused(wrong) if wrong else ExperimentMade(backend.new(draft))
        except CockpitError as error:
            return DraftRefused({"": str(error)})
        except Exception as error:  # noqa: BLE001 - said in the form, the log has the traceback
            kept = backend.complain(error)
            where = f" The traceback is in {kept}." if kept else ""
            return DraftRefused({"": f"That failed: {error}.{where}"})

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, ExperimentMade):
            self.dismiss(answer.experiment_id)
        elif isinstance(answer, DraftRefused):
            self._refused(answer.wrong)
        elif isinstance(answer, RowsRead):
            self.query_one("#wrong_", Wrong).note(answer.text, self.size.width - 15)

    def _refused(self, wrong: Mapping[str, str]) -> None:
        self.making = False
        self._say(wrong)
        first = next((name for name in FIELDS if wrong.get(name)), None)
        if first is not None:
            self.query_one(f"#{first}").focus()

    def _say(self, wrong: Mapping[str, str]) -> None:
        for name in (*FIELDS, ""):
            self.query_one(f"#wrong_{name}", Wrong).say(wrong.get(name, ""), self.size.width - 15)
