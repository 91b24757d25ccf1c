"""Themes: every colour that means something can be read on every one, and the environment or a person chooses."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color as RichColor
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from cockpit.contract.errors import CockpitError
from cockpit.ui.text import styles, themes
from cockpit.ui.widgets.chart_inks import style_of
from tests.support.ui.drive import opened
from tests.support.ui.gallery import build

MEANT = ("HEAD", "ACCENT", "GOOD", "WARN", "BAD", "LIVE", "BEST", "KEY", "MATCH", "PLAIN")


@pytest.mark.parametrize("name", [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi])
def test_every_status_colour_can_be_read(name: str) -> None:
    colours = themes.terminal_theme(BUILTIN_THEMES[name])
    assert colours is not None
    default = RichColor.default()
    inks = [style for style in map(style_of, range(32)) if not style.dim]
    for style in [*(getattr(styles, meant) for meant in MEANT), *inks]:
        front = (style.color or default).get_truecolor(colours, foreground=True)
        back = (style.bgcolor or default).get_truecolor(colours, foreground=False)
        assert themes.contrast(Color(*front), Color(*back)) >= 4.5, (name, style)


def test_contrast_is_that_of_wcag() -> None:
    black, white = Color(0, 0, 0), Color(255, 255, 255)
    assert themes.contrast(black, white) == pytest.approx(21)
    assert themes.contrast(white, black) == pytest.approx(21)
    assert themes.contrast(Color(118, 118, 118), white) == pytest.approx(4.54, abs=0.01)


def test_the_environment_chooses() -> None:
    assert themes.chosen({}) == "ansi-dark"
    assert themes.chosen({"COCKPIT_THEME": "textual-light"}) == "textual-light"
    with pytest.raises(CockpitError, match=r"no such theme.*solarized-light"):
        themes.chosen({"COCKPIT_THEME": "blue"})


@pytest.mark.ui
async def test_a_theme_is_shown_under_the_cursor_and_kept_by_enter(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        cockpit.app.use_theme(themes.chosen({"COCKPIT_THEME": "solarized-light"}))
        assert cockpit.app.theme == "solarized-light"
        await cockpit.press("T", "down")
        await cockpit.until(lambda: cockpit.app.theme == "textual-dark")
        await cockpit.press("escape")
        await cockpit.until(lambda: cockpit.app.theme == "solarized-light")
        await cockpit.press("T", "down", "down", "enter")
        await cockpit.until(lambda: cockpit.app.theme == "textual-light" and "Theme" not in cockpit.text)
