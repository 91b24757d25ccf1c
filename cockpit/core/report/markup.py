"""HTML whose texts are escaped by construction: whatever isn't made by `element` is text."""

from __future__ import annotations

import html

from cockpit.core.safe_text import clean


class Html(str):
    """Markup that is safe to put into a page; only `element` and `joined` make it."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Return text as markup that shows it: nothing in it acts, and what would hide is shown by a stand-in."""
    return text if isinstance(text, Html) else Html(html.escape(clean(text)))


def joined(parts: list[Html]) -> Html:
    """Return pieces of a page one after the other, each on a line."""
    return Html("\n".join(parts))


def element(name: str, /, *children: str, **attributes: str) -> Html:
    """Return `<name …>children</name>`. Children that are plain text are escaped, and so are all attributes.

    An attribute's underscore stands for a hyphen; one at the end keeps it apart from a word of Python's (`class_`).
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{named}>{''.join(map(escaped, children))}</{name}>")


def void(name: str, /, **attributes: str) -> Html:
    """Return an element that has no end, such as `<meta …>`."""
    return Html(element(name, **attributes).removesuffix(f"</{name}>"))


def table(heads: list[str], rows: list[list[str]], *, caption: str = "") -> Html:
    """Return a table that scrolls by itself where the page is narrow."""
    head = element("tr", *(element("th", one, scope="col") for one in heads))
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    named = [element("caption", caption)] if caption else []
    inner = element("table", *named, element("thead", head), element("tbody", joined(body)))
    return element("div", inner, class_="wide", tabindex="0", role="region", aria_label=caption or heads[0])
