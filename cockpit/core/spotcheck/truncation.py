"""Find answers cut off in training or by the scorer's token limit, which only the rendered tokens show."""

from __future__ import annotations

from cockpit.core.spotcheck.quote import excerpt, item_of, of_asked, of_prompt, of_target, row_of
from cockpit.core.spotcheck.types import Mismatch, Quote, Rendered, RowFacts, Rule, Sides, Target


def truncation(sides: Sides) -> Mismatch | None:
    """The maximum length cuts the answer off what is trained, or the scorer's limit what is answered."""
    rendered = sides.rendered
    if rendered is None or not rendered.rows:
        return None
    facts = {row.row: row for row in rendered.rows}
    lost: list[tuple[Target, RowFacts]] = []
    for row in sides.train:
        fact = facts.get(row.row)
        if fact is not None and fact.cut and _answer_is_lost(row, fact):
            lost.append((row, fact))
    if lost:
        row, fact = lost[0]
        text = row.text or row.raw or ""
        kept = max(0, min(fact.kept_chars, len(text)))
        return Mismatch(
            kind="truncation",
            share=len(lost) / len(rendered.rows),
            total=len(rendered.rows),
            of="training rows",
            headline=f"max_length={rendered.max_length} cuts the answer off: row {row.row} has {fact.tokens:,} tokens",
            train=excerpt(f"training row {row.row}, what is cut off", text, (kept, len(text))),
            eval=of_asked(sides.items, "the eval"),
            fix=_longer_rows(max(f.tokens for f in rendered.rows), rendered),
            action="setting",
        )
    return _eval_truncation(sides, rendered)


def _eval_truncation(sides: Sides, rendered: Rendered) -> Mismatch | None:
    limit = sides.max_new_tokens
    if limit is None:
        return None
    longer = [row for row in rendered.rows if row.trained > limit and not row.cut]
    if longer:
        row = longer[0]
        target = row_of(sides, row.row)
        return Mismatch(
            kind="truncation",
            share=len(longer) / len(rendered.rows),
            total=len(rendered.rows),
            of="training rows",
            headline=f"Training answers are longer than the scorer lets the model write (max_new_tokens={limit})",
            train=of_target(target, None) if target else Quote("training", ""),
            eval=Quote("the scorer's limit", f"max_new_tokens={limit}; row {row.row} trains {row.trained:,}", ((15, 15 + len(str(limit))),)),
            fix=_longer_answers(max(longer, key=lambda r: r.trained), rendered),
            action="setting",
        )  # fmt: skip
    room = rendered.max_positions
    # What training's longest answer needs: few answers are as long as the limit lets them be.
    need = min(limit, max((row.trained for row in rendered.rows), default=0) or limit)
    full = [item for item in rendered.items if room is not None and item.tokens + need > room]
    if not full or room is None:
        return None
    found = item_of(sides, full[0])
    return Mismatch(
        kind="truncation",
        share=len(full) / len(rendered.items),
        total=len(rendered.items),
        of="eval items",
        headline=f"Prompt and answer do not fit the model's {room:,} positions",
        train=Quote("the model", f"{room:,} positions", ((0, len(f"{room:,}")),)),
        eval=of_prompt(found) if found else Quote("the eval", ""),
        fix=_shorter_prompts(need, room, max(item.tokens for item in full)),
        action="setting",
    )


def _longer_rows(longest: int, rendered: Rendered) -> str:
    room = rendered.max_positions
    if room is None or longest <= room:
        return f"Raise max_length (the longest row has {longest:,} tokens), or leave long rows out."
    return (
        f"The model has {room:,} positions and the longest row {longest:,} tokens: raise max_length to {room:,} at most, "
        "and shorten what is longer, or leave it out; or take a model with more positions."
    )


def _longer_answers(row: RowFacts, rendered: Rendered) -> str:
    room = rendered.max_positions
    if room is None or row.tokens <= room:
        return f"Raise generation.max_new_tokens to {row.trained:,} or more."
    return (
        f"The longest answer has {row.trained:,} tokens and its row {row.tokens:,}, and the model has {room:,} "
        "positions: shorten it, or take a model with more positions."
    )


def _shorter_prompts(need: int, room: int, longest: int) -> str:
    """A lower limit would cut the answers: what is over is in the prompts, or the model is too small."""
    if need >= room:
        return f"An answer alone needs up to {need:,} tokens: take a model with more positions."
    return (
        f"An answer needs up to {need:,} tokens, which leaves {room - need:,} for a prompt, and the longest has "
        f"{longest:,}: shorten such prompts, leave these items out, or take a model with more positions."
    )


def _answer_is_lost(row: Target, fact: RowFacts) -> bool:
    text = row.text or row.raw or ""
    end = (
        row.verdict.span[1]
        if row.verdict and row.verdict.span
        else row.stated.span[1]
        if row.stated
        else len(text)
    )
    return fact.kept_chars < end


RULES: tuple[Rule, ...] = (truncation,)
