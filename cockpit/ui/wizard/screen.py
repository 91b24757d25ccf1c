"""The wizard: its steps on the left, what is known and why on the right, one question at a time below."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from cockpit.core.safe_text import clean
from cockpit.ui.messages import Answer, LineChosen, RowsRead, WizardEvent, WizardTurned
from cockpit.ui.pages.dialog import Words
from cockpit.ui.pages.worker_screen import WorkerScreen
from cockpit.ui.text.lines import fold, line
from cockpit.ui.text.styles import BOLD
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.seen import is_open
from cockpit.ui.wizard import view
from cockpit.ui.wizard.answer_line import AnswerLine, Completion
from cockpit.ui.wizard.worker import WizardWorker

if TYPE_CHECKING:
    from cockpit.services.wizard.page import Choice, Page, Pick
    from cockpit.services.wizard.wizard import Wizard
    from cockpit.ui.app_protocol import Cockpit

WIDE = 110
"""Columns from which the steps show their answers beside them."""
HIGH = 30
"""Rows from which each setting is shown with all that is known of it."""
_EVENTS = 200
"""Lines of what happens meanwhile that are kept."""


class WizardScreen(WorkerScreen[str]):
    """Pages of services/wizard/wizard, shown and answered. Answers the experiment's id when it is done."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = [
        Binding("escape", "leave", "leave; it resumes here", show=False, id="wizard.leave"),
        Binding("ctrl+b,f2", "previous", "the step before", show=False, id="wizard.back"),
        Binding("enter", "choose", "answer", show=False, id="wizard.choose"),
        Binding("j,down", "move(1)", "down", show=False, id="wizard.down"),
        Binding("k,up", "move(-1)", "up", show=False, id="wizard.up"),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False, id="wizard.pgdn"),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False, id="wizard.pgup"),
        Binding("home", "edge(-1)", "first", show=False, id="wizard.home"),
        Binding("end", "edge(1)", "last", show=False, id="wizard.end"),
    ]

    def __init__(self, cockpit: Cockpit, wizard: Wizard) -> None:
        super().__init__(cockpit)
        self.wizard = wizard
        self.worker = WizardWorker(wizard, cockpit.backend, self.deliver)
        self.turn: Page | None = None
        self.busy = False
        self.since = 0.0
        """When what is going on began."""
        self.events: list[str] = []
        self.passing = False  # the last of them gives way to the next
        """What happened since the last answer."""
        self.reason_for: Choice | None = None
        self.typed = ""
        self.editing: Pick | None = None
        """The setting whose value is being typed."""
        self.typing = False
        """Settings are being typed in the line below the list, and go on being."""

    def compose(self) -> ComposeResult:
        glyphs = self.cockpit.glyphs
        with Horizontal(id="halves"):
            yield LineView(id="places", title="Steps", glyphs=glyphs, focusable=False)
            with Vertical(id="right"):
                yield LineView(id="page", title="…", glyphs=glyphs)
                yield Words(id="wrong", glyphs=glyphs, focusable=False)
                yield Words(id="question", glyphs=glyphs, focusable=False)
                yield Words(id="choices", glyphs=glyphs, cursor=True)
                yield AnswerLine(id="line", select_on_focus=False, compact=True, suggester=Completion())
        yield LineView(id="foot", glyphs=glyphs, focusable=False)

    def on_mount(self) -> None:
        self.query_one("#choices").display = False
        self.query_one("#line").display = False
        self.set_interval(1.0, self._tick)
        width = self.cockpit.size.width  # before there is a layout; the stylesheet's widths of the steps
        self.wizard.width = max(30, width - (34 if width >= WIDE else 22) - 4)
        self._work(self.worker.fetch)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= WIDE, "-wide")
        self.call_after_refresh(self._refit)

    # -- working in a thread -------------------------------------------------------------------------------------

    def _work(self, start: Callable[[], None]) -> None:
        """Start what may look at files; the page that comes of it arrives in `answered`."""
        if self.busy:
            return
        self.busy = True
        self.since = time.monotonic()
        self.events = []  # what happens from here on is of this act
        self._foot()
        start()

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, WizardEvent | RowsRead):
            kept = self.events[:-1] if self.passing else self.events
            self.events, self.passing = [*kept, answer.text][-_EVENTS:], isinstance(answer, RowsRead)
            self._show_page()
        elif isinstance(answer, WizardTurned):
            self._turned(answer)

    def _turned(self, message: WizardTurned) -> None:
        self.busy = False
        if self.wizard.finished:
            self.dismiss(self.wizard.state.experiment)
            return
        before = self.turn.title if self.turn else ""
        self.typing = self.typing and message.page is not None and message.page.title == before
        if message.page is not None:
            self.turn = message.page
        if self.turn is not None and (self.turn.title != before or "run" in self.turn.busy):
            self.events = []  # what happened on the way to a verdict is in it
        self.reason_for = None
        edited, self.editing = self.editing, None
        self._show()
        self._say(message.wrong)
        if not message.wrong and self.turn is not None and self.turn.confirmed:
            self._confirm(self.turn.confirmed)
        if edited is not None:
            self._edited(edited, again=bool(message.wrong))
        elif message.wrong and self.turn is not None and self.turn.title == before:
            self._type(self.typed)  # to be mended, not typed anew

    # -- showing -------------------------------------------------------------------------------------------------

    def _refit(self) -> None:
        if not is_open(self):
            return
        width = self.query_one("#page", LineView).size.width
        if width:
            self.wizard.width = max(30, width - 4)
        self._show(keep=True)

    def _show(self, *, keep: bool = False) -> None:
        self._places()
        self._show_page(top=not keep and not self.events)
        self._ask(keep=keep)
        self._foot()

    def _places(self) -> None:
        lines = view.place_lines(self.wizard.places(), self.cockpit.glyphs, answers=self.size.width >= WIDE)
        self.query_one("#places", LineView).set_lines(lines)

    def _show_page(self, *, top: bool = False) -> None:
        text = self.query_one("#page", LineView)
        width, brief = max(20, text.size.width - 2), self.size.height < HIGH
        lines = view.page_lines(self.turn, self.events, width, brief=brief)
        text.cursor_rows = bool(self.turn and self.turn.picks)
        if top:
            text.top = 0
            text.cursor = None
        elif self.events:
            text.top = max(0, len(lines) - text.rows)
        text.set_lines(lines, title=self.turn.title if self.turn else "…")

    def _ask(self, *, keep: bool = False) -> None:
        page = self.turn
        question, choices, typed = (
            self.query_one("#question", Words),
            self.query_one("#choices", Words),
            self.query_one("#line", AnswerLine),
        )
        if page is None:
            return
        asked = "Why? The reason goes into methodlog.md." if self.reason_for else page.question
        asked = self.editing.help if self.editing else asked
        width = max(20, self.query_one("#page").size.width - 2)
        question.set_lines([line((part, BOLD)) for part in fold(clean(asked), width)])
        question.refresh(layout=True)
        wants_line = not page.choices or self.reason_for is not None
        choices.display, typed.display = not wants_line, wants_line
        if wants_line:
            if not keep:
                self._prepare(typed, page)
            if page.picks and self.editing is None and not self.typing:
                self.query_one("#page").focus()
                return
            typed.focus()
        else:
            if not keep or choices.cursor is None:
                choices.cursor, choices.top = "0", 0
            choices.set_lines(view.choice_lines(page.choices))
            choices.refresh(layout=True)
            choices.focus()

    def _prepare(self, typed: AnswerLine, page: Page) -> None:
        """An empty line, with what enter takes then behind it: nothing stands there that a key could delete.

        What an empty line would take back stands in it.
        """
        typed.value, typed.offered, typed.completes = "", "", False
        if self.reason_for is not None:
            typed.placeholder = ""
        elif self.editing is not None:
            typed.offered = self.editing.value
            typed.placeholder = f"now {self.editing.value}"
        elif page.optional:
            typed.value, typed.completes = page.default, page.path
            typed.placeholder = "enter goes on"
        else:
            typed.offered, typed.completes = page.default, page.path
            typed.placeholder = page.default
        typed.cursor_position = len(typed.value)

    def _pick(self, name: str) -> None:
        """Type the value of the setting under the cursor, or go on."""
        if self.turn is None:
            return
        if name == view.GO_ON:
            self._answer("")
            return
        self.editing = next((pick for pick in self.turn.picks if pick.name == name), None)
        self._say("")
        self._ask()
        self._foot()

    def _edited(self, pick: Pick, *, again: bool) -> None:
        """Back to the list, the cursor on what was edited; what was refused is typed `again`."""
        self.query_one("#page", LineView).select_key(pick.name)
        if again:
            self.editing = replace(pick, value=self.typed or pick.value)
            self._ask()
            self._type(self.typed)
            self._foot()

    def _say(self, text: str) -> None:
        wrong = self.query_one("#wrong", Words)
        width = max(20, self.query_one("#page").size.width - 4)
        wrong.set_lines(view.wrong_lines(text, width, self.cockpit.glyphs))
        wrong.refresh(layout=True)

    def _confirm(self, texts: tuple[str, ...]) -> None:
        """Say where the answer was typed what it changed: the list of settings is longer than a small screen."""
        told = self.query_one("#wrong", Words)
        width = max(20, self.query_one("#page").size.width - 4)
        told.set_lines(view.confirmed_lines(texts, width, self.cockpit.glyphs))
        told.refresh(layout=True)

    def _tick(self) -> None:
        if self.busy and is_open(self):
            self._foot()

    def _foot(self) -> None:
        took = time.monotonic() - self.since if self.busy else 0.0
        foot = view.foot_line(
            self.turn, self.size.width - 1, busy=self.busy, editing=self.editing is not None, took=took
        )
        self.query_one("#foot", LineView).set_lines([foot])

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_key(self, event: object) -> None:
        """A digit goes to its choice, unless a line is being typed; enter takes it."""
        key = getattr(event, "key", "")
        page = self.turn
        if page is None or self.busy or isinstance(self.focused, Input):
            return
        letter = getattr(event, "character", None) or ""
        if page.picks and self.editing is None and letter.isalpha() and letter not in "jk":
            self._type(letter)  # who types a setting's name means the line
            return
        if not page.choices:
            return
        if key.isdigit() and 1 <= int(key) <= len(page.choices):
            self.query_one("#choices", Words).select_key(str(int(key) - 1))

    def action_choose(self) -> None:
        page = self.turn
        if page is None or self.busy:
            return
        if isinstance(self.focused, Input):
            self._submit(self.query_one("#line", Input).value)
        elif page.picks:
            self._pick(self.query_one("#page", LineView).cursor or view.GO_ON)
        elif page.choices:
            cursor = self.query_one("#choices", Words).cursor
            self._take(page.choices[int(cursor or 0)])

    def on_input_submitted(self) -> None:
        self._submit(self.query_one("#line", Input).value)

    def on_line_chosen(self, message: LineChosen) -> None:
        if self.busy or self.turn is None:
            return
        if message.view.id == "page":
            self._pick(message.key)
        elif self.turn.choices:
            self._take(self.turn.choices[int(message.key)])

    def _take(self, choice: Choice) -> None:
        if choice.reason:
            self.reason_for = choice
            self._say("")
            self._ask()
            return
        self._answer(choice.value)

    def _submit(self, text: str) -> None:
        if self.busy or self.turn is None:
            return
        self.typed = text.strip()
        if self.editing is not None:
            self._answer(f"{self.editing.name}={shlex.quote(self.typed) if self.typed else ''}")
            return
        if self.reason_for is not None:
            if not text.strip():
                self._say("It is taken only with a reason: type it, or esc.")
                return
            self._answer(self.reason_for.value, text)
            return
        if not text.strip() and not self.turn.optional and not self.turn.default:
            self._say("Type an answer first.")
            return
        self.typing = bool(self.turn.picks and text.strip())  # settings that are typed are often several
        self._answer(text if text.strip() or self.turn.optional else self.turn.default)

    def _type(self, text: str) -> None:
        """Put `text` into the line, where that is what is asked for, and go on typing behind it."""
        line_ = self.query_one("#line", Input)
        if line_.display:
            line_.focus()
            line_.value = text
            line_.cursor_position = len(text)

    def _answer(self, value: str, reason: str = "") -> None:
        self._say("")
        self._work(lambda: self.worker.answer(value, reason))

    def action_previous(self) -> None:
        if self.reason_for is not None or self.editing is not None:
            self._drop()
        else:
            self._work(self.worker.back)

    def action_leave(self) -> None:
        if self.reason_for is not None or self.editing is not None:
            self._drop()
        else:
            self.dismiss("")

    def _drop(self) -> None:
        """Leave what is being typed: back to the page's question."""
        self.reason_for = self.editing = None
        self._say("")
        self._ask()
        self._foot()

    def action_move(self, delta: int) -> None:
        if self.query_one("#choices").display:
            self.query_one("#choices", Words).move(delta)
            return
        text = self.query_one("#page", LineView)
        if self.editing is not None:
            text.scroll_rows(delta)
            return
        if text.cursor_rows:
            text.focus()
        text.move(delta)

    def action_edge(self, delta: int) -> None:
        choices = self.query_one("#choices", Words)
        text = self.query_one("#page", LineView)
        (choices if choices.display else text).move_to_end(last=delta > 0)

    def action_page(self, delta: int) -> None:
        text = self.query_one("#page", LineView)
        text.scroll_rows(delta * max(1, text.rows - 1))
