"""The spot check: training examples and eval prompts side by side, as the model sees them, through one verifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from cockpit.ui import actions
from cockpit.ui.messages import Answer, FixPreviewed, LineChosen, SpotChecked
from cockpit.ui.pages.page import Page
from cockpit.ui.pages.search import SEARCH_STYLES, SearchScreen
from cockpit.ui.spotcheck import view as views
from cockpit.ui.spotcheck.layout import PANES
from cockpit.ui.spotcheck.layout import spot as places
from cockpit.ui.spotcheck.worker import SpotWorker
from cockpit.ui.text.keys_line import keys_line
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import BAD, DIM
from cockpit.ui.widgets.boxes import Boxes
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.places import Box
from cockpit.ui.widgets.seen import is_open

if TYPE_CHECKING:
    from cockpit.core.spotcheck.spot import Example, SpotCheck
    from cockpit.ui.app_protocol import Cockpit

N = 3
"""Examples a side (source text: "3 training examples and 3 eval-prompt examples")."""


class SpotCheckScreen(SearchScreen):
    """Three panes: what differs, training examples, eval prompts. Reading and rendering happen in a thread."""

    scope = actions.SPOT
    BINDINGS = actions.bindings(actions.SPOT)
    CSS_PATH: ClassVar = [SEARCH_STYLES, "screen.tcss"]
    ASKS = "examples that hold these words; enter keeps them, esc drops them"
    AUTO_FOCUS = ""

    def __init__(self, cockpit: Cockpit, experiment_id: str | None) -> None:
        super().__init__(cockpit)
        self.worker = SpotWorker(cockpit.backend, self.deliver, experiment_id, N)
        self.check: SpotCheck | None = None
        self.waiting = "reading both sides"
        self.problem = ""
        self.page = 0
        self._words = ""
        self.pinned: dict[str, int] = {}
        self.pane = "train"
        self._chose_pane = False

    def compose(self) -> ComposeResult:
        glyphs = self.cockpit.glyphs
        yield Boxes(
            LineView(id="title", glyphs=glyphs, focusable=False),
            LineView(id="verdict", glyphs=glyphs, focusable=False),
            LineView(id="mismatches", glyphs=glyphs, title="What differs"),
            LineView(id="train", glyphs=glyphs, title="Training examples"),
            LineView(id="eval", glyphs=glyphs, title="Eval prompts"),
            LineView(id="keys", glyphs=glyphs, focusable=False),
            places=self._places,
            id="spot",
        )

    def _places(self, width: int, height: int) -> Mapping[str, Box]:
        found = len(self._mismatch_lines(width)) if self.check is not None else 0
        return places(width, height, pane=self.pane, found=found)

    def on_mount(self) -> None:
        self.query_one("#train").focus()
        self.worker.start()

    def on_unmount(self) -> None:
        self.worker.stop()

    def on_resize(self) -> None:
        self.fill()

    # -- content -------------------------------------------------------------------------------------------------

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, SpotChecked):
            self._checked(answer)
        elif isinstance(answer, FixPreviewed):
            self._ask_how(answer)

    def _checked(self, message: SpotChecked) -> None:
        if message.check is not None:
            self.check = message.check
        self.waiting = message.waiting
        self.problem = f"{message.problem}. {message.fix}".strip() if message.problem else ""
        if not self._chose_pane and self.check is not None:
            self.pane = "mismatches" if self.check.mismatches else "train"
        self.lay_out()

    def lay_out(self) -> None:
        """Lay out for the pane that has the focus, and fill."""
        self.query_one("#spot", Boxes).rearrange()
        self.call_after_refresh(self._focus_pane)

    def _focus_pane(self) -> None:
        if is_open(self):
            if not self.searching:
                self.query_one(f"#{self.pane}").focus()
            self.fill()

    def fill(self) -> None:
        """Build the lines of every pane for the size there is."""
        if not is_open(self) or not self.size.area:
            return
        glyphs, width = self.cockpit.glyphs, max(20, self.size.width - 2)
        self._list("title").set_lines([views.title_line(self.check, width, self._note())])
        verdict = views.verdict_lines(
            self.check, width, glyphs, self.waiting and f"{self.waiting} {glyphs.ellipsis}"
        )
        if self.problem:
            verdict = [verdict[0], line((views.clean(self.problem, newlines="show"), BAD))]
            verdict = verdict if self.check is not None else verdict[1:]
        self._list("verdict").set_lines(verdict)
        self._list("keys").set_lines([keys_line(actions.footer(actions.SPOT, self._states()), width)])
        self._list("mismatches").set_lines(self._mismatch_lines(self._list("mismatches").size.width))
        for side, title in (("train", "Training examples"), ("eval", "Eval prompts")):
            self._fill_side(side, title)

    def _fill_side(self, side: str, title: str) -> None:
        view, lines = self._list(side), list[Line]()
        for example in self.examples(side):
            pinned = self.pinned.get(side) == example.index
            lines += views.example_lines(
                example, max(20, view.size.width - 1), self.cockpit.glyphs, pinned=pinned
            )
        if not lines and self.check is not None:
            empty = (
                "no example holds these words"
                if self.words
                else "no eval file was named"
                if side == "eval"
                else "none"
            )
            lines = [line((empty, DIM))]
        view.set_lines(lines, title=title)

    def _mismatch_lines(self, width: int) -> list[Line]:
        if self.check is None or not self.check.mismatches:
            return []
        return views.mismatch_lines(self.check.mismatches, max(20, width - 1), self.cockpit.glyphs)

    def examples(self, side: str) -> tuple[Example, ...]:
        """The examples shown on one side."""
        if self.check is None:
            return ()
        return self.check.train if side == "train" else self.check.eval

    def _note(self) -> str:
        parts = [f"page {self.page + 1}"] if self.page else []
        parts += [f"holding “{views.clean(self.words, newlines='show')}”"] if self.words else []
        return ", ".join(parts)

    def _states(self) -> frozenset[str]:
        differs = self.check is not None and bool(self.check.mismatches)
        return frozenset({"any", "mismatched"} if differs else {"any"})

    def _list(self, name: str) -> LineView:
        return self.query_one(f"#{name}", LineView)

    # -- actions -------------------------------------------------------------------------------------------------

    def do_next_pane(self, step: int = 1) -> None:
        shown = [name for name in PANES if name != "mismatches" or (self.check and self.check.mismatches)]
        at = shown.index(self.pane) if self.pane in shown else 0
        self.pane = shown[(at + step) % len(shown)]
        self._chose_pane = True
        self.lay_out()

    def do_previous_pane(self) -> None:
        self.do_next_pane(-1)

    def do_left(self) -> None:
        self.do_next_pane(-1)

    def do_right(self) -> None:
        self.do_next_pane()

    def do_others(self) -> None:
        self._turn(1)

    def do_others_back(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        self.page = max(0, self.page + step)
        for side in ("train", "eval"):
            self._list(side).top = 0
        self._ask()

    def _ask(self) -> None:
        self.worker.show(self.page, self.words, self.pinned)
        self.fill()

    def do_pin_example(self) -> None:
        """Keep the example at the top of the focused side while the others are turned over; again: let it go."""
        side = self.pane if self.pane in ("train", "eval") else "train"
        example = self._example_at(side)
        if example is None:
            return
        if self.pinned.get(side) == example.index:
            del self.pinned[side]
        else:
            self.pinned[side] = example.index
        self._ask()

    def _example_at(self, side: str) -> Example | None:
        """The example that the top of the view shows."""
        view = self._list(side)
        keys = [item.key for item in view.lines[: view.top + 1] if item.key]
        key = keys[-1] if keys else None
        return next((e for e in self.examples(side) if f"{side}:{e.row}" == key), None)

    def do_open(self) -> None:
        """The whole of what is in view: an example with all its tokens, or the differences with their evidence."""
        glyphs, check = self.cockpit.glyphs, self.check
        if self.pane == "mismatches" and check is not None:
            self._whole(
                "What differs", lambda width: views.mismatch_lines(check.mismatches, width, glyphs, full=True)
            )
            return
        example = self._example_at(self.pane)
        if example is not None:
            self._whole(
                "One example, whole", lambda width: views.example_lines(example, width, glyphs, whole=True)
            )

    def _whole(self, heading: str, build: Callable[[int], Sequence[Line]]) -> None:
        self.cockpit.push_screen(WholeScreen(self.cockpit, f"{heading}; esc goes back", build))

    def do_fix(self) -> None:
        """Ask how to fix it, with a preview of what would change."""
        if self.check is None or not self.check.mismatches:
            self.cockpit.say("There is nothing to mend: both sides match.")
            return
        self.waiting = "working out what realigning would change"
        self.worker.preview_fix()
        self.fill()

    def _ask_how(self, message: FixPreviewed) -> None:
        from cockpit.ui.spotcheck.fix_dialog import FixDialog

        self.waiting = ""
        self.fill()

        def answered(answer: tuple[str, str] | None) -> None:
            if answer is not None:
                self.worker.fix(*answer)

        self.cockpit.push_screen(FixDialog(self.cockpit.glyphs, message), answered)

    def do_refresh(self) -> None:
        self.waiting = "reading both sides anew"
        self.worker.again()
        self.fill()

    def on_line_chosen(self, message: LineChosen) -> None:
        self.do_open()

    # -- filter --------------------------------------------------------------------------------------------------

    @property
    def words(self) -> str:
        return self._words

    def search(self, words: str) -> None:
        self._words, self.page = words.strip(), 0
        self._ask()

    def leave_search(self) -> None:
        self.lay_out()

    def do_back(self) -> None:
        if not self.drop_search():
            self.cockpit.pop_screen()


class WholeScreen(Page):
    """One example, or what differs, whole."""

    def __init__(self, cockpit: Cockpit, heading: str, build: Callable[[int], Sequence[Line]]) -> None:
        super().__init__(cockpit)
        self.heading = heading  # pyright: ignore[reportAttributeAccessIssue]
        self.build = build

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        return [[item] for item in self.build(width)]
