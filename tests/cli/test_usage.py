"""Words that are no command, and options that there are not: refused alike, in a sentence or as JSON."""

from __future__ import annotations

import json

import pytest

from cockpit.cli import BAD_INPUT, main


@pytest.mark.parametrize(
    "words", [["nonsense"], ["nonsense", "--help"], ["help", "nonsense"], ["-C", "ls", "nonsense"]]
)
def test_what_is_no_command_is_refused_whatever_stands_beside_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == BAD_INPUT
    assert "there is no command 'nonsense'" in capsys.readouterr().err


def test_help_is_a_word_too(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help", "show"], ["show", "--help"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
        assert capsys.readouterr().out.startswith("usage: cockpit show")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show"], "the following arguments are required: EXP"),
        (["show", "exp_0001", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["compare", "a", "b", "--x", "hours"], "invalid choice: 'hours'"),
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["env", "frobnicate"], "invalid choice: 'frobnicate'"),
    ],
)
def test_wrong_usage_is_a_sentence_and_json_where_json_was_asked_for(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == BAD_INPUT
    told = capsys.readouterr()
    assert (told.out, says in told.err, "--help" in told.err) == ("", True, True)
    assert main([*words, "--json"]) == BAD_INPUT
    told = capsys.readouterr()
    assert (says in json.loads(told.out)["error"], told.err) == (True, "")
