"""A report as one HTML page that stands alone: no script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cockpit.core.report.facts import MARK, SEVERITY_WORDS, Curve, Facts, Item, Report, Said, Told, Turned
from cockpit.core.report.markup import Html, element, joined, table, void
from cockpit.core.report.style import POLICY, STYLE
from cockpit.core.report.svg import chart, described
from cockpit.core.tree.comparing import HELD_OUT_CAUTION

NO_EXPERIMENTS = "No experiments yet."


def page(report: Report) -> str:
    """Return the whole file."""
    head = [
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=POLICY),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="referrer", content="no-referrer"),
        void("meta", name="color-scheme", content="light dark"),
        element("title", report.title),
        element("style", Html(STYLE)),
    ]
    body = [
        element("h1", report.title),
        element("p", report.made, class_="dim"),
        *([_list(report.target)] if report.target else []),
        *_tree(report),
        *(part for one in report.told for part in _told(one)),
        *_section("Findings about several experiments", [_finding(said) for said in report.across]),
        *_section("Method log", [_lines(report.log)] if report.log else []),
        *_section("Environment", [_list(report.environment)] if report.environment else []),
        *_section("What could not be read", [_lines(report.unread)] if report.unread else []),
    ]
    whole = element("html", element("head", joined(head)), element("body", joined(body)), lang="en")
    return f"<!doctype html>\n<!-- {MARK} -->\n{whole}\n"


def _tree(report: Report) -> list[Html]:
    heads = ["experiment", "technique", "status", "held-out score [95 %]", "against its parent", "why"]
    shown = {one.id for one in report.told}
    rows: list[list[str]] = []
    for row in report.tree:
        name = element("a", row.id, href=f"#{row.id}") if row.id in shown else row.id
        indented = element("span", "  " * row.depth, name, class_="id")
        rows.append([indented, row.technique, row.status, row.score, row.against, row.why])
    said = element("p", report.standing if rows else NO_EXPERIMENTS)
    return [element("h2", "Experiments"), *([table(heads, rows)] if rows else []), said]


def _told(one: Told) -> list[Html]:
    parts = [
        element("h2", f"{one.id}: {one.technique}, {one.status}", id=one.id),
        _list((("hypothesis", one.hypothesis or "none"), *one.facts)),
        *_scores(one),
        *_settings(one),
        *_curves(one),
        *_passes(one),
        *_turned(one),
    ]
    if one.findings:
        parts += [element("h3", "Findings"), *(_finding(said) for said in one.findings)]
    if one.log:
        parts += [element("h3", "Method log"), _lines(one.log)]
    return parts


def _scores(one: Told) -> list[Html]:
    said = [element("p", element("strong", "Held-out score: "), one.score)]
    return said + [element("p", sentence) for sentence in one.comparison]


def _settings(one: Told) -> list[Html]:
    if one.settings is None:
        return []
    if not one.settings:
        return [element("h3", "Settings"), element("p", f"None differs from {one.base}.")]
    rows = [list(setting) for setting in one.settings]
    return [
        element("h3", "Settings that differ"),
        table(["setting", one.base, one.id], rows, caption=f"All others are as in {one.base}."),
    ]


def _curves(one: Told) -> list[Html]:
    if not one.curves:
        return []
    return [element("h3", "Curves"), *(_figure(curve, f"{one.id}-{n}") for n, curve in enumerate(one.curves))]


def _figure(curve: Curve, key: str) -> Html:
    said = element("figcaption", element("strong", f"{curve.name}. "), described(curve))
    return element("figure", chart(curve, key), said)


def _passes(one: Told) -> list[Html]:
    if one.passes is None:
        return []
    rows = [[f"pass@{at.k}", at.score.text(3), at.delta.short if at.delta else "-"] for at in one.passes.at]
    heads = ["", "score [95 %]", f"against {one.passes.base}" if one.passes.base else "against the base"]
    return [
        element("h3", "Sampled answers"),
        element("p", one.passes.sentence()),
        table(heads, rows, caption=f"{one.passes.samples} samples an item"),
    ]


def _turned(one: Told) -> list[Html]:
    turned = one.turned
    if turned is None:
        return []
    parts = [element("h3", "Items won and lost"), element("p", turned.sentence(one.base))]
    parts += _items(one, turned, "won", turned.won, turned.shown_won)
    parts += _items(one, turned, "lost", turned.lost, turned.shown_lost)
    return [*parts, element("p", HELD_OUT_CAUTION, class_="dim")] if turned.won or turned.lost else parts


def _items(one: Told, turned: Turned, word: str, count: int, items: Sequence[Item]) -> list[Html]:
    if not items:
        return []
    called = {"won": "better", "lost": "worse"}[word] if turned.graded else word
    cut = f", {len(items)} of them here" if len(items) < count else ""
    summary = element("summary", f"{count:,} {called}{cut}")
    return [element("details", summary, *(_item(one, item, word) for item in items))]


def _item(one: Told, item: Item, word: str) -> Html:
    parts = [element("strong", item.item)]
    said = (
        ("asked", item.prompt),
        ("right answer", item.gold),
        (one.base, item.before),
        (one.id, item.now),
    )
    for label, text in said:
        parts += [element("div", label, class_="dim"), element("pre", text, dir="auto")]
    return element("div", *parts, class_=f"item {word}")


def _finding(said: Said) -> Html:
    found = said.finding
    about = f" ({', '.join(found.experiments)})" if len(found.experiments) > 1 else ""
    since = f", since step {found.step:,}" if found.step is not None else ""
    word = SEVERITY_WORDS.get(found.severity, found.severity)
    parts = [element("p", element("strong", f"{word}: "), f"{found.headline}{about}{since}")]
    parts += [_lines(found.evidence)] if found.evidence else []
    parts += [element("p", element("strong", "Next: "), found.next_step)] if found.next_step else []
    parts += [_lines(said.cures)] if said.cures else []
    source = "; ".join(part for part in (found.rule, found.source) if part)
    return element("div", *parts, element("p", source, class_="dim"), class_=f"finding {found.severity}")


def _section(title: str, parts: list[Html]) -> list[Html]:
    return [element("h2", title), *parts] if parts else []


def _list(facts: Facts) -> Html:
    return element(
        "dl", *(part for name, value in facts for part in (element("dt", name), element("dd", value)))
    )


def _lines(lines: Iterable[str]) -> Html:
    return element("ul", *(element("li", line) for line in lines))
