"""One experiment as a report tells it: read from its files, held against its parent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from cockpit.core.dataset.chat_templates import asked
from cockpit.core.findings import Finding
from cockpit.core.methodlog import Entry
from cockpit.core.report.facts import MOST_ITEMS, Curve, Item, Said, Told, Turned
from cockpit.core.rules.finding_actions import actions_of
from cockpit.core.rules.table import rule
from cockpit.core.runs.metric_names import aliased
from cockpit.core.tree.comparing import Answer, Comparison, Pair, Side, comparison, score_text
from cockpit.services.report.environment import without_host
from cockpit.services.workspace.workspace import ExperimentView, Workspace

CURVES = {
    "loss": "Loss",
    "eval_loss": "Loss on evaluation rows",
    "mini_eval": "Mini-eval score",
    "reward": "Reward",
}
TEXT = 4000
"""Characters of a prompt or an answer that are shown."""
FINDINGS = 50
SETTINGS = 200


def of(
    ws: Workspace,
    view: ExperimentView,
    base: ExperimentView | None,
    read: Callable[[str], Side],
    found: Sequence[Finding],
    log: Sequence[Entry],
) -> Told:
    """All that is told of it; `read` gives a side to compare, `found` and `log` are those of the whole workspace."""
    own = read(view.id)
    whole = comparison([read(base.id), own]) if base else None
    pair = whole.pairs[0] if whole else None
    return Told(
        id=view.id,
        technique=technique(view),
        status=view.status,
        hypothesis=view.hypothesis,
        base=base.id if base else "",
        score=score_text(view.score)
        if view.score
        else f"none ({view.note or 'no full held-out pass was made'})",
        facts=_facts(view),
        settings=_settings(ws, whole) if whole else None,
        comparison=_compared(view, pair) if pair else (),
        turned=_turned(whole, pair) if whole and pair and own.answers else None,
        passes=view.passes,
        curves=_curves(view, own),
        findings=_findings(view, found),
        log=tuple(log_line(entry) for entry in log if entry.experiment == view.id),
    )


def technique(view: ExperimentView) -> str:
    """`grpo lora`, and what it starts from where that is no base model."""
    start = f" from {view.start}" if view.start else ""
    return f"{view.technique}{' lora' if view.lora else ''}{start}"


def log_line(entry: Entry) -> str:
    """A line of the method log, without its experiment and its marks."""
    said = entry.text if len(entry.text) <= TEXT else entry.text[: TEXT - 1] + "…"
    return " · ".join(part for part in (entry.date, entry.kind, said) if part)


def findings_across(found: Iterable[Finding], these: set[str], *, everything: bool) -> tuple[Said, ...]:
    """Findings about several experiments or about none; of all of them, or of those that are about `these`."""
    kept = [
        one for one in found if len(one.experiments) != 1 and (everything or these & set(one.experiments))
    ]
    return tuple(map(_said, kept[:FINDINGS]))


def _facts(view: ExperimentView) -> tuple[tuple[str, str], ...]:
    rows = [("parent", view.parent or ""), ("starts from", view.start), ("model", view.model)]
    if view.attempt is not None:
        rows.append(("run", without_host(view.attempt.sentence, view)))
    if view.best_step is not None:
        rows.append(("best checkpoint", f"step {view.best_step:,}"))
    if view.decision is not None:
        reason = f": {view.decision.reason}" if view.decision.reason else ""
        rows.append(("decision", f"{view.decision.status}{reason}"))
    return tuple((name, value) for name, value in rows if value)


def _settings(ws: Workspace, whole: Comparison) -> tuple[tuple[str, str, str], ...] | None:
    """The settings that differ; None where one of the two recipes can't be read."""
    if not all(one.recipe for one in whole.sides):
        return None
    inside = f"{ws.root}/"
    rows = [
        (name, was.removeprefix(inside), now.removeprefix(inside))
        for name, (was, now) in whole.settings.items()
    ]
    left = len(rows) - SETTINGS
    return (*rows[:SETTINGS], *([(f"and {left} more", "", "")] if left > 0 else []))


def _compared(view: ExperimentView, pair: Pair) -> tuple[str, ...]:
    """What `cockpit compare` says of the two, and what it counts as among all experiments on these items."""
    if pair.delta is None:
        return (f"Not compared with {pair.first}: one of the two has no held-out score.",)
    said = f"Against {pair.first}: {pair.delta.sentence}"
    among = view.delta.sentence if view.delta else pair.delta.sentence
    return (said,) if among == pair.delta.sentence else (said, f"Among all experiments here: {among}")


def _turned(whole: Comparison, pair: Pair) -> Turned | None:
    """The items won and lost; None where the base has no answers to hold them against."""
    first, other = whole.sides
    if not first.answers:
        return None
    half = MOST_ITEMS // 2
    lost = pair.lost[: max(half, MOST_ITEMS - len(pair.won))]
    won = pair.won[: MOST_ITEMS - len(lost)]

    def items(names: Iterable[str]) -> tuple[Item, ...]:
        return tuple(_item(first.answers[name], other.answers[name]) for name in names)

    return Turned(len(pair.won), len(pair.lost), items(won), items(lost), pair.graded)


def _item(before: Answer, now: Answer) -> Item:
    return Item(
        _cut(now.item), _cut(asked(now.prompt)), _cut(now.gold), _cut(before.completion), _cut(now.completion)
    )


def _cut(text: str) -> str:
    more = len(text) - TEXT
    return text if more <= 0 else f"{text[:TEXT]}… ({more:,} more characters)"


def _curves(view: ExperimentView, own: Side) -> tuple[Curve, ...]:
    named = aliased(own.curves, view.technique)
    return tuple(
        Curve(
            title,
            named[name],
            level=view.mini_baseline if name == "mini_eval" else None,
            limits=(0.0, 1.0) if name == "mini_eval" else None,
        )
        for name, title in CURVES.items()
        if named.get(name)
    )


def _findings(view: ExperimentView, found: Iterable[Finding]) -> tuple[Said, ...]:
    own = [one for one in found if one.experiments == (view.id,)]
    said = [
        replace(
            one,
            headline=without_host(one.headline, view),
            evidence=tuple(without_host(line, view) for line in one.evidence),
        )
        for one in own[:FINDINGS]
    ]
    return tuple(map(_said, said))


def _said(finding: Finding) -> Said:
    """The finding with what cures it, as `cockpit findings` says it."""
    drafts = [
        f"{act.label}: {act.command}" for act in actions_of(finding, running=False) if act.do == "draft"
    ]
    row = rule(finding.rule)
    return Said(
        finding, (*drafts, *([row.instead] if row is not None and not row.changes and row.instead else []))
    )
