"""The wizard's last line: the command that does the same as the page is whole, however narrow the terminal."""

from __future__ import annotations

import pytest

from cockpit.services.wizard.page import Choice, Page, Pick
from cockpit.ui.wizard.view import foot_line

CHOICES = (Choice("launch", "launch it"), Choice("leave", "leave it"))


@pytest.mark.parametrize(
    "page",
    [
        Page(("",), "Launch it?", CHOICES, cli_equivalent="cockpit launch exp_0001"),
        Page(("",), "Which?", picks=(Pick(0, "a", "1", "b"),), cli_equivalent="cockpit new grpo"),
        Page(("",), "What?", cli_equivalent="cockpit inspect train.jsonl"),
    ],
)
def test_the_command_is_whole_at_80_columns(page: Page) -> None:
    for width in (79, 159):
        made = foot_line(page, width, busy=False, editing=False)
        assert made.width <= width
        assert "".join(span[0] for span in made.spans).endswith(page.cli_equivalent)
