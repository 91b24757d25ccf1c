"""The wizard as lines: its steps, a page with what happened meanwhile, the choices, the keys. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from cockpit.core.safe_text import clean
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, cell, fold, line
from cockpit.ui.text.styles import BAD, BOLD, DIM, GOOD, KEY, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.services.wizard.page import Choice, Page
    from cockpit.services.wizard.wizard import Place

GO_ON = "\0go on"
"""The key of the line that leaves the settings as they are; no setting's name."""
LONG_S = 5.0
"""Seconds from which it is said how long something takes."""
_LEAST = 12
"""Cells below which the beginning of a sentence says nothing."""


def place_lines(places: Sequence[Place], glyphs: Glyphs, *, answers: bool) -> list[Line]:
    """The steps, each behind, here, ahead or to be done again; with `answers` what was said to those behind."""
    marks = {
        "behind": (glyphs.check, GOOD),
        "here": (glyphs.cursor, BOLD),
        "ahead": (" ", DIM),
        "stale": (glyphs.warn, WARN),
    }
    lines: list[Line] = []
    for place in places:
        mark, style = marks[place.where]
        title = BOLD if place.where == "here" else PLAIN if place.where == "behind" else DIM
        answer = f"  {clean(place.answer, newlines='show')}" if answers else ""
        lines.append(line((f"{mark} ", style), (place.title, title), (answer, DIM)))
    return lines


def page_lines(page: Page | None, events: Sequence[str], width: int, *, brief: bool = False) -> list[Line]:
    """What is known, folded to `width`, then what happens; a setting's line has its name as key.

    `brief`: a setting is one line with the beginning of what it does, so that those that matter are in sight at once.
    """
    texts = list(page.lines) if page else ["Looking …"]
    if events:
        texts += ["", *events]
    picks = {pick.line: pick.name for pick in page.picks} if page else {}
    does = (
        {pick.line: pick.help.removeprefix(f"{pick.name}: ") for pick in page.picks} if page and brief else {}
    )
    lines: list[Line] = []
    for number, text in enumerate(texts):
        if number in does:
            lines.append(_in_one(clean(text, newlines="show"), clean(does[number]), width, key=picks[number]))
            continue
        if number - 1 in does and text.startswith(" "):
            continue  # the whole of what it does, which enter shows
        parts = folded(clean(text, newlines="show"), width)
        lines += [line(part, key=picks.get(number) if at == 0 else None) for at, part in enumerate(parts)]
    if picks:
        lines.insert(0, line(("Go on with these settings", BOLD), key=GO_ON))
    return lines


def _in_one(text: str, does: str, width: int, *, key: str) -> Line:
    does, room = does.split(". ")[0], width - cell_len(text) - 2
    return line(text, (f"  {cell(does, room).rstrip()}" if room > _LEAST else "", DIM), key=key)


def choice_lines(choices: Sequence[Choice]) -> list[Line]:
    """A numbered line a choice; its key is its index."""
    return [
        line((f" {number} ", KEY), f" {clean(choice.label)}", key=str(number - 1))
        for number, choice in enumerate(choices, 1)
    ]


def wrong_lines(text: str, width: int, glyphs: Glyphs) -> list[Line]:
    """Why an answer wasn't taken; nothing for an empty text."""
    parts = fold(clean(text), width) if text else []
    return [line((f"{glyphs.cross if at == 0 else ' '} {part}", BAD)) for at, part in enumerate(parts)]


def confirmed_lines(texts: Sequence[str], width: int, glyphs: Glyphs) -> list[Line]:
    """What an answer changed, each on a line of its own."""
    return [
        line((f"{glyphs.check} ", GOOD), cell(clean(text), width, ellipsis=glyphs.ellipsis)) for text in texts
    ]


def foot_line(page: Page | None, width: int, *, busy: bool, editing: bool, took: float = 0.0) -> Line:
    """The keys that matter now, and the command that does the same as the page; or for how long it has worked.

    In a narrow terminal words about the keys give way, so that the command is whole.
    """
    command = clean(page.cli_equivalent, newlines="show") if page else ""
    shown = (f"   {command}" if command else "", DIM)
    if busy:
        long = f" {int(took) // 60}:{int(took) % 60:02d}" if took >= LONG_S else ""
        return line((f"working …{long}", BOLD), ("  esc", KEY), (" leave, it goes on from here", DIM))
    if editing:
        return line(("enter", KEY), (" take it, empty the default ", DIM), ("tab", KEY), (" edit what it is ", DIM),
                    ("esc", KEY), (" leave it as it is", DIM))  # fmt: skip
    made = _keys(page, shown, brief=False)
    return made if not command or made.width <= width else _keys(page, shown, brief=True)


def _keys(page: Page | None, shown: tuple[str, Style], *, brief: bool) -> Line:
    """The keys and the command."""
    before = (" back " if brief else " step before ", DIM)
    if page is not None and page.picks:
        return line(("enter", KEY), (" edit, or go on ", DIM), ("tab", KEY),
                    (" type " if brief else " type NAME=VALUE ", DIM), ("f2", KEY), before, ("esc", KEY),
                    (" leave", DIM), shown)  # fmt: skip
    if page is not None and page.choices:
        digits = (f"1-{len(page.choices)}" if len(page.choices) > 1 else "", KEY)
        choose = (" choose " if digits[0] else "", DIM)
    else:
        digits, choose = ("tab" if page and (page.path or page.default) else "", KEY), ("", DIM)
        choose = ((" complete " if page and page.path else " edit ") if digits[0] else "", DIM)
    return line(digits, choose, ("enter", KEY), (" answer ", DIM), ("f2", KEY), before, ("esc", KEY),
                (" leave" if brief else " leave, nothing is lost", DIM), shown)  # fmt: skip


def folded(text: str, width: int) -> list[str]:
    """Lines that fit keep their columns; longer ones are broken, and hang below their indent."""
    if cell_len(text) <= width:
        return [text]
    indent = " " * min(12, len(text) - len(text.lstrip()))
    return [indent + part for part in fold(text.strip(), width - len(indent))]
