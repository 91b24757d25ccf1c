"""Text in Markdown stays text, and a table keeps its columns."""

from __future__ import annotations

import re

import pytest

from cockpit.core.markdown import shown, table


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Gained 0.485 [0.4, 0.6] (p < 0.001).", r"Gained 0.485 \[0.4, 0.6] (p < 0.001)."),
        ("per_device_train_batch_size -> 32", "per_device_train_batch_size -> 32"),
        ("<script>x</script>", "&lt;script>x&lt;/script>"),
        ("&lt;b> R&D", "&amp;lt;b> R&D"),
        ("![i](http://x) `code` **bold** __b__", r"!\[i](http://x) \`code\` \*\*bold\*\* \_\_b\_\_"),
        ("> quote", r"\> quote"),
        ("- item", r"\- item"),
        ("-", "-"),
        ("two\nlines\x1b[0m", r"two⏎lines␛\[0m"),
    ],
)
def test_what_markdown_acts_on_is_escaped_and_nothing_else(text: str, said: str) -> None:
    assert shown(text, 100) == said


def test_whatever_a_cell_holds_a_row_has_as_many() -> None:
    nasty = ["a|b", "a\\|b", "a\\\\|b\\", "\n|\r\n|", "x" * 500 + "|"]
    for line in table(nasty, [nasty]):
        cells = re.findall(r"(?<!\\)(?:\\\\)*\|", line)
        assert len(cells) == len(nasty) + 1
        assert "\n" not in line
