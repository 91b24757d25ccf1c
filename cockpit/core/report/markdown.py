"""A report as Markdown for a pull request: the same in short."""

from __future__ import annotations

from cockpit.core.markdown import shown, table
from cockpit.core.report.facts import MARK, SEVERITY_WORDS, Report, Said, Told
from cockpit.core.report.page import NO_EXPERIMENTS

_CLIP = 400  # characters of a text within a line


def as_markdown(report: Report) -> str:
    """Return scores, what differed, items won and lost by number, findings, and what could not be read."""
    lines = [f"<!-- {MARK} -->", "", f"# {_said(report.title)}", ""]
    lines += [f"- {_said(name)}: {_said(value)}" for name, value in report.target]
    lines += ["", *_tree(report)]
    for one in report.told:
        lines += ["", *_told(one)]
    for title, found in (
        ("Findings about several experiments", [_finding(said) for said in report.across]),
        ("What could not be read", [f"- {_said(sentence)}" for sentence in report.unread]),
    ):
        lines += ["", f"## {title}", "", *found] if found else []
    return "\n".join([*lines, "", _said(report.made)]) + "\n"


def _tree(report: Report) -> list[str]:
    if not report.tree:
        return [NO_EXPERIMENTS]
    rows = [
        ("\u00a0\u00a0" * one.depth + one.id, one.technique, one.status, one.score, one.against, one.why)
        for one in report.tree
    ]
    heads = ("experiment", "technique", "status", "held-out score [95 %]", "against its parent", "why")
    return [*table(heads, rows), "", _said(report.standing)]


def _told(one: Told) -> list[str]:
    lines = [f"## {_said(f'{one.id}: {one.technique}, {one.status}')}", ""]
    lines += [f"Hypothesis: {_said(one.hypothesis or 'none')}", "", f"Held-out score: {_said(one.score)}"]
    for sentence in one.comparison:
        lines += ["", _said(sentence)]
    if one.passes is not None:
        lines += ["", f"Sampled: {_said(one.passes.sentence())}"]
    if one.turned is not None:
        lines += ["", _said(one.turned.sentence(one.base))]
    if one.settings:
        lines += ["", *table(("setting", one.base, one.id), one.settings)]
    elif one.settings is not None:
        lines += ["", f"No setting differs from {_said(one.base)}."]
    if one.findings:
        lines += ["", *(_finding(said) for said in one.findings)]
    return lines


def _finding(said: Said) -> str:
    found = said.finding
    about = f" ({', '.join(found.experiments)})" if len(found.experiments) > 1 else ""
    word = SEVERITY_WORDS.get(found.severity, found.severity)
    after = f" Next: {_said(found.next_step)}" if found.next_step else ""
    evidence = "".join(f"\n  - {_said(line)}" for line in found.evidence)
    end = "" if f"{found.headline}{about}".endswith((".", "!", "?")) else "."
    return f"- **{word}**: {_said(found.headline + about)}{end}{after}{evidence}"


def _said(value: str) -> str:
    return shown(value, _CLIP)
