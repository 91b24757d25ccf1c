"""Nothing that a terminal would act on comes through."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.core.safe_text import clean, clip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 100 %", "plain text, 100 %"),
        ("two\nlines", "two\nlines"),
        ("dos\r\nlines", "dos\nlines"),
        ("a\tb", "a    b"),
        ("\x1b[2J\x1b]0;pwned\x07", "␛[2J␛]0;pwned␇"),
        ("progress\rbar", "progress␍bar"),
        ("c1 \x9b31m", "c1 ⟨U+009B⟩31m"),
        ("del\x7f", "del␡"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("half \ud83d", "half \ufffd"),
        ("family 👩\u200d👧", "family 👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("e\u0301te\u0301", "e\u0301te\u0301"),
        ("Z" + "\u0301" * 50 + "!", "Z" + "\u0301" * 4 + "!"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_newlines_can_be_shown() -> None:
    assert clean("a\r\nb\nc\rd", newlines="show") == "a⏎b⏎c⏎d"


@given(st.text(alphabet=st.characters(), max_size=400))
def test_no_control_character_is_left_and_cleaning_twice_changes_nothing(text: str) -> None:
    shown = clean(text)
    assert all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert clean(shown) == shown
    assert "\n" not in clean(text, newlines="show")


@given(st.text(max_size=100), st.integers(1, 40))
def test_clip_keeps_to_its_width(text: str, width: int) -> None:
    shown = clip(text, width)
    assert len(shown) <= width
    assert "\n" not in shown
    if len(clean(text, newlines="show")) > width:
        assert shown.endswith("…")


def test_json_stays_the_same_data_and_loses_its_bite() -> None:
    import json

    from cockpit.core.safe_text import escape_json

    value = {"a\x9b5A": ["\u202egnp", "\U000e0041", "日本語\n"], "b": 1}
    text = escape_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert "日本語" in text
    assert not set("\x9b\u202e\U000e0041") & set(text)
