"""Two evaluation logs from elsewhere against each other, item by item, as a comparison of experiments is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.core import clusters
from cockpit.core.pass_at import Sampled
from cockpit.core.safe_text import clip
from cockpit.core.scores import Score
from cockpit.core.tree.comparing import Answer, Comparison, Side, comparison
from cockpit.services.foreign import eval_logs
from cockpit.services.foreign.eval_logs import SCORE, EvalLog, Record

_SAME = 200  # characters of a question that two logs must share; Inspect's summaries cut it


def of(words: Sequence[str], metric: str | None = None, cluster: str | None = None) -> Comparison:
    """Compare two logs on the items that both have. Raises CockpitError: unreadable, no common item, other metrics."""
    if len(words) != 2:
        raise CockpitError("evaluation logs are compared two at a time", "Name two files.")
    first, other = (eval_logs.read(word, metric) for word in words)
    if first.task and other.task and first.task != other.task:
        raise CockpitError(
            f"these are logs of different tasks, {first.task!r} and {other.task!r}",
            "Name two logs of one task.",
        )
    chosen = _metrics(first, other, metric)
    answers = [_by_item(log, name) for log, name in zip((first, other), chosen, strict=True)]
    shared = [item for item in answers[0] if item in answers[1]]
    same = [item for item in shared if _one_question(answers[0][item][0].asks, answers[1][item][0].asks)]
    if shared and not same:
        raise CockpitError(
            f"the two logs share {_items(len(shared))} by id, and each asks another question in the two",
            "Name logs of the same items; where only the prompts are written differently, leave them out.",
            file=other.path,
        )
    if not same:
        raise CockpitError(
            f"the two logs share no item: {_examples(answers[0])} in one, {_examples(answers[1])} in the other",
            "Name two logs of the same items, paired by their ids or prompts.",
            file=other.path,
        )
    groups = _groups([[both[item][0].row for item in same] for both in answers], same, cluster)
    names = _names(first.path, other.path)
    sides = [
        _side(name, log, {item: by[item] for item in same}, metric, groups)
        for name, log, by, metric in zip(names, (first, other), answers, chosen, strict=True)
    ]
    notes = _notes(names, (first, other), answers, shared, same, chosen)
    return replace(comparison(sides), notes=tuple(notes))


def _metrics(first: EvalLog, other: EvalLog, wanted: str | None) -> tuple[str, str]:
    """The metric of each log: the one asked for, else the first that both have; a JSONL has just one."""
    there = (first.metrics(), other.metrics())
    if wanted is not None:
        found = [
            next((m for m in names if m == wanted or m.split(",")[0] == wanted or names == [SCORE]), None)
            for names in there
        ]
        if found[0] and found[1]:
            return found[0], found[1]
    common = [name for name in there[0] if name in there[1]]
    if wanted is None and common:
        return common[0], common[0]
    if wanted is None and [SCORE] in there:
        return there[0][0], there[1][0]
    what = f"not both logs have the metric {wanted!r}" if wanted else "the two logs have no metric in common"
    raise CockpitError(
        f"{what}: {', '.join(there[0][:8])} in one, {', '.join(there[1][:8])} in the other",
        "Name one that both have with --metric.",
    )


def _by_item(log: EvalLog, metric: str) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in log.records:
        if metric in record.scores:
            found.setdefault(record.item, []).append(record)
    return found


def _one_question(a: str, b: str) -> bool:
    """Whether two texts of a question can be the same one, as far as both are there."""
    a, b = a.strip(), b.strip()
    if not a or not b:
        return True
    whole = min(_SAME, *(len(one) - 3 for one in (a, b) if one.endswith("...")), *(max(len(a), len(b)),))
    return a[:whole] == b[:whole]


def _groups(
    rows: Sequence[list[Mapping[str, Any]]], ids: list[str], named: str | None
) -> clusters.Groups | None:
    found = clusters.find(rows[0], ids, named) if named is None or any(rows[0]) else None
    return found or (clusters.find(rows[1], ids, None) if named is None else None)


def _side(
    name: str, log: EvalLog, by: Mapping[str, list[Record]], metric: str, groups: clusters.Groups | None
) -> Side:
    values = {item: [record.scores[metric] for record in records] for item, records in by.items()}
    means = {item: sum(scores) / len(scores) for item, scores in values.items()}
    most, fewest = max(map(len, values.values())), min(map(len, values.values()))
    sampled = None
    if fewest == 1:  # a few that stand twice make no samples of the rest
        score = Score.of_items(means)
    else:
        score = Score.of(0.0, len(means)).sampled(means, most)
        whole = all(len(scores) == most and set(scores) <= {0.0, 1.0} for scores in values.values())
        right = {item: round(sum(scores)) for item, scores in values.items()}
        sampled = Sampled(most, right, score).grouped(groups) if whole else None
    answers = {
        item: Answer(item, records[0].asks, records[0].said, records[0].gold, means[item], True)
        for item, records in by.items()
    }
    about = clip(" ".join(part for part in (log.model, log.task) if part), 60) or log.kind
    return Side(name, about, clip(metric, 40), score=score.grouped(groups), sampled=sampled, answers=answers)


def _names(first: Path, other: Path) -> tuple[str, str]:
    """The files' names, with as much of their folders as tells them apart."""
    parts = [path.resolve().parts for path in (first, other)]
    for count in range(1, max(map(len, parts)) + 1):
        short = [clip("/".join(one[-count:]), 60) for one in parts]
        if short[0] != short[1]:
            return short[0], short[1]
    return f"{first.name} (1)", f"{other.name} (2)"


def _notes(
    names: Sequence[str],
    logs: Sequence[EvalLog],
    answers: Sequence[Mapping[str, list[Record]]],
    shared: Sequence[str],
    same: Sequence[str],
    chosen: Sequence[str],
) -> list[str]:
    """What was left out, and which of several metrics it is, in sentences."""
    said: list[str] = []
    for name, log, by in zip(names, logs, answers, strict=True):
        if alone := len(by) - len(shared):
            said.append(f"{_items(alone)} of {name} {_is(alone)} not in the other: left out.")
        if log.unscored:
            said.append(f"{_items(log.unscored)} of {name} {_has(log.unscored)} no score: left out.")
        if log.blank:
            said.append(f"{log.blank:,} empty line{'s' * (log.blank != 1)} of {name}: left out.")
        counts = {item: len(by[item]) for item in same}
        twice = [item for item, count in counts.items() if count > 1]
        if twice and len(set(counts.values())) > 1:
            said.append(
                f"{_items(len(twice))} of {name} {_stands(len(twice))} there more than once ({clip(twice[0], 30)}: "
                f"{counts[twice[0]]} times), others not: an item's mean counts as one. Give different items different "
                "ids."
            )
    if lost := len(shared) - len(same):
        said.append(f"{_items(lost)} with the same id {_has(lost)} another question in each: left out.")
    more = [name for name in logs[0].metrics() if name in logs[1].metrics() and name != chosen[0]]
    if more:
        said.append(f"Judged by {chosen[0]}; --metric takes another: {', '.join(more[:8])}.")
    return said


def _items(count: int) -> str:
    return f"{count:,} item{'s' * (count != 1)}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _stands(count: int) -> str:
    return "stands" if count == 1 else "stand"


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _examples(by: Mapping[str, object]) -> str:
    return ", ".join(repr(item[:30]) for item in list(by)[:2]) or "none"
