"""Compare whitespace and language: differences that a reader overlooks and a tokenizer doesn't.

A blank at the end of a prompt becomes a token of its own, and the model has to begin its answer after a token that it
never saw there in training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from cockpit.core.dataset.language import language, languages
from cockpit.core.spotcheck.quote import excerpt, of_prompt, of_target
from cockpit.core.spotcheck.types import USUAL, Item, Mismatch, Quote, Rule, Sides, Span, Target

RARE = 0.05
_TRAILING = re.compile(r"[ \t\u00a0\u3000]+\Z|[ \t]*\n\s*\Z")
_LEADING = re.compile(r"\A\s+")
_ODD: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Windows line ends", re.compile(r"\r\n?")),
    ("no-break blanks", re.compile("[\u00a0\u202f\u2007]")),
    ("zero-width characters", re.compile("[\u200b\u2060\ufeff]")),
    ("tabs", re.compile(r"\t")),
)


def prompt_endings(sides: Sides) -> Mismatch | None:
    """Prompts end in a blank or a line break on one side only."""
    if sides.rendered is not None and sides.rendered.trims:
        return None  # the template strips them
    rows = [row for row in sides.train if row.raw is None and row.turns]
    return _one_sided(
        sides, rows, lambda text: _span(_TRAILING, text), "end in blanks", "Strip the prompts of both sides."
    )


def odd_blanks(sides: Sides) -> Mismatch | None:
    """Characters that look like nothing stand in one side's texts only."""
    rows = [row for row in sides.train if row.raw is None and row.turns]
    for name, pattern in _ODD:
        hit = _one_sided(
            sides,
            rows,
            lambda text, p=pattern: _span(p, text),
            f"hold {name}",
            f"Clean {name} out of both sides.",
        )
        if hit is not None:
            return hit
    return None


def target_edges(sides: Sides) -> Mismatch | None:
    """Targets begin or end with blanks, and the gold answers of the eval don't: the model learns to write them."""
    if sides.rendered is not None and sides.rendered.trims:
        return None
    targets = sides.targets
    padded = [row for row in targets if row.raw is None and _edge(row.text or "")]
    golds = sum(_edge(item.gold) is not None for item in sides.items)
    if not targets or len(padded) < USUAL * len(targets) or golds > RARE * len(sides.items):
        return None
    row = padded[0]
    item = sides.items[0] if sides.items else None
    place = "begin" if _LEADING.match(row.text or "") else "end"
    return Mismatch(
        kind="whitespace",
        share=len(padded) / len(targets),
        total=len(targets),
        of="training rows",
        headline=f"Training targets {place} with blanks, the eval's answers don't",
        train=of_target(row, _edge(row.text or "")),
        eval=excerpt(f"eval item {item.id}, its gold answer", item.gold, None)
        if item
        else Quote("the eval", ""),
        fix="Strip the targets; the template puts the blanks that belong there.",
        action="realign",
    )


def other_language(sides: Sides) -> Mismatch | None:
    """Training is in another language than the eval prompts."""
    at_eval = languages(item.prompt for item in sides.items)
    told = sum(at_eval.values())
    known = {name for name, count in at_eval.items() if count >= RARE * told}
    if told < USUAL * len(sides.items) or not told:
        return None
    rows: list[tuple[Target, str]] = []
    for row in sides.train:
        found = language(row.text or "") or language(row.raw or row.prompt)
        if found is not None:
            rows.append((row, found))
    strange = [(row, name) for row, name in rows if name not in known]
    if not strange or not rows:
        return None
    name = Counter(name for _, name in strange).most_common(1)[0][0]
    row = next(row for row, found in strange if found == name)
    usual = at_eval.most_common(1)[0][0]
    item = next(item for item in sides.items if language(item.prompt) == usual)
    quoted = of_target(row) if language(row.text or "") == name else of_prompt(row)
    return Mismatch(
        kind="language",
        share=len(strange) / len(sides.train),
        total=len(sides.train),
        of="training rows",
        headline=f"Training is {'' if 2 * len(strange) >= len(sides.train) else 'partly '}in "
        f"{' and '.join(sorted({found for _, found in strange})[:3])}, the eval prompts are in {usual}",
        train=quoted,
        eval=of_prompt(item),
        fix=f"Train on data in {usual}, or evaluate in {name}: a score says little across languages.",
    )


def _one_sided(
    sides: Sides, rows: Sequence[Target], find: Callable[[str], Span | None], what: str, fix: str
) -> Mismatch | None:
    """A property that most prompts of one side have, and hardly any of the other."""
    if not rows or not sides.items:
        return None
    train = [row for row in rows if find(row.turns[-1].text)]
    items = [item for item in sides.items if item.turns and find(item.turns[-1].text)]
    shares = (len(train) / len(rows), len(items) / len(sides.items))
    if not ((shares[0] >= USUAL and shares[1] <= RARE) or (shares[1] >= USUAL and shares[0] <= RARE)):
        return None
    in_training = shares[0] > shares[1]
    row, item = (train or list(rows))[0], (items or list(sides.items))[0]
    return Mismatch(
        kind="whitespace",
        share=max(shares),
        total=len(rows) if in_training else len(sides.items),
        of="training rows" if in_training else "eval items",
        headline=f"{'Training' if in_training else 'Eval'} prompts {what}, {'eval' if in_training else 'training'} "
        "prompts don't",
        train=_end(row, find),
        eval=_end(item, find),
        fix=fix,
        action="prompt",
    )


def _end(side: Target | Item, find: Callable[[str], Span | None]) -> Quote:
    span = find(side.turns[-1].text)
    shift = len(side.prompt) - len(side.turns[-1].text)
    return of_prompt(side, (span[0] + shift, span[1] + shift) if span else None)


def _span(pattern: re.Pattern[str], text: str) -> Span | None:
    found = pattern.search(text)
    return found.span() if found else None


def _edge(text: str) -> Span | None:
    """The blanks that `text` begins or ends with; a single line break at the end is how files are written."""
    leading = _LEADING.match(text)
    if leading:
        return leading.span()
    kept = len(text.rstrip())
    return (kept, len(text)) if kept < len(text) and text[kept:] != "\n" else None


RULES: tuple[Rule, ...] = (prompt_endings, target_edges, odd_blanks, other_language)
