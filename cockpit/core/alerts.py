"""What an alert is: the section `[alerts]` of cockpit.toml checked, quiet hours, and the wording of a message. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

from cockpit.contract.errors import CockpitError
from cockpit.core.findings import Finding
from cockpit.core.safe_text import clean, clip

KEYS = ("to", "command", "on", "quiet")
ON = ("end", "alarm", "warning")
DEFAULT_ON = ("end", "alarm")
LONGEST = 600  # characters of a message's text
TITLE = 90
SHORTEST_SECRET = 4  # shorter parts of an address are words such as "api", and hide nothing
_ON_OF = {"warn": "warning", "alarm": "alarm", "block": "alarm"}
_NAMED = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|keyring:[\w.@-]+")
_OWN_SERVER = ("json", "jsons", "xml", "xmls", "form", "forms")
_THIS_DESK = ("dbus", "gnome", "glib", "kde", "macosx", "qt", "syslog", "windows")
_PLAIN_PATH = re.compile(r"(?:/[a-z][a-z_-]{0,19})*/?")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Settings:
    """Who is told (`to`: addresses by their names; `command`: a program), of what, and when not (minutes of a day)."""

    to: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    on: frozenset[str] = frozenset(DEFAULT_ON)
    quiet: tuple[int, int] | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self.to or self.command)

    def wants(self, finding: Finding) -> bool:
        """Whether a finding is grave enough to tell."""
        return _ON_OF.get(finding.severity) in self.on


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing to tell, once: `key` names it for ever, `says` is a sentence, `fix` what to do about it."""

    key: str
    experiment: str
    title: str
    says: str
    fix: str = ""


def parse(section: Mapping[str, Any], *, file: object = None) -> Settings:
    """Check the section `[alerts]`. Raises CockpitError, which never repeats an address: it may hold a secret."""
    place = None if file is None else str(file)
    to = _texts(section, "to", place)
    for number, name in enumerate(to, 1):
        if not _may_be_written(name):
            raise CockpitError(
                f"[alerts] to, entry {number}: an address may hold a secret, so it is not written in this file",
                'Put it into an environment variable and name that: `to = ["env:COCKPIT_NTFY"]`, or `keyring:NAME`.',
                file=place,
            )
    command = _texts(section, "command", place)
    on = _texts(section, "on", place) if "on" in section else DEFAULT_ON
    for name in on:
        if name not in ON:
            raise CockpitError(
                f"[alerts] on knows no {clip(name, 40)!r}", f"There are: {', '.join(ON)}.", file=place
            )
    return Settings(to, command, frozenset(on), _quiet(section.get("quiet"), place))


def _may_be_written(name: str) -> bool:
    """Whether an entry names where an address is kept, or is an address that gives nobody any right."""
    if _NAMED.fullmatch(name):
        return True
    try:
        parts = urlsplit(name)
        _ = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return False
    if parts.scheme in _THIS_DESK:
        return name == f"{parts.scheme}://"
    return (
        parts.scheme in _OWN_SERVER and bool(parts.hostname) and _PLAIN_PATH.fullmatch(parts.path) is not None
    )


def _texts(section: Mapping[str, Any], key: str, file: str | None) -> tuple[str, ...]:
    value = section.get(key, [])
    many = cast("list[object]", value) if isinstance(value, list) else None
    if many is None or not all(isinstance(one, str) and one for one in many):
        example = {"to": '["env:COCKPIT_NTFY"]', "command": '["./told.sh"]', "on": '["end", "alarm"]'}[key]
        raise CockpitError(
            f"[alerts] {key} must be a list of texts", f"Write `{key} = {example}`.", file=file
        )
    return tuple(str(one) for one in many)


def _quiet(value: object, file: str | None) -> tuple[int, int] | None:
    if value is None or value == "":
        return None
    begin, dash, end = value.partition("-") if isinstance(value, str) else ("", "", "")
    times = [_TIME.fullmatch(part.strip()) for part in (begin, end)]
    if not dash or not times[0] or not times[1]:
        raise CockpitError(
            "[alerts] quiet must be two times of a day", 'Write `quiet = "22:00-07:00"`.', file=file
        )
    first, last = (int(found[1]) * 60 + int(found[2]) for found in times if found)
    return (first, last)


def is_quiet(quiet: tuple[int, int] | None, minute: int) -> bool:
    """Whether a minute of the day (local time) lies in the quiet hours, which may go over midnight."""
    if quiet is None:
        return False
    first, last = quiet
    return first <= minute < last if first <= last else minute >= first or minute < last


def clock_text(minute: int) -> str:
    """A minute of the day as `07:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def of_finding(finding: Finding, experiment: str, attempt: int) -> Cause:
    """A finding as something to tell: once for its rule and the attempt."""
    title = f"{experiment}: {'warning' if finding.severity == 'warn' else finding.severity}"
    return Cause(
        f"finding/{experiment}/{attempt}/{finding.rule}",
        experiment,
        title,
        finding.headline,
        finding.next_step,
    )


def message(workspace: str, causes: Sequence[Cause]) -> tuple[str, str]:
    """Return title and text of one message about these causes; harmless to show, and bounded."""
    first = causes[0]
    more = f" and {len(causes) - 1} more" if len(causes) > 1 else ""
    title = clip(f"{workspace} · {first.title}{more}", TITLE)
    if not more:
        # What to do is short and comes last: a long sentence gives way to it.
        fix = clip(f"Next: {first.fix}", LONGEST // 2) if first.fix else ""
        says = clip(f"{first.experiment}: {first.says}", LONGEST - len(fix) - 1)
        return title, f"{says}\n{fix}".strip()
    room = max(60, LONGEST // len(causes) - 1)
    lines = [clip(f"{one.experiment}: {one.says} {one.fix}".strip(), room) for one in causes]
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(kept) + len(line) > LONGEST - 40:
            kept.append(f"… and {len(lines) - len(kept)} more: `cockpit findings`.")
            break
        kept.append(line)
    return title, "\n".join(kept)


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a library's words without any part of these addresses, whatever form they come in; one line."""
    parts: set[str] = set()
    for secret in secrets:
        rest = secret.partition("://")[2] or secret
        for form in (secret, rest, *re.split(r"[/:@?&=#,;\s]+", rest)):
            parts |= {form, unquote(form), quote(form, safe="")}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= SHORTEST_SECRET:
            text = re.sub(re.escape(part), "***", text, flags=re.IGNORECASE)
    return clean(text, newlines="show")
