"""What a model thinks aloud is not its answer: where the thinking stands in a completion, and whether it ever ends.

Read are the marks that models are trained to set (`<think>` and its like). A closing mark alone closes what the
prompt opened: everything before it is thinking. A mark in quotes or backticks is talked about, not set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cockpit.verifiers.verdict import Span

MARKS = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"), ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"), ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"), ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
)  # fmt: skip
"""Each family's opening and closing mark, in any case."""
_CLOSES = {opening.lower(): closing.lower() for opening, closing in MARKS}
_OPENS = {closing: opening for opening, closing in _CLOSES.items()}
_MARK = re.compile("|".join(re.escape(mark) for pair in MARKS for mark in pair), re.IGNORECASE)
_QUOTES = "\"'`"


@dataclass(frozen=True, slots=True)
class Thinking:
    """The places of the thinking in a text, in order; `unfinished`: the last of them is never closed."""

    spans: tuple[Span, ...] = ()
    unfinished: bool = False

    def holds(self, span: Span) -> bool:
        """Whether this place lies within the thinking."""
        return any(start <= span[0] and span[1] <= end for start, end in self.spans)

    def without(self, text: str) -> str:
        """`text` with line ends where the thinking was, so that every place in it stays the same."""
        parts: list[str] = []
        at = 0
        for start, end in self.spans:
            parts += [text[at:start], "\n" * (end - start)]
            at = end
        return "".join([*parts, text[at:]])


NONE = Thinking()


def opened_by(prompt: str) -> str:
    """Return the mark with which a rendered prompt has begun the model's thinking; "" where it ends in none."""
    end = prompt.rstrip().lower()
    return next((opening for opening in _CLOSES if end.endswith(opening)), "")


def find(text: str, but: str = "", opened: str = "") -> Thinking:
    """Find the thinking in `text`; tags called `but` are the answer's own. `opened`: what the prompt ended in."""
    spans: list[Span] = []
    start = 0
    opened = "" if opened.strip("<>") == but.lower() else opened
    for match in _MARK.finditer(text):
        mark = match.group().lower()
        if mark.strip("</>") == but.lower() or _quoted(text, match.span()):
            continue
        if mark in _CLOSES:
            if not opened:
                opened, start = mark, match.start()
        elif not opened or _OPENS[mark] == opened:
            # Where none was opened here, the prompt opened it: nothing before this was an answer.
            spans = [*spans, (start, match.end())] if opened else [(0, match.end())]
            opened = ""
    if opened:
        spans.append((start, len(text)))
    return Thinking(tuple(spans), bool(opened))


def unmarked(text: str, but: str = "") -> str:
    """`text` with line ends where the marks stand, every place in it the same; the thinking itself stays."""
    return _MARK.sub(
        lambda m: m.group() if m.group().lower().strip("</>") == but.lower() else "\n" * len(m.group()), text
    )


def _quoted(text: str, span: Span) -> bool:
    before, after = text[span[0] - 1 : span[0]], text[span[1] : span[1] + 1]
    return before != "" and before == after and before in _QUOTES
