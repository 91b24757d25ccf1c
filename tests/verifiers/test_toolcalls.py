"""Tool calls are compared as JSON: the form, the order of keys and the order of calls don't matter; all else does."""

from __future__ import annotations

import json

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.verifiers import load, selfcheck

A = {"name": "weather", "arguments": {"city": "Rome", "days": 2}}
B = {"name": "time", "arguments": {}}
OPENAI = {"tool_calls": [{"id": "1", "type": "function",
                          "function": {"name": "weather", "arguments": '{"days": 2, "city": "Rome"}'}}]}  # fmt: skip
PASS, FAIL, UNPARSED = "pass", "fail", "unparsed"
HERMES = f"<tool_call>\n{json.dumps(A)}\n</tool_call>"


@pytest.mark.parametrize(
    ("completion", "gold", "expected"),
    [
        (HERMES, [A], PASS),
        (f"I look it up.\n{HERMES}\n<tool_call>{json.dumps(B)}</tool_call>", [B, A], PASS),
        (json.dumps([A, B]), [B, A], PASS),
        (json.dumps(OPENAI), [A], PASS),
        (json.dumps(OPENAI["tool_calls"]), [A], PASS),
        (json.dumps({"function_call": A}), [A], PASS),
        (f"<functioncall> {json.dumps(A)} <|endoftext|>", [A], PASS),
        ("""<functioncall> {"name": "weather", "arguments": '{"city": "Rome", "days": 2}'} <|endoftext|>""", [A], PASS),
        (f"[TOOL_CALLS][{json.dumps(A)}]", [A], PASS),
        ('{"name": "weather", "parameters": {"days": 2.0, "city": "Rome"}}', [A], PASS),
        (f"```json\n{json.dumps(A)}\n```", [A], PASS),
        (HERMES, json.dumps([A]), PASS),
        (HERMES, f"Sure.\n{HERMES}", PASS),
        (HERMES, [OPENAI], PASS),
        ("It is sunny.", [], PASS),
        (HERMES, [], FAIL),
        ("It is sunny.", [A], UNPARSED),
        (f"{HERMES}\n{HERMES}", [A], FAIL),
        (json.dumps([A]), [A, B], FAIL),
        (HERMES.replace("Rome", "rome"), [A], FAIL),
        (HERMES.replace("2", "true"), [{**A, "arguments": {"city": "Rome", "days": 1}}], FAIL),
        (HERMES.replace('"days": 2', '"days": "2"'), [A], FAIL),
        (HERMES.replace('"days": 2', '"days": 2, "x": null'), [A], FAIL),
        (HERMES.removesuffix("</tool_call>"), [A], UNPARSED),
        (f"{HERMES}\n<tool_call>{{broken</tool_call>", [A], UNPARSED),
        (HERMES.replace("</tool_call>", "and more</tool_call>"), [A], UNPARSED),
        (HERMES.replace(": 2", ": NaN"), [A], UNPARSED),
        ("[" * 100_000, [A], UNPARSED),
        ('{"name": "f", "arguments": ' + '{"a":' * 500 + "1" + "}" * 501, [A], UNPARSED),
        ("<tool_call>" * 10_000, [A], UNPARSED),
    ],
)  # fmt: skip
def test_tool_calls(completion: str, gold: object, expected: str) -> None:
    verdict = load("tool-call")(completion, {"answer": gold})
    assert (UNPARSED if not verdict.parsed else PASS if verdict.passed else FAIL) == expected, verdict.why
    assert verdict.why


def test_why_names_what_differs() -> None:
    verifier = load("tool-call")
    assert "wanted 'weather'" in verifier(json.dumps([B]), {"answer": [A]}).why
    assert '"city": "Paris"' in verifier(HERMES.replace("Rome", "Paris"), {"answer": [A]}).why
    assert "never closed" in verifier(HERMES[:-5], {"answer": [A]}).why


def test_gold_calls_are_read_from_the_fields_columns_and_checked() -> None:
    verifier = load("tool-call")
    assert selfcheck(
        verifier, [{"answer": [A]}, {"tool_calls": OPENAI["tool_calls"]}, {"answers": json.dumps([A])}]
    ).ok
    with pytest.raises(CockpitError, match="no tool calls"):
        verifier(HERMES, {"answer": "sunny"})
    with pytest.raises(CockpitError, match="no column 'answer'"):
        verifier(HERMES, {"question": "?"})
