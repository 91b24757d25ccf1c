"""A spot check as text: the verdict, each mismatch with the two sides quoted, the examples."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.core.spotcheck.spot import (
    CUT,
    TRAINED,
    WORDS,
    Example,
    Judged,
    Look,
    SpotCheck,
    headline,
)
from cockpit.core.spotcheck.types import Mismatch, Quote
from cockpit.verifiers import is_graded

OPEN, CLOSE = "⟪", "⟫"
"""Around what differs; around what is trained on stand ⟦ and ⟧."""
SHOWN = 1_200
"""Characters of an example; the middle of a longer one is left out."""


def lesser(verifier: str | None) -> str:
    """What is said of targets that parse and don't pass: a verifier that grades calls nothing wrong."""
    return "score less than full" if is_graded(verifier or "") else "parse but are wrong"


def as_text(check: SpotCheck) -> str:
    """The whole check for a person."""
    lines = [headline(check)]
    shares = check.shares
    lines.append(
        f"  train  {check.train_file or '-'}: {shares.rows:,} rows, {check.technique}"
        + (f"; {shares.passed:,} pass, {shares.parsed - shares.passed:,} {lesser(check.verifier)}, "
           f"{shares.judged - shares.parsed:,} don't parse" if shares.judged else "")
    )  # fmt: skip
    gold = f"; {check.gold_passed:,} of {check.gold_judged:,} gold answers pass in the training data's form"
    lines.append(
        f"  eval   {check.eval_file or '-'}: {check.items:,} items" + (gold if check.gold_judged else "")
    )
    lines.append(
        f"  verifier {check.verifier or 'none'}; rendered by {check.model if check.rendered else 'no model'}"
    )
    for mismatch in check.mismatches:
        lines += ["", *mismatch_lines(mismatch)]
    for title, examples in (("Training examples", check.train), ("Eval prompts", check.eval)):
        lines += ["", title]
        for example in examples:
            lines += ["", *example_lines(example)]
    if check.unchecked:
        lines += ["", f"Not checked without a model: {', '.join(check.unchecked)}."]
    return "\n".join([*lines, *(f"Note: {note}" for note in check.notes)])


def mismatch_lines(mismatch: Mismatch) -> list[str]:
    """Kind and share, the headline, both sides with the difference between marks, the mend."""
    word = "MISMATCH" if mismatch.is_serious else "remark"
    return [
        f"{word} {mismatch.kind}, {mismatch.share:.1%} of {mismatch.total:,} {mismatch.of}",
        f"  {mismatch.headline}.",
        *_quoted("train", mismatch.train),
        *_quoted("eval ", mismatch.eval),
        *(f"  {line}" for line in mismatch.evidence),
        f"  Mend: {mismatch.fix}",
    ]


def _quoted(side: str, quote: Quote) -> list[str]:
    text = marked(quote.text, quote.marks)
    return [f"  {side} | {quote.where}", *(f"        | {line}" for line in text.split("\n"))]


def marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """`text` with signs around the spans, so that no colour is needed to see them."""
    for begin, end in sorted(spans, reverse=True):
        text = text[:begin] + OPEN + text[begin:end] + CLOSE + text[end:]
    return text


def example_lines(example: Example) -> list[str]:
    """What the model sees, what it is judged, what a model said."""
    lines = [f"{'train' if example.side == 'train' else 'eval '} {example.id}{_counts(example.look)}"]
    if example.look is not None and example.look.pieces:
        lines += [f"  | {line}" for line in _middle(rendered_text(example.look)).split("\n")]
    else:
        if example.look is not None and example.look.refused:
            lines.append(f"  it can't be rendered: {example.look.refused}")
        for turn in example.turns:
            lines += [f"  | {turn.role}: {line}" for line in _middle(turn.shown).split("\n")]
        if example.target is not None and example.side == "train":
            lines += [f"  | assistant: {line}" for line in _middle(example.learnt).split("\n")]
    if example.side == "train":
        lines += _verdict("target", example.target)
    else:
        lines.append(f"  gold: {_middle(example.gold or '', 200)!r}")
        lines += _verdict("gold, in the training data's form", example.target, show=True)
        for said in example.said:
            lines += _verdict(f"{said.who} said", said.answer, show=True)
    return lines


def rendered_text(look: Look) -> str:
    """The pieces as one text: trained parts between ⟦ ⟧, the cut marked."""
    parts: list[str] = []
    inside = cut = False
    for text, flags in look.pieces:
        if flags & CUT and not cut:
            parts.append(("⟧" if inside else "") + "✂")
            inside, cut = False, True
        trained = bool(flags & TRAINED)
        if trained != inside:
            parts.append("⟦" if trained else "⟧")
            inside = trained
        parts.append(text)
    return "".join(parts) + ("⟧" if inside else "")


def _counts(look: Look | None) -> str:
    if look is None or not look.pieces:
        return ""
    counts = f", {look.tokens:,} tokens"
    if look.ends is not None:
        counts += (
            f", {look.trained:,} trained on, {'ends with an end token' if look.ends else 'NO end token'}"
        )
    counts += f", {look.bos} BOS" if look.bos else ""
    return counts + (f", cut at token {look.cut_at:,}" if look.cut_at is not None else "")


def _verdict(name: str, judged: Judged | None, *, show: bool = False) -> list[str]:
    if judged is None:
        return []
    text = f" {_middle(judged.text, 200)!r}" if show else ""
    where = ""
    if judged.span is not None:
        where = f" (looked at {judged.text[judged.span[0] : judged.span[1]][:60]!r})"
    return [f"  {name}{text}: {WORDS[judged.state]}{judged.told}{where}"]


def _middle(text: str, most: int = SHOWN) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} …({len(text) - most:,} characters left out)… {text[-half:]}"
