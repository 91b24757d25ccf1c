"""System prompt, roles, template markers, cues, thinking and loss masks, as far as they show in the data itself.

Source: the rule that the same chat template and tokenizer train and serve; the fourth diagnostic's example "training
uses one chat template, eval uses another"; loss on assistant tokens only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from cockpit.core.dataset.answer_markers import has_thought
from cockpit.core.dataset.chat_templates import cue, family, marker, rendered_answer
from cockpit.core.spotcheck.quote import excerpt, of_asked, of_prompt, of_target
from cockpit.core.spotcheck.types import USUAL, Item, Mismatch, Quote, Rule, Sides, Target
from cockpit.data.messages import odd_order

_PRINTED = re.compile(r"\[\{'(?:type': '(?:text|image)|text': )")
NO_THINKING = ("/no_think", "/nothink")


def system_prompt(sides: Sides) -> Mismatch | None:
    """The system prompts that training rows carry are none that the eval prompts carry."""
    rows = [row for row in sides.train if row.raw is None]
    if not rows or not sides.items:
        return None
    rendered: Mapping[str, str] = sides.rendered.systems if sides.rendered else {}

    def seen(system: str | None) -> str:
        text = system or sides.system_prompt or ""
        return rendered.get(text, text).strip()

    at_eval = Counter(seen(item.system) for item in sides.items)
    strange = [row for row in rows if seen(row.system) not in at_eval]
    if not strange:
        return None
    row = strange[0]
    usual = at_eval.most_common(1)[0][0]
    item = next(item for item in sides.items if seen(item.system) == usual)
    texts = (row.system or sides.system_prompt or "", item.system or sides.system_prompt or "")
    return Mismatch(
        kind="system-prompt",
        share=len(strange) / len(rows),
        total=len(rows),
        of="training rows",
        headline=f"Training prompts {_system_words(texts[0])}, eval prompts {_system_words(texts[1])}",
        train=_system_quote(f"training row {row.row}, its system prompt", texts[0]),
        eval=_system_quote(f"eval item {item.id}, its system prompt", texts[1]),
        fix="Give both sides the same system prompt: set data.system_prompt, and take others out of the training data.",
        action="setting",
    )


def role_order(sides: Sides) -> Mismatch | None:
    """Turns in an order that chat templates refuse or render in another way than the eval's."""
    rows = [row for row in sides.train if row.raw is None]
    odd: list[tuple[Target, str]] = []
    for row in rows:
        names = odd_order(row.turns, needs_answer=False)
        if names:
            odd.append((row, names[0]))
    if not odd or any(odd_order(item.turns, needs_answer=False) for item in sides.items):
        return None
    row, what = odd[0]
    roles = " > ".join(turn.role for turn in row.turns)
    item = sides.items[0] if sides.items else None
    expected = " > ".join(turn.role for turn in item.turns) if item else "user"
    return Mismatch(
        kind="chat-template",
        share=len(odd) / len(rows),
        total=len(rows),
        of="training rows",
        headline=f"Roles in an odd order in training ({what}), not so in the eval prompts",
        train=Quote(f"training row {row.row}, its roles", roles[:200], ((0, min(200, len(roles))),)),
        eval=Quote(
            f"eval item {item.id if item else 1}, its roles", expected[:200], ((0, min(200, len(expected))),)
        ),
        fix="Put the turns into the order system, user, assistant, user, …; drop what can't be.",
    )


def template_in_the_data(sides: Sides) -> Mismatch | None:
    """Template markers are part of the texts on one side, and another family's, or none, on the other."""
    trained = [(row, family(row.raw or row.prompt)) for row in sides.train]
    at_eval = [(item, family(item.prompt)) for item in sides.items]
    if not trained or not at_eval:
        return None
    usual_eval = Counter(name for _, name in at_eval).most_common(1)[0][0]
    if usual_eval is None and sides.train[0].raw is not None:
        # Rendered training texts, prompts that the tokenizer will render: what it makes of them decides.
        usual_eval = _rendered_family(sides)
        if usual_eval is None:
            return None
    strange = [(row, name) for row, name in trained if name != usual_eval]
    if len(strange) < USUAL * len(trained):
        return None
    row, name = strange[0]
    item = next((item for item, found in at_eval if found == usual_eval), sides.items[0])
    text = row.raw or row.prompt
    item_text = item.prompt
    return Mismatch(
        kind="chat-template",
        share=len(strange) / len(trained),
        total=len(trained),
        of="training rows",
        headline=f"Training prompts are written with {name or 'no template'}"
        f"{' markers' if name else ''}, eval prompts with {usual_eval or 'none'}",
        train=excerpt(f"training row {row.row}", text, marker(text)),
        eval=excerpt(f"eval item {item.id}", item_text, marker(item_text)),
        fix="Take the markers out of the data and leave the template to the tokenizer, on both sides.",
    )


def twice_templated(sides: Sides) -> Mismatch | None:
    """Prompts hold a template's markers already, and the tokenizer's template will be put around them."""
    if sides.rendered is None or not sides.rendered.has_template:
        return None
    rows = [row for row in sides.train if row.raw is None]
    double = [row for row in rows if family(row.prompt) or family(row.text or "")]
    if not double:
        return None
    row = double[0]
    text = row.prompt if family(row.prompt) else row.text or ""
    item = sides.items[0] if sides.items else None
    return Mismatch(
        kind="chat-template",
        share=len(double) / len(rows),
        total=len(rows),
        of="training rows",
        headline=f"Training rows hold {family(text)} markers already, and the chat template is put around them once more",
        train=excerpt(f"training row {row.row}", text, marker(text)),
        eval=of_prompt(item) if item else Quote("the eval prompts", ""),
        fix="Take the markers out of the data: the tokenizer's template writes them.",
    )


def printed_parts(sides: Sides) -> Mismatch | None:
    """Content in parts that some template printed as the Python list that it is: the text of the data now."""
    hits = [
        (row, hit)
        for row in sides.train
        if (hit := _PRINTED.search(row.raw or f"{row.prompt}\n{row.text or ''}"))
    ]
    if not hits or any(_PRINTED.search(item.prompt) for item in sides.items):
        return None
    row, hit = hits[0]
    return Mismatch(
        kind="chat-template",
        share=len(hits) / len(sides.train),
        total=len(sides.train),
        of="training rows",
        headline="Content in parts stands in the text as a printed list: a template wrote it out that takes text alone",
        train=excerpt(f"training row {row.row}", row.raw or f"{row.prompt}\n{row.text or ''}", hit.span()),
        eval=of_asked(sides.items),
        fix="Give the content as text, or as a list of parts rather than as its print.",
    )


def prompt_cue(sides: Sides) -> Mismatch | None:
    """One side's prompts end on a cue for the answer (`Answer:`), the other side's don't."""
    train, items = (
        [row.prompt for row in sides.train if row.raw is None],
        [item.prompt for item in sides.items],
    )
    if not train or not items:
        return None
    left, right = cue(train), cue(items)
    if left == right:
        return None
    differing = [
        row for row in sides.train if row.raw is None and _ends(row.prompt, left) != _ends(row.prompt, right)
    ]
    if len(differing) < USUAL * len(train):
        return None
    row, item = differing[0], sides.items[0]
    return Mismatch(
        kind="generation-prompt",
        share=len(differing) / len(train),
        total=len(train),
        of="training rows",
        headline=f"Training prompts end on {_cue_words(left)}, eval prompts on {_cue_words(right)}",
        train=_cue_quote(row, left),
        eval=_cue_quote(item, right),
        fix="Let the prompts of both sides end alike.",
        action="prompt",
    )


def thinking(sides: Sides) -> Mismatch | None:
    """Targets with blocks of thinking where eval switches thinking off, or none where eval switches it on."""
    targets = sides.targets
    if not targets or not sides.items:
        return None
    off = sides.enable_thinking is False or _share(sides.items, NO_THINKING) >= USUAL
    on = sides.enable_thinking is True or (not off and _share(sides.items, ("/think",)) >= USUAL)
    if not (on or off):
        return None
    strange = [row for row in targets if has_thought(row.text or "") == off]
    if not strange:
        return None
    row, item = strange[0], sides.items[0]
    text = row.text or ""
    at = text.find("<")
    span = (at, text.find(">", at) + 1) if off and at >= 0 else None
    return Mismatch(
        kind="thinking",
        share=len(strange) / len(targets),
        total=len(targets),
        of="training rows",
        headline=f"Targets hold {'a block of' if off else 'no'} thinking, eval switches thinking {'off' if off else 'on'}",
        train=of_target(row, span),
        eval=of_prompt(item),
        fix="Train as you evaluate: "
        + (
            "take the thinking out of the targets, or switch it on."
            if off
            else "train on targets that think, or switch it off."
        ),
        action="setting",
    )


def loss_on_the_prompt(sides: Sides) -> Mismatch | None:
    """Plain texts with a prompt in them are trained on as a whole; or a row's own mask includes the prompt."""
    rows = [row for row in sides.train if _trains_prompt(row)]
    if not rows:
        return None
    row = rows[0]
    if row.raw is not None:
        place = rendered_answer(row.raw)
        quote = excerpt(
            f"training row {row.row}, all of it trained on", row.raw, (0, place[0] if place else 0)
        )
        headline = (
            "Training takes the loss on the prompt too: the rows are plain texts with the prompt in them"
        )
        fix = "Use prompt and completion, or messages: then the loss is on the answer alone."
    else:
        quote = of_prompt(row, (0, len(row.prompt)))
        headline = "The rows' own mask (`trainable`) takes the loss on turns that are not the assistant's"
        fix = "Set `trainable` to false for every turn that isn't the assistant's."
    item = sides.items[0] if sides.items else None
    return Mismatch(
        kind="loss-mask",
        share=len(rows) / len(sides.train),
        total=len(sides.train),
        of="training rows",
        headline=headline,
        train=quote,
        eval=of_prompt(item) if item else Quote("the eval prompts", ""),
        fix=fix,
    )


def _trains_prompt(row: Target) -> bool:
    if row.raw is not None:
        place = rendered_answer(row.raw)
        return place is not None and place[0] > 0
    return row.masked is not None and any(
        on and turn.role != "assistant" for on, turn in zip(row.masked, row.turns, strict=False)
    )


def _rendered_family(sides: Sides) -> str | None:
    if sides.rendered is None:
        return None
    return family(sides.rendered.systems.get("", ""))


def _system_words(text: str) -> str:
    return "have no system prompt" if not text else "have a system prompt of their own"


def _system_quote(where: str, text: str) -> Quote:
    return excerpt(where, text, (0, min(len(text), 200))) if text else Quote(where, "(none)", ((0, 6),))


def _ends(prompt: str, end: str) -> bool:
    return bool(end) and prompt.rstrip().endswith(end)


def _cue_words(end: str) -> str:
    return f"{end!r}" if end else "the question itself"


def _cue_quote(side: Target | Item, end: str) -> Quote:
    at = side.prompt.rfind(end) if end else -1
    return of_prompt(side, (at, at + len(end)) if at >= 0 else None)


def _share(items: Sequence[Item], words: Sequence[str]) -> float:
    hits = sum(any(word in item.prompt or word in (item.system or "") for word in words) for item in items)
    return hits / len(items) if items else 0.0


RULES: tuple[Rule, ...] = (
    system_prompt,
    template_in_the_data,
    twice_templated,
    printed_parts,
    role_order,
    prompt_cue,
    thinking,
    loss_on_the_prompt,
)
