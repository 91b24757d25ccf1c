"""Alerts as values: what cockpit.toml may say, quiet hours, and messages that are short and harmless."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.core import alerts
from cockpit.core.alerts import Cause
from cockpit.core.findings import Finding


@pytest.mark.parametrize(
    "address",
    [
        "json://me:hunter2hunter@example.org",
        "json://example.org/hooks/T0AB12/xyz",
        "json://example.org/?token=abcdefgh",
        "ntfy://my-topic",
        "ntfys://tk_abcdef@ntfy.example.org/topic",
        "tgram://123456789:AAHabcdef/987654",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "mailto://me:secret1@gmail.com",
        "https://hooks.slack.com/services/T0/B0/abc",
        "dbus://me:hunter2@here",
        "env:",
        "env:A B",
        "keyring:",
        "hunter2hunter2",
        "json://[::1",
    ],
)
def test_an_address_is_refused_in_the_file_and_not_repeated(address: str) -> None:
    with pytest.raises(CockpitError) as refused:
        alerts.parse({"to": ["env:FINE", address]}, file="cockpit.toml")
    assert "entry 2" in str(refused.value)
    assert "env:COCKPIT_NTFY" in str(refused.value)
    assert address == "env:" or address == "keyring:" or address not in str(refused.value)


@pytest.mark.parametrize(
    "section",
    [
        {"to": "env:A"},
        {"to": [1]},
        {"on": ["ends"]},
        {"on": "end"},
        {"command": "told.sh"},
        {"quiet": "22-7"},
        {"quiet": "22:00"},
        {"quiet": "25:00-07:00"},
        {"quiet": 7},
    ],
)
def test_what_is_wrong_in_the_section_is_said_with_an_example(section: dict[str, Any]) -> None:
    with pytest.raises(CockpitError) as refused:
        alerts.parse(section)
    assert "[alerts]" in refused.value.title
    assert refused.value.fix


def test_nobody_is_told_unless_somebody_is_named() -> None:
    assert not alerts.parse({}).wanted
    assert not alerts.parse({"on": ["end"], "quiet": "22:00-07:00"}).wanted
    some = alerts.parse({"to": ["keyring:phone", "json://127.0.0.1:8000/told", "dbus://"]})
    assert some.wanted
    assert [some.wants(Finding("r", severity, "h")) for severity in ("info", "warn", "alarm", "block")] == [
        False,
        False,
        True,
        True,
    ]


def test_quiet_hours_go_over_midnight_and_end_at_their_end() -> None:
    quiet = alerts.parse({"quiet": "22:00-07:00"}).quiet
    told = {minute: alerts.is_quiet(quiet, minute) for minute in (0, 419, 420, 1319, 1320, 1439)}
    assert told == {0: True, 419: True, 420: False, 1319: False, 1320: True, 1439: True}
    day = alerts.parse({"quiet": "9:00-17:00"}).quiet
    assert [alerts.is_quiet(day, minute) for minute in (539, 540, 1019, 1020)] == [False, True, True, False]


def test_a_message_is_short_harmless_and_keeps_what_to_do() -> None:
    hostile = Cause(
        "k", "exp_0001", "exp_0001 failed\x1b]0;x\x07", "\x1b[2J" + "loud " * 900, "`cockpit logs`"
    )
    title, text = alerts.message("w\u202es", [hostile])
    assert len(title) <= alerts.TITLE
    assert len(text) <= alerts.LONGEST
    assert text.endswith("Next: `cockpit logs`")
    assert not {"\x1b", "\x07", "\u202e"} & set(title + text)


def test_many_causes_are_one_message_that_says_how_many_it_left_out() -> None:
    many = [Cause(str(n), "exp_0001", f"alarm {n}", "it diverges", "stop it") for n in range(40)]
    title, text = alerts.message("ws", many)
    assert "alarm 0 and 39 more" in title
    assert len(text) <= alerts.LONGEST
    shown = text.count("it diverges")
    assert f"… and {40 - shown} more" in text


def test_no_form_of_an_address_survives() -> None:
    address = "ntfys://tk_abc%20def:pässwörd@ntfy.example.org/topic-9?x=qwertz"
    words = "no: tk_abc%20def tk_abc def p\u00e4ssw\u00f6rd p%C3%A4ssw%C3%B6rd NTFY.example.org topic-9 qwertz\x1b"
    told = alerts.masked(words, [address])
    assert not any(part in told.lower() for part in ("abc", "ssw", "ntfy.", "topic", "qwertz", "\x1b"))
    assert told.startswith("no: ***")
