"""What each tab of the run screen shows, and what it has to read for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from cockpit.ui.dashboard.log import search
from cockpit.ui.run import answers, texts
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import BOLD, DIM, WARN
from cockpit.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.ui.run.screen import RunScreen

TABS = (
    ("charts", "Charts"),
    ("answers", "Mid-evals"),
    ("rollouts", "Rollouts"),
    ("checkpoints", "Checkpoints"),
    ("held_out", "Held-out"),
    ("log", "Log"),
    ("recipe", "Recipe"),
)
_NEEDS = {
    "answers": ("files",),
    "rollouts": ("files",),
    "held_out": ("files",),
    "log": ("log",),
    "recipe": ("recipe",),
}
LISTS = ("answers", "rollouts", "held_out")
LOOK_ONLY = "look, but never make training data from these: that is leakage"


class RunTabs:
    """The run screen's content, a method a tab."""

    def __init__(self, screen: RunScreen) -> None:
        self.screen = screen
        self._match = 0

    def style(self, tab: str) -> Style:
        """Bold for the one that is up; a click brings another one up."""
        click = Style(meta={"@click": f"screen.show_tab({tab!r})"})
        return (BOLD if tab == self.screen.tab else DIM) + click

    def needs(self, tab: str) -> Sequence[str]:
        return _NEEDS.get(tab, ())

    def news(self, tab: str) -> object:
        """What the tab's files were read at; when it changes, they are read anew. None: nothing to read."""
        run = self.run
        if run is None or not _NEEDS.get(tab):
            return None
        if tab == "log":
            return run.log_count
        return (len(run.mid_evals), len(run.checkpoints), run.stage, int(self.screen.cockpit.state.now // 5))

    def focus(self, tab: str) -> str:
        return "charts" if tab == "charts" else "index" if tab in LISTS else "text"

    @property
    def run(self) -> LiveRun | None:
        view = self.screen.view
        return self.screen.cockpit.state.live.get(view.id) if view is not None else None

    def _list(self, name: str) -> LineView:
        return self.screen.query_one(f"#{name}", LineView)

    def fill(self, tab: str) -> None:
        """Build the lines of `tab`."""
        if tab in LISTS:
            self._fill_index(tab)
            self._fill_detail(tab)
        elif tab != "charts":
            text = self._list("text")
            text.tail(tab == "log")
            lines, title = self._text(tab, max(20, self.screen.size.width - 1))
            text.set_lines(lines, title=title)

    # -- two lists -----------------------------------------------------------------------------------------------

    def _fill_index(self, tab: str) -> None:
        screen, glyphs = self.screen, self.screen.cockpit.glyphs
        if tab == "answers":
            lines, title = answers.mid_eval_index(self.run, screen.files, glyphs), "Mini-evals by checkpoint"
        elif tab == "rollouts":
            lines, title = answers.rollout_index(screen.files), "Training samples by step"
        else:
            rows = screen.rows if screen.rows_of == "held_out" else ()
            lines, title = answers.held_out_index(rows, glyphs), "Held-out items"
        empty = {
            "answers": "no mini-eval yet",
            "rollouts": "the trainer kept no samples of its training",
            "held_out": "no full held-out pass was made; e makes one when the run has ended",
        }[tab]
        if tab == "held_out" and not lines:
            self._ask_rows("held_out", None, "held_out")
        self._list("index").set_lines(lines or [line((empty, DIM))], title=title)

    def _fill_detail(self, tab: str) -> None:
        detail, screen = self._list("detail"), self.screen
        split, _, which = (self._list("index").cursor or "").partition(":")
        if not which or split != {"answers": "eval", "rollouts": "train"}.get(tab, tab):
            detail.set_lines([], title="Answers")
            return
        wanted = "held_out" if tab == "held_out" else f"{split}:{which}"
        if screen.rows_of != wanted:
            self._ask_rows(split, None if tab == "held_out" else int(which), wanted)
            detail.set_lines([line(("reading …", DIM))], title="Answers")
            return
        width, glyphs = max(20, detail.size.width - 1), screen.cockpit.glyphs
        if tab == "rollouts":
            lines = answers.rollout_lines(screen.rows, width=width, glyphs=glyphs)
            detail.set_lines(lines, title=f"Step {which}: {len(screen.rows)} samples")
            return
        rows = answers.in_slice(screen.rows, which) if tab == "held_out" else screen.rows
        lines = answers.answer_lines(rows, width=width, glyphs=glyphs)
        if tab == "held_out":
            lines = [line((LOOK_ONLY, WARN)), *lines]
        where = f"Step {which}: " if tab == "answers" else ""
        detail.set_lines(lines, title=f"{where}{answers.shares(rows) or 'nothing'}")

    def _ask_rows(self, split: str, step: int | None, what: str) -> None:
        file = next((f for f in self.screen.files if f.split == split and f.step == step), None)
        if file is not None:
            self.screen.reader.ask_rows(what, file)

    def open_item(self) -> None:
        """The item under the cursor, whole."""
        from cockpit.ui.run.screen import ItemScreen

        screen = self.screen
        cursor = self._list("detail").cursor
        rows = list(screen.rows)
        if screen.tab == "held_out":
            rows = answers.in_slice(rows, (self._list("index").cursor or ":").partition(":")[2])
        if cursor is None or not cursor.isdigit() or int(cursor) >= len(rows):
            return
        screen.cockpit.push_screen(ItemScreen(screen.cockpit, rows[int(cursor)]))

    # -- one text ------------------------------------------------------------------------------------------------

    def _text(self, tab: str, width: int) -> tuple[Sequence[Line], str]:
        screen, cockpit = self.screen, self.screen.cockpit
        if tab == "checkpoints":
            return texts.checkpoint_lines(self.run, cockpit.glyphs, cockpit.state.now), "Checkpoints"
        if tab == "recipe":
            return texts.recipe_lines(screen.recipe, width), "Recipe"
        found = search(screen.log_text, screen.words)
        note = f", {len(found)} lines hold “{screen.words}”; n and N go between them" if screen.words else ""
        lines = texts.full_log_lines(screen.log_text, screen.words)
        return lines or [line(("its log is empty", DIM))], f"Log, {len(screen.log_text)} lines{note}"

    def to_match(self, step: int) -> None:
        """Scroll to the next line that holds the words searched for; 0: the last one at or after the view."""
        screen, text = self.screen, self._list("text")
        found = search(screen.log_text, screen.words)
        if screen.tab != "log" or not found:
            return
        here = next((n for n, at in enumerate(found) if at >= text.top + (step > 0)), len(found) - 1)
        if step < 0:
            here = max((n for n, at in enumerate(found) if at < text.top), default=0)
        text.top = min(found[here], max(0, len(text.lines) - text.rows))
        text.redraw()
