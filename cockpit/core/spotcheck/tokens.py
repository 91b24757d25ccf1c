"""What only the rendered tokens show: template, BOS and EOS, generation prompt, thinking, loss mask.

Works on the facts that trainers/spotcheck/render.py gathers with the trainers' own code, so that what is compared is what the
model sees. Source: "same chat template and tokenizer train and serve"; "loss on assistant tokens only".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.core.spotcheck.quote import excerpt, of_asked, of_prompt, of_target, row_of
from cockpit.core.spotcheck.types import (
    Context,
    Kind,
    Mismatch,
    Quote,
    Rendered,
    RowFacts,
    Rule,
    Sides,
)

THINK = re.compile(r"</?(?:think|thinking|reasoning)>", re.IGNORECASE)
_ROLE_HEADER = re.compile(
    r"<\|im_start\|>|<\|start_header_id\|>|<\|[a-z_]+\|>|<start_of_turn>|assistant|model|\[/INST\]|Assistant"
)
_SYSTEM = re.compile(r"system", re.IGNORECASE)


def context_kind(context: Context, bos: str | None = None) -> Kind:
    """Name a difference between the two contexts by what is left of them."""
    left, right = context.train, context.eval
    both = left + right
    if bos and bos in both and not both.replace(bos, "").strip():
        return "bos"
    if context.ids_only:
        return "whitespace" if not both.strip() else "chat-template"
    if THINK.search(both):
        return "thinking"
    if not both.strip() and not context.between:
        return "whitespace"
    if (
        context.between
        or context.opening
        or (not right and not context.eval and _ROLE_HEADER.search(left) and "\n" not in left.strip())
    ):
        return "generation-prompt"
    if not both.strip():
        return "whitespace"
    if _SYSTEM.search(both) and (not left.strip() or not right.strip()):
        return "system-prompt"
    return "chat-template"


_HEADLINES: dict[Kind, str] = {
    "bos": "Training and eval begin with a different number of BOS tokens",
    "thinking": "The template puts a thinking block on one side only",
    "generation-prompt": "Eval prompts end before the words that open the answer, and nothing trains the model to write them",
    "whitespace": "Training and eval differ in blanks before the answer",
    "system-prompt": "The template puts a system prompt on one side only",
    "chat-template": "Training and eval render the same conversation differently",
}
_OPENS_OTHERWISE = "Eval prompts open the answer in other words than those that it is trained after"
_MENDS: dict[Kind, str] = {
    "bos": "Let the template or the tokenizer write the BOS token, not both, and the same way on both sides.",
    "thinking": "Set data.chat_template_kwargs (enable_thinking) to what training renders, or train with the block in the "
    "prompt.",
    "generation-prompt": "Use a chat template whose add_generation_prompt writes what stands before an answer.",
    "whitespace": "End the prompts of both sides alike, on a token boundary.",
    "system-prompt": "Set data.system_prompt, which goes before both sides' prompts.",
    "chat-template": "Use one tokenizer with one chat template for training, eval and serving.",
}


def _context_rule(kind: Kind) -> Rule:
    def rule(sides: Sides) -> Mismatch | None:
        rendered = sides.rendered
        if rendered is None:
            return None
        hits = [context for context in rendered.contexts if context_kind(context, rendered.bos) == kind]
        if not hits:
            return None
        count = sum(context.count for context in hits)
        first = max(hits, key=lambda context: context.count)
        return Mismatch(
            kind=kind,
            share=min(1.0, count / max(1, len(rendered.rows))),
            total=len(rendered.rows),
            of="training rows",
            headline=_OPENS_OTHERWISE if kind == "generation-prompt" and first.opening else _HEADLINES[kind],
            train=_side("training", first, first.train),
            eval=_side("the eval prompt of the same row", first, first.eval),
            fix=_MENDS[kind],
            action="setting",
            evidence=("The texts are equal, the token ids are not.",) if first.ids_only else (),
        )

    return rule


def bos(sides: Sides) -> Mismatch | None:
    """Two BOS tokens at the beginning, or none where the tokenizer would put one."""
    rendered = sides.rendered
    if rendered is None or rendered.bos is None or not rendered.rows:
        return None
    double = [row for row in rendered.rows if row.bos > 1]
    double_eval = [item for item in rendered.items if item.bos > 1]
    missing = [row for row in rendered.rows if rendered.adds_bos and row.bos == 0]
    uneven = [row for row in rendered.rows if rendered.items and row.bos != rendered.items[0].bos]
    for rows, headline, fix in (
        (double, f"Training sequences begin with {rendered.bos} twice: the text and the tokenizer both write it",
         "Take the token out of the text (or out of the template): the tokenizer puts it there."),
        (uneven, f"Training sequences and eval prompts do not begin with the same number of {rendered.bos}",
         _MENDS["bos"]),
        (missing, f"Neither side begins with {rendered.bos}, which this model's tokenizer puts before every text",
         "Add the token to the chat template: the model was pretrained with it."),
    ):  # fmt: skip
        if rows:
            return _bos(sides, rendered, rows, headline, fix)
    if double_eval:
        share = len(double_eval) / len(rendered.items)
        return _bos(
            sides,
            rendered,
            rendered.rows,
            f"Eval prompts begin with {rendered.bos} twice",
            _MENDS["bos"],
            share,
        )
    return None


def _bos(
    sides: Sides,
    rendered: Rendered,
    rows: Sequence[RowFacts],
    headline: str,
    fix: str,
    share: float | None = None,
) -> Mismatch:
    token = rendered.bos or ""
    at_eval = rendered.items[0].bos if rendered.items else 0
    row = rows[0]
    left, right = token * row.bos, token * at_eval
    target = row_of(sides, row.row)
    after = (target.raw or target.prompt)[:60] if target else ""
    item = sides.items[0] if sides.items else None
    return Mismatch(
        kind="bos",
        share=len(rows) / len(rendered.rows) if share is None else share,
        total=len(rendered.rows) if share is None else len(rendered.items),
        of="training rows" if share is None else "eval items",
        headline=headline,
        train=Quote(
            f"training row {row.row}, its beginning", f"{left}{after}…", ((0, len(left)),) if left else ()
        ),
        eval=Quote(
            f"eval item {item.id if item else 1}, its beginning",
            f"{right}{item.prompt[:60] if item else ''}…",
            ((0, len(right)),) if right else (),
        ),
        fix=fix,
        action="setting",
    )


def eos(sides: Sides) -> Mismatch | None:
    """No end token is trained after the answer: the model learns to answer, not to stop."""
    rendered = sides.rendered
    if rendered is None:
        return None
    rows = [row for row in rendered.rows if row.trained and not row.cut]
    endless = [row for row in rows if not row.ends]
    if not endless:
        return _stop_in_the_mask(sides, rendered)
    row = endless[0]
    target = row_of(sides, row.row)
    text = (target.text or target.raw or "") if target else ""
    ends = " or ".join(rendered.ends) or "an end token (the tokenizer has none)"
    quote = excerpt(f"training row {row.row}, the end of what is trained", text + row.follows, None)
    marks = ((len(quote.text) - len(row.follows), len(quote.text)),) if row.follows else ()
    return Mismatch(
        kind="eos",
        share=len(endless) / len(rows),
        total=len(rows),
        of="training rows",
        headline="Training targets end without an end token: the model does not learn to stop",
        train=Quote(quote.where, quote.text, marks),
        eval=Quote("scoring ends an answer at", ends, ((0, len(ends)),)),
        fix="End the assistant's turn with the EOS token in the chat template (inside the generation markers), or set "
        "eos_token to the token that the template ends turns with.",
        action="setting",
    )


def _stop_in_the_mask(sides: Sides, rendered: Rendered) -> Mismatch | None:
    """TRL's check of the template: an earlier turn's end may belong to what follows it, and is never trained then."""
    if rendered.stop_trained is not False or not rendered.rows:
        return None
    row = row_of(sides, rendered.rows[0].row)
    ends = " or ".join(rendered.ends)
    return Mismatch(
        kind="eos",
        share=1.0,
        total=len(rendered.rows),
        of="training rows",
        headline="The template's generation markers leave the end of a turn out of the loss: the model does not learn to stop",
        train=of_target(row) if row else Quote("training", ""),
        eval=Quote("scoring ends an answer at", ends, ((0, len(ends)),)),
        fix="Move the end token inside {% generation %} … {% endgeneration %} in the chat template.",
        action="setting",
    )


def loss_mask(sides: Sides) -> Mismatch | None:
    """Tokens of the prompt are trained on, or nothing of a row is."""
    rendered = sides.rendered
    if rendered is None or not rendered.rows:
        return None
    on_prompt = [row for row in rendered.rows if row.trained_prompt]
    nothing = [row for row in rendered.rows if not row.trained and not row.cut] if sides.targets else []
    rows = on_prompt or nothing
    if not rows:
        return None
    row = rows[0]
    target = row_of(sides, row.row)
    what = (
        f"The loss is taken on the prompt too: {row.trained_prompt:,} of {row.trained:,} trained tokens of row {row.row} "
        "are the prompt's"
        if on_prompt
        else "No token is trained on: the loss mask is empty"
    )
    return Mismatch(
        kind="loss-mask",
        share=len(rows) / len(rendered.rows),
        total=len(rendered.rows),
        of="training rows",
        headline=what,
        train=of_prompt(target, (0, len(target.prompt))) if target else Quote("training", ""),
        eval=of_asked(sides.items, "the eval"),
        fix="Leave completion_only_loss and assistant_only_loss to the trainer, or use prompt and completion columns.",
        action="setting",
    )


def _side(name: str, context: Context, text: str) -> Quote:
    shown = text if len(text) <= 400 else text[:400] + "…"
    before = context.before[-120:]
    return Quote(
        f"row {context.row}, {name}",
        f"…{before}{shown or '(nothing)'}",
        tail_span(before, shown or "(nothing)"),
    )


def tail_span(before: str, text: str) -> tuple[tuple[int, int], ...]:
    start = 1 + len(before)
    return ((start, start + len(text)),) if text else ()


RULES: tuple[Rule, ...] = (
    bos,
    *(_context_rule(kind) for kind in _HEADLINES),
    eos,
    loss_mask,
)
