"""Thinking that the data has and the training text hasn't, or the other way round, by what the template made of it."""

from __future__ import annotations

from cockpit.core.spotcheck.quote import of_asked, of_target, row_of
from cockpit.core.spotcheck.tokens import THINK
from cockpit.core.spotcheck.types import Mismatch, Quote, Rule, Sides


def stripped_from_turns(sides: Sides) -> Mismatch | None:
    """Turns are trained without their thinking, which the template keeps of the last turn alone (or of none)."""
    rendered = sides.rendered
    if rendered is None:
        return None
    rows = [fact for fact in rendered.rows if fact.unthought]
    if not rows:
        return None
    row = row_of(sides, rows[0].row)
    earlier = (
        [turn for turn in row.turns if turn.role == "assistant" and THINK.search(turn.text)] if row else []
    )
    said = earlier[0].text if earlier else ""
    end = said.find("</")
    answer = said[said.find(">", end) + 1 :].strip() if end >= 0 else ""
    shown = Quote(
        f"training row {rows[0].row}, a turn in the data",
        said[:400],
        ((0, min(400, len(said) - len(answer))),),
    )
    return Mismatch(
        kind="thinking",
        share=len(rows) / len(rendered.rows),
        total=len(rendered.rows),
        of="training rows",
        headline=f"The chat template strips the thinking of {sum(fact.unthought for fact in rows):,} turns that are trained: "
        "they teach to answer at once",
        train=shown if said else of_target(row) if row else Quote("training", ""),
        eval=Quote("the same turn as it is trained", answer[:400] or "(without its thinking)"),
        fix="Make each answer a row of its own, with the turns before it; or set trainer.chat_template_path to a template that "
        "keeps the thinking of every turn, and serve with it.",
        action="setting",
    )


def dropped(sides: Sides) -> Mismatch | None:
    """The template leaves a part of the target out (thinking, mostly), so that it is never trained."""
    rendered = sides.rendered
    if rendered is None:
        return None
    texts = {row.row: row for row in sides.train}
    rows = [
        texts[f.row] for f in rendered.rows if not f.target_found and f.row in texts and texts[f.row].text
    ]
    if not rows:
        return None
    row = rows[0]
    opened = THINK.search(row.text or "")
    return Mismatch(
        kind="thinking" if opened else "chat-template",
        share=len(rows) / len(rendered.rows),
        total=len(rendered.rows),
        of="training rows",
        headline="The chat template changes the targets: what is trained is not what stands in the data",
        train=of_target(row, opened.span() if opened else None),
        eval=of_asked(sides.items, "the eval"),
        fix="Give the thinking as the template wants it (reasoning_content), or use a template that leaves it in.",
        action="setting",
    )


def in_tags(sides: Sides) -> Mismatch | None:
    """The rows' reasoning has a field of its own that the template ignores: training writes it in tags, serving won't."""
    rendered = sides.rendered
    folded = rendered.folded if rendered else None
    if folded is None or not sides.train:
        return None
    end = folded.trained.find("</think>") + len("</think>")
    return Mismatch(
        kind="thinking",
        share=min(1.0, folded.rows / len(sides.train)),
        total=len(sides.train),
        of="training rows",
        headline="The chat template has no place for reasoning_content: training writes it in <think> tags, and where answers "
        "are served the template leaves it out of earlier turns",
        train=Quote(
            f"training row {folded.row}, as it is trained", folded.trained[:400], ((0, min(end, 400)),)
        ),
        eval=Quote("the same turn as the template renders it", folded.said[:400]),
        fix="Set trainer.chat_template_path to a template that renders reasoning_content, or take the reasoning out of the rows.",
        action="setting",
    )


RULES: tuple[Rule, ...] = (stripped_from_turns, dropped, in_tags)
