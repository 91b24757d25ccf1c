"""The spot check as lines: the verdict, what differs, and examples with their tokens as the model sees them.

No meaning hangs on a colour: special tokens stand in ‹ ›, what is trained on in ⟦ ⟧ with a bar beside it, what
differs in ⟪ ⟫, the cut is a line of its own, blanks at the end of a line are dots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style

from cockpit.core.safe_text import clean
from cockpit.core.spotcheck.spot import (
    CUT,
    SPECIAL,
    TRAINED,
    WORDS,
    Example,
    Judged,
    Look,
    SpotCheck,
    headline,
)
from cockpit.core.spotcheck.types import Mismatch, Quote
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, fold, line
from cockpit.ui.text.styles import ACCENT, BAD, BOLD, DIM, GOOD, PLAIN, WARN
from cockpit.verifiers import is_graded

HEAD, TAIL = 700, 500
"""Characters shown of an example's beginning and end; `enter` shows the whole."""
WHOLE = 400_000
_TRAINED = Style(underline=True)
_CUT = Style(dim=True, strike=True)
_STATE = {"passes": ("check", GOOD), "wrong": ("warn", WARN), "unparsed": ("cross", BAD), "": ("dot", DIM)}


class Marks(NamedTuple):
    """The signs around special tokens, trained text and differences."""

    special: tuple[str, str]
    trained: tuple[str, str]
    differs: tuple[str, str]
    bar: str
    cut: str
    line_break: str


def marks(glyphs: Glyphs) -> Marks:
    """The signs for this terminal."""
    if glyphs.ascii:
        return Marks(("{", "}"), ("[[", "]]"), (">>", "<<"), "|", "8<", glyphs.return_sign)
    return Marks(("‹", "›"), ("⟦", "⟧"), ("⟪", "⟫"), "▌", "✂", glyphs.return_sign)


def title_line(check: SpotCheck | None, width: int, note: str = "") -> Line:
    """What is compared with what."""
    if check is None:
        return line(("Spot check", BOLD), (f"  {note}", DIM))
    files = f"{_name(check.train_file)} against {_name(check.eval_file)}, {check.verifier or 'no verifier'}"
    about = f"  {check.experiment or ''} {check.technique}  {files}"
    return line(("Spot check", BOLD), clean(about, newlines="show"), (f"  {note}" if note else "", DIM))


def verdict_lines(check: SpotCheck | None, width: int, glyphs: Glyphs, waiting: str = "") -> list[Line]:
    """The verdict in a sentence, then counts, and what hasn't been looked at yet."""
    if check is None:
        return [line((waiting or "reading both sides …", DIM))]
    bad = check.verdict == "mismatched"
    sign, style = (glyphs.failed, BAD) if bad else (glyphs.check, GOOD)
    shares = check.shares
    counts = [f"{shares.rows:,} training rows"]
    if shares.judged:
        wrong, unread = shares.parsed - shares.passed, shares.judged - shares.parsed
        less = "below the full score" if is_graded(check.verifier or "") else "wrong"
        counts.append(f"{shares.passed:,} pass, {wrong:,} {less}, {unread:,} don't parse")
    counts.append(f"{check.items:,} eval items")
    if check.gold_judged:
        counts.append(f"{check.gold_passed:,} of their gold answers pass in training's form")
    second = "; ".join(counts)
    if waiting:
        second = f"{waiting}; {second}"
    elif not check.rendered:
        second += f"; not checked without a tokenizer: {', '.join(check.unchecked)}"
    return [line((f"{sign} ", style), (clean(headline(check), newlines="show"), style)), line((second, DIM))]


def mismatch_lines(
    found: Sequence[Mismatch], width: int, glyphs: Glyphs, *, full: bool = False
) -> list[Line]:
    """Each difference: kind and share, both sides quoted with what differs marked, the fix."""
    lines: list[Line] = []
    for index, mismatch in enumerate(found):
        sign, word, style = (
            (glyphs.block, "mismatch", BAD) if mismatch.is_serious else (glyphs.info, "remark", WARN)
        )
        share = f"{mismatch.share:.0%}" if mismatch.share >= 0.1 else f"{mismatch.share:.1%}"
        head = f"{word}: {mismatch.kind}, {share} of {mismatch.total:,} {mismatch.of}"
        lines.append(line((f"{sign} ", style), (head, style), key=f"mismatch:{index}"))
        lines += [
            line("  ", part)
            for part in fold(clean(f"{mismatch.headline}.", newlines="show"), max(8, width - 3))
        ]
        for side, quote in (("train", mismatch.train), ("eval ", mismatch.eval)):
            lines += quote_lines(side, quote, width, glyphs, most=40 if full else 3)
        if full:
            lines += [line(("    ", DIM), (part, DIM)) for text in mismatch.evidence
                      for part in fold(clean(text, newlines="show"), max(8, width - 5))]  # fmt: skip
        for number, part in enumerate(fold(clean(mismatch.fix, newlines="show"), max(8, width - 5))):
            lines.append(line((f"  {glyphs.arrow} " if number == 0 else "    ", ACCENT), part))
    return lines


def quote_lines(side: str, quote: Quote, width: int, glyphs: Glyphs, *, most: int = 3) -> list[Line]:
    """An excerpt with the spans that differ between marks; of a long one the lines around the first mark."""
    signs = marks(glyphs)
    runs: list[Span] = []
    at = 0
    for begin, end in quote.marks:
        runs += [
            (quote.text[at:begin], PLAIN),
            (signs.differs[0], BOLD),
            (quote.text[begin:end], BOLD),
            (signs.differs[1], BOLD),
        ]
        at = end
    runs.append((quote.text[at:], PLAIN))
    body = list(flow(runs, max(10, width - 11), glyphs))
    first = next((i for i, item in enumerate(body) if signs.differs[0] in item.plain), 0)
    begin = max(0, min(first - most // 2, len(body) - most))
    shown = body[begin : begin + most]
    return [
        line((f"    {side} " if i == 0 else " " * 10, DIM), (f"{glyphs.pipe} ", DIM), *item.spans)
        for i, item in enumerate(shown)
    ]


# -- examples ------------------------------------------------------------------------------------------------------


def example_lines(
    example: Example, width: int, glyphs: Glyphs, *, whole: bool = False, pinned: bool = False
) -> list[Line]:
    """One example: its header, what the model sees, the verdicts below it."""
    key = f"{example.side}:{example.row}"
    lines = _header(example, width, glyphs, key, pinned)
    look = example.look
    room = max(10, width - 3)
    if look is not None and look.refused:
        lines += _folded(f"it can't be rendered: {look.refused}", width, BAD)
    if look is not None and look.pieces:
        lines += _body(look, room, glyphs, whole=whole)
    else:
        lines += _plain_body(example, room, glyphs, whole=whole)
    lines += _judgements(example, width, glyphs)
    return [*lines, line()]


def _header(example: Example, width: int, glyphs: Glyphs, key: str, pinned: bool) -> list[Line]:
    name = f"{glyphs.pin} " if pinned else ""
    name += clean(example.id if example.side == "train" else f"item {example.id}", newlines="show")
    state = example.target.state if example.target else ""
    sign, style = _STATE[state]
    first = line(
        (f"{getattr(glyphs, sign)} ", style),
        (name, BOLD),
        (f"  {WORDS[state]}" if state else "", style),
        key=key,
    )
    facts = _facts(example)
    if first.width + cell_len(facts) + 2 <= width:
        return [line(*first.spans, (f"  {facts}", DIM), key=key)]
    return [first, *[line((f"  {part}", DIM)) for part in fold(facts, max(10, width - 3))]]


def _facts(example: Example) -> str:
    look = example.look
    if look is None or not look.pieces:
        return "not tokenized"
    parts = [f"{look.tokens:,} tokens"]
    if look.ends is not None:
        parts.append(f"{look.trained:,} trained on" if look.trained else "none trained on")
    parts.append(f"{look.bos} BOS" if look.bos else "no BOS")
    if look.ends is not None and look.trained:
        parts.append("ends with EOS" if look.ends else "NO EOS at the end")
    if look.cut_at is not None:
        parts.append(f"CUT at token {look.cut_at:,}")
    return ", ".join(parts)


def _body(look: Look, width: int, glyphs: Glyphs, *, whole: bool) -> list[Line]:
    """The pieces as lines, each with a bar beside it where something of it is trained on."""
    signs = marks(glyphs)
    lines: list[Line] = []
    for item in flow(_runs(_shortened(look, whole), signs), width, glyphs):
        trained = any(style.underline for _, style in item.spans)
        lines.append(line((f"{signs.bar} " if trained else "  ", ACCENT if trained else DIM), *item.spans))
    return lines


def _shortened(look: Look, whole: bool) -> list[tuple[str, int]]:
    """The pieces, the middle of a long example left out."""
    total = sum(len(text) for text, _ in look.pieces)
    head, tail = (WHOLE, WHOLE) if whole else (HEAD, TAIL)
    if total <= head + tail:
        return list(look.pieces)
    kept: list[tuple[str, int]] = []
    at, left_out = 0, False
    for text, flags in look.pieces:
        end = at + len(text)
        if at < head:
            kept.append((text[: head - at], flags))
        if end > total - tail:
            if not left_out:
                kept.append((f"\n… {total - head - tail:,} characters left out, enter shows them …\n", -1))
                left_out = True
            kept.append((text[max(0, total - tail - max(at, 0)) :] if at < total - tail else text, flags))
        at = end
    return [(text, flags) for text, flags in kept if text]


def _runs(pieces: Sequence[tuple[str, int]], signs: Marks) -> list[Span]:
    """Styled runs with the signs around them; every line break of the text is seen as one."""
    made: list[Span] = []
    inside = cut = False
    for text, flags in pieces:
        if flags < 0:
            made.append((text, DIM))
            continue
        if flags & CUT and not cut:
            _close(made, signs, inside)
            made.append((f"\n{signs.cut} cut here: what follows is never seen in training\n", WARN))
            inside, cut = False, True
        elif cut and not flags & CUT:
            made.append((f"\n{signs.cut} training begins here\n", WARN))
            cut = False
        trained = bool(flags & TRAINED)
        if trained and not inside:
            made.append((signs.trained[0], BOLD))
        elif inside and not trained:
            _close(made, signs, inside)
        inside = trained
        style = _CUT if flags & CUT else _TRAINED if trained else PLAIN
        if flags & SPECIAL:
            made.append((f"{signs.special[0]}{text}{signs.special[1]}", ACCENT + style + BOLD))
        else:
            made.append((text.replace("\n", f"{signs.line_break}\n"), style))
    _close(made, signs, inside)
    return made


def _close(made: list[Span], signs: Marks, inside: bool) -> None:
    """End what is trained on: on its own line, where it ends with a line break."""
    if not inside:
        return
    text, style = made[-1]
    if text.endswith("\n"):
        made[-1] = (text[:-1], style)
        made += [(signs.trained[1], BOLD), ("\n", PLAIN)]
    else:
        made.append((signs.trained[1], BOLD))


def _plain_body(example: Example, width: int, glyphs: Glyphs, *, whole: bool) -> list[Line]:
    """The turns as they stand in the data, while (or where) nothing renders them."""
    lines: list[Line] = []
    said = [(turn.role, turn.shown) for turn in example.turns]
    if example.side == "train" and example.target is not None:
        said.append(("text" if example.raw else "target", example.learnt))
    for role, text in said:
        most = WHOLE if whole else HEAD + TAIL
        shown = (
            text
            if len(text) <= most
            else f"{text[:HEAD]}\n… {len(text) - HEAD - TAIL:,} characters left out …\n{text[-TAIL:]}"
        )
        body = list(flow([(shown, PLAIN)], max(8, width - 10), glyphs))
        name = clean(role, newlines="show")[:9]
        lines += [line((f"  {name if i == 0 else '':<10}", DIM), *item.spans) for i, item in enumerate(body)]
    return lines


def _judgements(example: Example, width: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = []
    if example.side == "train":
        return _judged("target", example.target, width, glyphs)
    if example.gold is not None:
        lines += _folded(f"gold {_short(example.gold, 160)}", width, DIM)
    lines += _judged("gold in training's form", example.target, width, glyphs, show=True)
    for said in example.said:
        lines += _judged(f"{said.who} said", said.answer, width, glyphs, show=True)
    return lines


def _judged(
    name: str, judged: Judged | None, width: int, glyphs: Glyphs, *, show: bool = False
) -> list[Line]:
    """`✕ gold in training's form “The answer is 5.” doesn't parse: no answer of …`."""
    if judged is None or not judged.state:
        return []
    sign, style = _STATE[judged.state]
    text = f" {_short(judged.text, 200)}" if show else ""
    where = f"; looked at {_around(judged)}" if judged.span else ""
    parts = fold(
        clean(f"{name}{text} {WORDS[judged.state]}{judged.told}{where}", newlines="show"), max(10, width - 5)
    )
    return [
        line((f"  {getattr(glyphs, sign)} " if i == 0 else "    ", style), part)
        for i, part in enumerate(parts)
    ]


def _around(judged: Judged) -> str:
    """Where the verifier looked, with a little of what stands around it."""
    assert judged.span is not None
    begin, end = judged.span
    before = judged.text[max(0, begin - 12) : begin]
    return f"“{'…' if begin > 12 else ''}{before}[{judged.text[begin:end][:60]}]{judged.text[end : end + 8]}”"


def _short(text: str, most: int) -> str:
    return f"“{text if len(text) <= most else text[: most // 2] + ' … ' + text[-most // 2 :]}”"


def _folded(text: str, width: int, style: Style) -> list[Line]:
    return [
        line(("  ", style), (part, style)) for part in fold(clean(text, newlines="show"), max(10, width - 3))
    ]


def _name(path: str | None) -> str:
    return (path or "nothing").rsplit("/", 1)[-1]


# -- flowing styled text -------------------------------------------------------------------------------------------


def flow(runs: Sequence[Span] | Iterator[Span], width: int, glyphs: Glyphs) -> Iterator[Line]:
    """Styled runs as lines of at most `width` cells, cut hard (tokens aren't words); blanks at line ends are dots."""
    spans: list[Span] = []
    used = 0
    for text, style in runs:
        for number, part in enumerate(clean(text).split("\n")):
            if number:
                yield _ended(spans, glyphs)
                spans, used = [], 0
            while part:
                head = _fitting(part, width - used)
                if not head and not used:
                    head = part[:1]
                if head:
                    spans.append((head, style))
                    used += cell_len(head)
                    part = part[len(head) :]
                if part:
                    yield line(*spans)
                    spans, used = [], 0
    if spans:
        yield _ended(spans, glyphs)


def _fitting(text: str, cells: int) -> str:
    """The longest beginning of `text` that fits into `cells`."""
    head = text[: max(0, cells)]
    while head and cell_len(head) > cells:
        head = head[:-1]
    return head


def _ended(spans: list[Span], glyphs: Glyphs) -> Line:
    """A line that the text itself ends: blanks at its end can be seen."""
    if spans and spans[-1][0][-1:] == " ":
        text, style = spans[-1]
        bare = text.rstrip(" ")
        return line(*spans[:-1], (bare, style), (glyphs.dot * (len(text) - len(bare)), DIM))
    return line(*spans)
