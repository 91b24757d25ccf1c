"""The one text widget of the cockpit: styled lines, drawn a line at a time, redrawn only where cells changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.ui.messages import LineChosen, LineHighlighted
from cockpit.ui.text.glyphs import UNICODE, Glyphs
from cockpit.ui.text.lines import Line, changed_columns, line, to_strip
from cockpit.ui.text.styles import BOLD, CURSOR, DIM, PLAIN


def grounded(widget: Widget, strip: Strip) -> Strip:
    """Lay a strip on the theme's background; the terminal's own needs none."""
    own: bool = widget.app.native_ansi_color  # pyright: ignore[reportUnknownMemberType]
    return strip if own else strip.apply_style(widget.rich_style)


class LineView(Widget):
    """Shows lines under an optional one-line title, with scrolling, an optional cursor, and tail-following.

    Cheaper than Textual's ready-made lists: no child widgets, no scrollbar widgets, and an update costs the
    terminal only the cells that differ.
    """

    DEFAULT_CSS = "LineView { width: 1fr; height: 1fr; }"
    can_focus = True

    def __init__(
        self,
        *,
        id: str | None = None,
        title: str = "",
        glyphs: Glyphs = UNICODE,
        cursor: bool = False,
        follow: bool = False,
        focusable: bool = True,
    ) -> None:
        super().__init__(id=id)
        self.title = title
        self.glyphs = glyphs
        self.lines: Sequence[Line] = ()
        self.top = 0
        self.left = 0
        self.cursor: str | None = None
        self.cursor_rows = cursor
        """Whether j/k move a cursor over lines that carry a key, rather than scroll."""
        self.following: bool = follow
        self._tails: bool = follow
        self.can_focus = focusable
        self._drawn: list[Strip] = []
        self._cursor_seen: tuple[str | None, int] | None = None

    # -- content -----------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Lines that fit below the title."""
        return max(0, self.size.height - bool(self.title))

    def set_lines(self, lines: Sequence[Line], *, title: str | None = None) -> None:
        """Show `lines`; only what differs on screen is redrawn."""
        if title is not None:
            self.title = title
        self.accept(lines)
        self.redraw()

    def tail(self, on: bool) -> None:
        """Stay at the end as lines arrive (until somebody scrolls up), or begin at the top."""
        if on != self._tails:
            self._tails = on
            self.following = on
            self.top = 0

    def accept(self, lines: Sequence[Line]) -> None:
        """Take `lines` without drawing them: keep the cursor on its line and the view within the lines."""
        self.lines = lines
        if self.cursor_rows:
            self._keep_cursor()
            self._follow_cursor()
        self._clamp()

    def _keep_cursor(self) -> None:
        keys = [item.key for item in self.lines if item.key is not None]
        if self.cursor not in keys:
            self.cursor = keys[0] if keys else None

    def _follow_cursor(self) -> None:
        """Keep the cursor's line in view when it or the height changed; a view scrolled by hand stays."""
        now = (self.cursor, self.rows)
        if now != self._cursor_seen:
            self._cursor_seen = now
            index = next((i for i, item in enumerate(self.lines) if item.key == self.cursor), None)
            if index is not None:
                self._show_row(index)

    def _clamp(self) -> None:
        deepest = max(0, len(self.lines) - self.rows)
        self.top = deepest if self.following else min(max(0, self.top), deepest)

    def redraw(self) -> None:
        """Refresh the cells that differ from what was drawn last."""
        width, height = self.size
        if not width or not height or not self._drawn:
            self._drawn = []  # hidden: what was drawn before must not come back when it is shown again
            self.refresh()
            return
        fresh = [self._draw(y, width) for y in range(height)]
        if len(self._drawn) != height or self._drawn[0].cell_length != width:
            self._drawn = fresh
            self.refresh()
            return
        regions: list[Region] = []
        for y, (old, new) in enumerate(zip(self._drawn, fresh, strict=True)):
            if columns := changed_columns(old, new):
                regions.append(Region(columns[0], y, columns[1] - columns[0], 1))
        if regions:
            self._drawn = fresh
            self.refresh(*regions)

    # -- drawing -----------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if len(self._drawn) != height or (self._drawn and self._drawn[0].cell_length != width):
            self.prepare()
            self._clamp()
            self._drawn = [self._draw(row, width) for row in range(height)]
        return grounded(self, self._drawn[y] if y < len(self._drawn) else Strip.blank(width))

    def prepare(self) -> None:
        """Called before the first drawing at a new size: the chance to fit the lines to it."""

    def _draw(self, y: int, width: int) -> Strip:
        if self.title:
            if y == 0:
                return to_strip(self._title_line(width), width, self.glyphs)
            y -= 1
        index = self.top + y
        if index >= len(self.lines):
            return Strip.blank(width)
        item = self.lines[index]
        here = self.cursor_rows and item.key is not None and item.key == self.cursor
        flat: Style | None = CURSOR if here and self.has_focus else None
        base = BOLD if here and not self.has_focus else PLAIN
        strip = to_strip(item, max(0, width - 1), self.glyphs, offset=self.left, base=base, flat=flat)
        return Strip.join([strip, self._thumb(y, flat)])

    def _thumb(self, y: int, flat: Style | None) -> Strip:
        """The last column: a mark beside the part of the whole that is in view, where not all of it is."""
        rows, total = self.rows, len(self.lines)
        if total <= rows:
            return Strip([Segment(" ", flat or PLAIN)], 1)
        size = max(1, rows * rows // total)
        start = round(self.top * (rows - size) / max(1, total - rows))
        return Strip([Segment(self.glyphs.thumb if start <= y < start + size else " ", flat or DIM)], 1)

    def _title_line(self, width: int) -> Line:
        sign = self.glyphs.cursor if self.has_focus else self.glyphs.rule
        style = BOLD if self.has_focus else DIM
        head = f"{sign} {self.title} "
        return line((head, style), (self.glyphs.rule * max(0, width - len(head)), DIM))

    # -- moving ------------------------------------------------------------------------------------------------

    def move(self, delta: int) -> None:
        """Down (positive) or up by rows: the cursor where there is one, else the view."""
        if not self.cursor_rows:
            self.scroll_rows(delta)
            return
        keyed = [i for i, item in enumerate(self.lines) if item.key is not None]
        if not keyed:
            return
        here = next((n for n, i in enumerate(keyed) if self.lines[i].key == self.cursor), 0)
        self._set_cursor(keyed[min(max(0, here + delta), len(keyed) - 1)])

    def move_to_end(self, *, last: bool) -> None:
        """To the first or the last line; at the last one a tail is followed again."""
        self.move(len(self.lines) if last else -len(self.lines))

    def scroll_rows(self, delta: int) -> None:
        deepest = max(0, len(self.lines) - self.rows)
        self.top = min(max(0, self.top + delta), deepest)
        self.following = self._tails and self.top == deepest
        self.redraw()

    def scroll_columns(self, delta: int) -> None:
        """Sideways, for lines longer than the panel."""
        longest = max((item.width for item in self.lines[self.top : self.top + self.rows]), default=0)
        self.left = min(max(0, self.left + delta), max(0, longest - 8))
        self.redraw()

    def select_key(self, key: str | None) -> None:
        """Put the cursor on the line that stands for `key`, without telling anyone."""
        self.cursor = key
        index = next((i for i, item in enumerate(self.lines) if item.key == key), None)
        if index is not None:
            self._show_row(index)
        self.redraw()

    def _set_cursor(self, index: int) -> None:
        self.cursor = self.lines[index].key
        self._show_row(index)
        self.redraw()
        self.post_message(LineHighlighted(self, self.cursor))

    def _show_row(self, index: int) -> None:
        rows = max(1, self.rows)
        if index < self.top:
            self.top = index
        elif index >= self.top + rows:
            self.top = index - rows + 1

    # -- events ------------------------------------------------------------------------------------------------

    def watch_has_focus(self, _has_focus: bool) -> None:
        """The title and the cursor show it. Not `on_focus`: that comes before the widget knows."""
        super().watch_has_focus(_has_focus)
        self.redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-3)

    def on_click(self, event: events.Click) -> None:
        index = self.top + event.y - bool(self.title)
        if not self.cursor_rows or not 0 <= index < len(self.lines):
            return
        key = self.lines[index].key
        if key is None:
            return
        again = key == self.cursor
        self._set_cursor(index)
        if again:
            self.post_message(LineChosen(self, key))
