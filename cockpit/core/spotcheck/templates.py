"""What the chat template does to whole rows: refuses them, leaves parts out, goes on after the end; or there is none."""

from __future__ import annotations

from cockpit.core.spotcheck.quote import excerpt, of_asked, of_prompt, row_of
from cockpit.core.spotcheck.tokens import THINK, tail_span
from cockpit.core.spotcheck.types import Mismatch, Quote, Rule, Sides


def served_otherwise(sides: Sides) -> Mismatch | None:
    """The served model's template renders a prompt in another way than it is scored with."""
    served = sides.rendered.served if sides.rendered else None
    if served is None or (not served.train and not served.eval):
        return None
    thinks = THINK.search(served.train + served.eval) is not None
    what, known = ("conversation", "trained") if served.of_rows else ("prompt", "scored")
    return Mismatch(
        kind="thinking" if thinks else "chat-template",
        share=1.0,
        total=len(sides.train if served.of_rows else sides.items),
        of="training rows" if served.of_rows else "eval items",
        headline=f"What is served renders the same {what} differently from what is {known}",
        train=Quote("as served", f"…{served.before}{served.train}", tail_span(served.before, served.train)),
        eval=Quote(f"as {known}", f"…{served.before}{served.eval}", tail_span(served.before, served.eval)),
        fix="Serve the checkpoint with its own tokenizer and chat template, and with the same chat_template_kwargs.",
        action="setting",
    )


def refused_rows(sides: Sides) -> Mismatch | None:
    """Rows that the chat template (or the tokenizer) refuses: training would end at the first of them."""
    rendered = sides.rendered
    if rendered is None or not rendered.refused:
        return None
    number, why = rendered.refused[0]
    row = row_of(sides, number)
    total = rendered.refusals + len(rendered.rows)
    return Mismatch(
        kind="chat-template",
        share=rendered.refusals / total,
        total=total,
        of="training rows",
        headline=f"{rendered.refusals:,} training rows can't be rendered: {why}",
        train=of_prompt(row, (0, len(row.prompt))) if row else Quote(f"training row {number}", ""),
        eval=of_asked(sides.items, "the eval"),
        fix="Bring the rows into the form that the chat template takes (system, user, assistant, user, …), or drop them.",
    )


def after_the_end(sides: Sides) -> Mismatch | None:
    """The template opens another answer after the end of one, whether it is asked for it or not; training learns that."""
    rendered = sides.rendered
    rows = [row for row in rendered.rows if row.after_end] if rendered else []
    if rendered is None or not rows:
        return None
    row = rows[0]
    target = row_of(sides, row.row)
    return Mismatch(
        kind="generation-prompt",
        share=len(rows) / len(rendered.rows),
        total=len(rendered.rows),
        of="training rows",
        headline="The template goes on after the end of an answer, and training teaches the model to write that",
        train=Quote(
            f"training row {row.row}, after its end token", row.after_end, ((0, len(row.after_end)),)
        ),
        eval=Quote("scoring ends an answer at", " or ".join(rendered.ends))
        if target is None or not sides.items
        else of_prompt(sides.items[0]),
        fix="Let the chat template open an answer only where add_generation_prompt is true.",
        action="setting",
    )


def without_a_template(sides: Sides) -> Mismatch | None:
    """Conversations for a model that has no chat template: their turns are joined as plain text."""
    rendered = sides.rendered
    if rendered is None or rendered.has_template or not rendered.untemplated:
        return None
    row = next((row for row in sides.train if row.raw is None), None)
    return Mismatch(
        kind="chat-template",
        share=min(1.0, rendered.untemplated / max(1, len(sides.train))),
        total=len(sides.train),
        of="training rows",
        headline="The model has no chat template, and the rows are conversations: they are trained as plain text without roles",
        train=of_prompt(row) if row else Quote("training", ""),
        eval=of_asked(sides.items),
        fix="Set trainer.chat_template_path to a template (or a model that has one), take the model's instruct variant, or "
        "write the rows as prompt and completion.",
        action="setting",
    )


def left_out(sides: Sides) -> Mismatch | None:
    """The template leaves out what is asked: it wants content in parts, say, and gets text."""
    rendered = sides.rendered
    rows = [row for row in rendered.rows if row.unsaid] if rendered else []
    if rendered is None or not rows:
        return None
    row = rows[0]
    target = row_of(sides, row.row)
    return Mismatch(
        kind="chat-template",
        share=len(rows) / len(rendered.rows),
        total=len(rendered.rows),
        of="training rows",
        headline=f"The chat template leaves out what the {row.unsaid[0]} says: the model never sees it",
        train=of_prompt(target) if target else Quote("training", ""),
        eval=of_asked(sides.items),
        fix="Use a chat template that renders content given as text.",
        action="setting",
    )


def new_tokens(sides: Sides) -> Mismatch | None:
    """Tokens that the data uses and the model never learnt, where an adapter would leave them so."""
    new = sides.rendered.new_tokens if sides.rendered else None
    if new is None or not sides.train:
        return None
    using = [row for row in sides.train if new.text in f"{row.raw or ''}{row.prompt}{row.text or ''}"]
    row = using[0] if using else sides.train[0]
    said = row.raw or f"{row.prompt}\n{row.text or ''}"
    at = said.find(new.text)
    has = f"{new.rows:,} rows, none for it" if new.beyond else "a row that was never trained"
    return Mismatch(
        kind="new-tokens",
        share=len(using) / len(sides.train) if using else 1.0,
        total=len(sides.train),
        of="training rows",
        headline=f"The rows use {new.says}, which the base model never learnt, and an adapter leaves its embedding as it is",
        train=excerpt(f"training row {row.row}", said, (at, at + len(new.text)) if at >= 0 else None),
        eval=Quote("the model's embedding", f"{new.text}: {has}"),
        fix=new.mend,
        action="setting",
    )


RULES: tuple[Rule, ...] = (
    refused_rows,
    served_otherwise,
    after_the_end,
    without_a_template,
    left_out,
    new_tokens,
)
