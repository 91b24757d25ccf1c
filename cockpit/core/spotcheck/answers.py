"""Answer marker and reasoning style: would a perfect training example pass the verifier, and the other way round?

Source: the fourth diagnostic's examples: "training data uses \\boxed{X} but the verifier prompt requests ANSWER: X (or
vice versa)", "training optimizes step-by-step CoT but the verifier wants the answer alone".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cockpit.core.dataset.answer_markers import Stated
from cockpit.core.dataset.asked_form import Style, asked, asked_by_most, asks_style, key_of
from cockpit.core.spotcheck.quote import excerpt, of_prompt, of_target, of_verifier
from cockpit.core.spotcheck.types import USUAL, Item, Mismatch, Quote, Rule, Sides, Target
from cockpit.verifiers import Verifier
from cockpit.verifiers.formats import BoxedFormat, HashesFormat, TaggedFormat
from cockpit.verifiers.verifier import same_answer


def cause(row: Target) -> str:
    """Why a target fails: "" (it passes), "label" (another answer than its row's gold), "style" or "marker"."""
    verdict = row.verdict
    if verdict is None or row.text is None or verdict.passed:
        return ""
    own = row.stated.answer if row.stated else None
    if row.passes_stripped and row.style != "alone":
        return "style"
    if verdict.parsed and verdict.answer and own and same_answer(verdict.answer, own):
        return "label"
    return "marker"


def targets_against_verifier(sides: Sides) -> Mismatch | None:
    """Training targets state the answer in a form that the verifier doesn't read."""
    targets = [row for row in sides.targets if row.verdict is not None]
    failing = [row for row in targets if cause(row) == "marker"]
    if not failing or sides.verifier is None:
        return None
    verifier = sides.verifier
    usual = _usual(failing)
    row = next((row for row in failing if _label(row.stated) == usual), failing[0])
    answer = (row.gold or "").strip() if row.gold and len(row.gold) < 40 else ""
    answer = row.stated.answer if row.stated else answer or "18"
    golds = _failing_golds(sides)
    evidence = [f"Row {row.row}: {row.verdict.why}." if row.verdict else ""]
    if golds:
        evidence.append(
            f"The other way: {len(golds)} of {_judged(sides.items)} gold answers, written as training writes them, fail."
        )
    unparsed = sum(not row.verdict.parsed for row in failing if row.verdict)
    tail = (
        "" if unparsed == len(failing) else f" ({unparsed} hold no answer of that form, the rest another one)"
    )
    return Mismatch(
        kind="answer-marker",
        share=len(failing) / len(targets),
        total=len(targets),
        of="training rows",
        headline=f"Training ends in {usual}, the verifier {verifier.spec} wants {verifier.wanted}: "
        f"{_passing(failing, targets)}{tail}",
        train=of_target(row, row.stated.whole if row.stated else None),
        eval=of_verifier(verifier.spec, verifier.wanted, written_for(verifier, answer) or verifier.wanted),
        fix=f"Realign the training data to {verifier.wanted}, or score with a verifier that reads {usual}.",
        action="realign",
        evidence=tuple(line for line in evidence if line),
    )


def prompt_against_verifier(sides: Sides) -> Mismatch | None:
    """The eval prompts ask for a form that the verifier doesn't read."""
    wanted = asked_by_most([_all(item) for item in sides.items])
    if wanted is None or sides.verifier is None:
        return None
    key, share = wanted
    item = next(item for item in sides.items if (found := asked(_all(item))) and found.key == key)
    form = asked(_all(item))
    assert form is not None
    if key in _own_keys(sides.verifier) or _accepts(sides.verifier, form.label, item):
        return None
    return Mismatch(
        kind="answer-marker",
        share=share,
        total=len(sides.items),
        of="eval items",
        headline=f"The eval prompts ask for {form.label}, the verifier {sides.verifier.spec} wants "
        f"{sides.verifier.wanted}",
        train=of_verifier(sides.verifier.spec, sides.verifier.wanted, sides.verifier.wanted),
        eval=excerpt(f"eval item {item.id}, the prompt", _all(item), form.span),
        fix=f"Let the eval prompt ask for {sides.verifier.wanted} (if the rules allow), or score with a verifier that "
        f"reads {form.label}.",
        action="prompt",
    )


def targets_against_prompt(sides: Sides) -> Mismatch | None:
    """The eval prompts ask for one form, the training targets use another; the verifier may read both."""
    wanted = asked_by_most([_all(item) for item in sides.items])
    targets = [row for row in sides.targets if row.stated is not None]
    if wanted is None or not targets:
        return None
    key, _ = wanted
    others = [row for row in targets if row.stated is not None and not _same_key(key_of(row.stated), key)]
    if len(others) < USUAL * len(sides.targets):
        return None
    item = next(item for item in sides.items if (found := asked(_all(item))) and found.key == key)
    form = asked(_all(item))
    row = others[0]
    assert form is not None
    assert row.stated is not None
    return Mismatch(
        kind="answer-marker",
        share=len(others) / len(sides.targets),
        total=len(sides.targets),
        of="training rows",
        headline=f"Training ends in {_usual(others)}, the eval prompts ask for {form.label}",
        train=of_target(row, row.stated.whole),
        eval=excerpt(f"eval item {item.id}, the prompt", _all(item), form.span),
        fix=f"Realign the training data to {form.label}, or change the eval prompt if the rules allow.",
        action="realign" if sides.verifier and key in _own_keys(sides.verifier) else "prompt",
    )


def golds_against_verifier(sides: Sides) -> Mismatch | None:
    """Training targets pass, but the eval's gold answers, put into the training format, don't."""
    failing, judged = _failing_golds(sides), _judged(sides.items)
    targets = [row for row in sides.targets if row.verdict is not None]
    if not failing or sides.verifier is None or 2 * sum(bool(cause(row)) for row in targets) > len(targets):
        return None  # where the targets fail as well, they are what has to be told
    item = failing[0]
    assert item.verdict is not None
    example = next((row for row in sides.targets if row.stated), None)
    return Mismatch(
        kind="answer-marker",
        share=len(failing) / judged,
        total=judged,
        of="eval items",
        headline=f"{len(failing)} of {judged} gold eval answers fail the verifier {sides.verifier.spec} when they are "
        "written as the training data writes its answers",
        train=of_target(example, example.stated.whole if example and example.stated else None)
        if example
        else Quote("the training data", ""),
        eval=excerpt(
            f"eval item {item.id}, its gold answer in the training format", item.written or "", None
        ),
        fix=f"Look at these items: {item.verdict.why}. Mend the gold answers, or choose a verifier that reads them.",
        evidence=(f"Gold answer of item {item.id}: {item.gold[:80]!r}.",),
    )


def reasoning_against_verifier(sides: Sides) -> Mismatch | None:
    """The targets reason before the answer, the verifier takes nothing but the answer."""
    targets = [row for row in sides.targets if row.verdict is not None]
    failing = [row for row in targets if cause(row) == "style"]
    if not failing or sides.verifier is None:
        return None
    row = failing[0]
    assert row.stated is not None
    return Mismatch(
        kind="reasoning-style",
        share=len(failing) / len(targets),
        total=len(targets),
        of="training rows",
        headline=f"Training reasons before it answers, the verifier {sides.verifier.spec} wants {sides.verifier.wanted}: "
        f"{_of(failing, targets)} targets pass only without their reasoning",
        train=of_target(row, (0, row.stated.whole[0])),
        eval=of_verifier(sides.verifier.spec, sides.verifier.wanted, row.stated.answer),
        fix="Score with a verifier that finds the answer in the text (numeric, boxed, hashes, tagged), or realign the "
        "training data to the answer alone.",
        action="realign",
    )


def reasoning_against_prompt(sides: Sides) -> Mismatch | None:
    """The eval prompts ask for reasoning and the targets hold none, or the other way round."""
    styles = [asks_style(_all(item)) for item in sides.items]
    counts: Counter[Style] = Counter(style[0] for style in styles if style)
    if not counts or not sides.targets:
        return None
    wanted, count = counts.most_common(1)[0]
    if count < USUAL * len(sides.items):
        return None
    opposite: Style = "alone" if wanted == "reasoned" else "reasoned"
    others = [row for row in sides.targets if row.style == opposite and not _thought(row)]
    if len(others) < USUAL * len(sides.targets):
        return None
    item, style = next((i, s) for i, s in zip(sides.items, styles, strict=True) if s and s[0] == wanted)
    row = others[0]
    asks = "step-by-step reasoning" if wanted == "reasoned" else "the answer alone"
    holds = "the answer alone" if wanted == "reasoned" else "reasoning before the answer"
    span = (
        row.stated.whole
        if row.stated and wanted == "reasoned"
        else (0, row.stated.whole[0] if row.stated else 0)
    )
    return Mismatch(
        kind="reasoning-style",
        share=len(others) / len(sides.targets),
        total=len(sides.targets),
        of="training rows",
        headline=f"The eval prompts ask for {asks}, the training targets hold {holds}",
        train=of_target(row, span),
        eval=excerpt(f"eval item {item.id}, the prompt", _all(item), style[1]),
        fix="Train on targets of the style that the eval prompt asks for, or change the eval prompt if the rules allow.",
        action="prompt",
    )


def written_for(verifier: Verifier, answer: str) -> str | None:
    """`answer` in the form that the verifier reads, where that can be told."""
    from cockpit.core.dataset.answer_writing import write_answer

    return write_answer(verifier, answer)


def _own_keys(verifier: Verifier) -> frozenset[str]:
    form = verifier.format
    if isinstance(form, BoxedFormat):
        return frozenset({"boxed"})
    if isinstance(form, HashesFormat):
        return frozenset({"hashes"})
    return frozenset({f"tagged:{form.tag}"}) if isinstance(form, TaggedFormat) else frozenset()


def _accepts(verifier: Verifier, label: str, item: Item) -> bool:
    """Whether the verifier reads a completion that does as the prompt asks."""
    gold = item.answer or item.gold
    return verifier(label.replace("…", gold), {"answer": gold}).passed


def _same_key(left: str, right: str) -> bool:
    """`The answer is 18` and `Answer: 18` are one label in two spellings as far as a prompt is concerned."""
    return left == right or {left, right} == {"sentence", "line:answer"}


def _failing_golds(sides: Sides) -> list[Item]:
    return [item for item in sides.items if item.verdict is not None and not item.verdict.passed]


def _judged(items: Sequence[Item]) -> int:
    return sum(item.verdict is not None for item in items)


def _usual(rows: Sequence[Target]) -> str:
    return Counter(_label(row.stated) for row in rows).most_common(1)[0][0]


def _label(found: Stated | None) -> str:
    return found.label if found else "prose without a marked answer"


def _passing(failing: Sequence[object], targets: Sequence[object]) -> str:
    if len(failing) == len(targets):
        return f"none of the {len(targets):,} training targets passes"
    return f"{len(failing):,} of {len(targets):,} training targets don't pass"


def _of(some: Sequence[object], every: Sequence[object]) -> str:
    return f"all {len(every):,}" if len(some) == len(every) else f"{len(some):,} of {len(every):,}"


def _all(item: Item) -> str:
    return f"{item.system}\n{item.prompt}" if item.system else item.prompt


def _thought(row: Target) -> bool:
    from cockpit.core.dataset.answer_markers import has_thought

    return has_thought(row.text or "")


__all__ = ["RULES", "cause", "of_prompt", "written_for"]

RULES: tuple[Rule, ...] = (
    targets_against_verifier,
    prompt_against_verifier,
    targets_against_prompt,
    golds_against_verifier,
    reasoning_against_verifier,
    reasoning_against_prompt,
)
