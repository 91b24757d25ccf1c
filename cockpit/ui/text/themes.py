"""The themes to choose from: the terminal's own 16 colours, or Textual's with status colours that can be read."""

from __future__ import annotations

from collections.abc import Mapping

from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from cockpit.contract.errors import CockpitError

VARIABLE = "COCKPIT_THEME"
TERMINALS = "ansi-dark"
"""The terminal's own colours: what is taken where nobody chose."""
NAMES: tuple[str, ...] = tuple(BUILTIN_THEMES)
CONTRAST = 4.5
"""Of every colour that means something against the background (WCAG, AA)."""
_STEPS = 40


def chosen(env: Mapping[str, str]) -> str:
    """Return the theme that the environment asks for. Raises CockpitError for one that there is not."""
    name = env.get(VARIABLE, "").strip() or TERMINALS
    if name not in NAMES:
        raise CockpitError(f"{VARIABLE}={name}: there is no such theme", f"There are: {', '.join(NAMES)}.")
    return name


def terminal_theme(theme: Theme) -> TerminalTheme | None:
    """Return what the 16 colours are under a theme of Textual's; None for the terminal's own."""
    if theme.ansi:
        return None
    made = theme.to_color_system().generate()
    ground, text = Color.parse(made["background"]), Color.parse(made["foreground"])
    text = readable(Color(text.r, text.g, text.b), ground)
    named = {
        name: Color.parse(made[name])
        for name in ("success", "warning", "error", "primary", "secondary", "accent")
    }
    magenta = named["accent"] if theme.dark else named["secondary"]
    blue = named["primary"].blend(
        named["error"], 0.4
    )  # not cyan's: curves of several runs lie over each other
    colours = [named["error"], named["success"], named["warning"], blue, magenta, named["primary"]]
    row = [ground, *(readable(colour, ground) for colour in colours), text]
    grey = readable(text.blend(ground, 0.35), ground)
    bright = [grey, *(readable(colour.blend(text, 0.35), ground) for colour in row[1:])]
    return TerminalTheme(
        _triplet(ground), _triplet(text), [_triplet(c) for c in row], [_triplet(c) for c in bright]
    )


def readable(colour: Color, ground: Color) -> Color:
    """Return the colour, moved towards black or white until it can be read on `ground`."""
    goal = Color(255, 255, 255) if ground.brightness < 0.5 else Color(0, 0, 0)
    made = colour
    for step in range(_STEPS + 1):
        made = colour.blend(goal, step / _STEPS)
        if contrast(made, ground) >= CONTRAST:
            break
    return made


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colours as WCAG reckons it: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    parts = [part / 255 for part in (colour.r, colour.g, colour.b)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _triplet(colour: Color) -> tuple[int, int, int]:
    return colour.r, colour.g, colour.b
