"""The run screen's texts: checkpoints, recipe, the log with its search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from cockpit.core.safe_text import clean, clip
from cockpit.ui.text import ages
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, fold, line
from cockpit.ui.text.log_lines import LogLines, log_line
from cockpit.ui.text.scores import share
from cockpit.ui.text.styles import BAD, BEST, BOLD, DIM, HEAD, MATCH, PLAIN, WARN

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun

_REASONS = {"periodic": "", "request": "asked for", "stop": "at the stop", "end": "at the end"}


def checkpoint_lines(run: LiveRun | None, glyphs: Glyphs, now: float) -> list[Line]:
    """Checkpoints, newest first: step, mini-eval score, why it was made; the best one marked; then the notices."""
    if run is None or not run.checkpoints:
        return [line(("no checkpoint yet", DIM)), *_notices(run, now)]
    scores = {mid.step: mid.score for mid in run.mid_evals}
    lines: list[Line] = []
    for made in reversed(run.checkpoints):
        best = made.step == run.best_step if run.best_step is not None else made.best
        sign: Span = (f"{glyphs.best} best ", BEST) if best else ("       ", PLAIN)
        score = f"mini-eval {share(scores[made.step])}" if made.step in scores else ""
        why = _REASONS.get(made.reason, clean(made.reason, newlines="show"))
        lines.append(
            line(sign, (f"step {made.step:<8}", BOLD), f"{score:<16}", (f"{why:<12}", DIM), (clip(made.path, 60), DIM),
                 key=str(made.step))
        )  # fmt: skip
    return lines + _notices(run, now)


def _notices(run: LiveRun | None, now: float) -> list[Line]:
    if run is None or not run.notices:
        return []
    lines = [line(), line(("What the trainer said", BOLD))]
    for notice in reversed(run.notices):
        style = BAD if notice.level == "error" else WARN if notice.level == "warning" else PLAIN
        lines.append(
            line((f"{ages.age(now - notice.time):>10}  ", DIM), (f"{clean(notice.level, newlines='show')}: ", style),
                 clean(notice.text, newlines="show"))
        )  # fmt: skip
    return lines


def recipe_lines(recipe: Mapping[str, Any], width: int) -> list[Line]:
    """Every setting by section, TRL's own names under `trainer`; nulls are kept, they are decisions too."""
    if not recipe:
        return [line(("no recipe on the disk", WARN))]
    plain = {name: value for name, value in recipe.items() if not isinstance(value, Mapping)}
    sections = {
        name: cast("Mapping[str, Any]", value) for name, value in recipe.items() if isinstance(value, Mapping)
    }
    lines = _settings(plain, width)
    for name in sorted(sections, key=lambda name: (name != "trainer", name)):
        lines += [line(), line((clean(name, newlines="show"), HEAD))]
        lines += _settings(sections[name], width)
    return lines


def _settings(settings: Mapping[str, Any], width: int) -> list[Line]:
    lines: list[Line] = []
    room = max(10, width - 30)
    for name, value in settings.items():
        text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        parts = fold(clean(text, newlines="show"), room)
        style = DIM if value is None else PLAIN
        lines.append(line((f"  {clip(str(name), 26):<27}", DIM), (parts[0], style)))
        lines += [line(" " * 29, (part, style)) for part in parts[1:]]
    return lines


def full_log_lines(log: Sequence[str], words: str) -> Sequence[Line]:
    """The log, the places that hold `words` marked."""
    needle = words.lower()

    def dress(text: str) -> Line:
        shown = log_line(text)
        return _marked(shown, needle) if needle and needle in text.lower() else shown

    return LogLines(log, dress)


def _marked(source: Line, needle: str) -> Line:
    """Mark every occurrence of `needle` (lower case) in a line of one span."""
    spans: list[Span] = []
    for text, style in source.spans:
        low, at = text.lower(), 0
        if len(low) != len(text):  # a letter whose lower case is longer: no safe places to cut
            spans.append((text, MATCH))
            continue
        while (found := low.find(needle, at)) >= 0:
            spans += [(text[at:found], style), (text[found : found + len(needle)], MATCH)]
            at = found + len(needle)
        spans.append((text[at:], style))
    return line(*spans, key=source.key)
