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


QWEN = (
    "<function={0}>\n<parameter=city>\nRome\n</parameter>\n<parameter=days>\n{1}\n</parameter>\n</function>"
)
GLM = "".join(
    ["<tool_call>weather\n"]
    + [
        f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n"
        for key, value in (("city", "Rome"), ("days", 2))
    ]
    + ["</tool_call>"]
)
WEATHER = QWEN.format("weather", "2")
NOTE = {"name": "note", "arguments": {"text": "5", "keep": True}}
TAGGED_NOTE = "<function=note><parameter=text>5</parameter><parameter=keep>True</parameter></function>"


@pytest.mark.parametrize(
    ("completion", "gold", "expected"),
    [
        (f"<tool_call>\n{WEATHER}\n</tool_call>", [A], PASS),
        (f"Let me see.\n{WEATHER}", [A], PASS),
        (f"<tool_call>{WEATHER}</tool_call>\n<tool_call><function=time>\n</function></tool_call>", [B, A], PASS),
        (TAGGED_NOTE, [NOTE], PASS),  # between tags a text has no type
        (TAGGED_NOTE.replace("5", "6"), [NOTE], FAIL),
        (QWEN.format("weather", "3"), [A], FAIL),
        (QWEN.format("time", "2"), [A], FAIL),
        (WEATHER.removesuffix("</function>"), [A], UNPARSED),
        (GLM, [A], PASS),
        (f"{GLM}\n<tool_call>time\n</tool_call>", [A, B], PASS),
        (GLM.removesuffix("</tool_call>"), [A], UNPARSED),
        ('[weather(city="Rome", days=2)]', [A], PASS),
        ('<|python_start|>[weather(city="Rome", days=2), time()]<|python_end|>', [B, A], PASS),
        ('[weather(city="Rome", days="2")]', [A], FAIL),  # Python says which it is
        ('[weather("Rome", 2)]', [A], UNPARSED),
        ('[weather(city=open("x"), days=2)]', [A], UNPARSED),
        ('I would say [weather(city="Rome", days=2)]', [A], UNPARSED),
        ('[TOOL_CALLS]weather[ARGS]{"city": "Rome", "days": 2}', [A], PASS),
        ('[TOOL_CALLS]weather{"city": "Rome", "days": 2}[TOOL_CALLS]time{}', [B, A], PASS),
        ('[TOOL_CALLS]weather{"city": "Rome", "days"', [A], UNPARSED),
        (f"{WEATHER}\n{HERMES.replace('weather', 'delete_all')}", [A], UNPARSED),  # nothing is left out
        (f"{HERMES.replace('weather', 'delete_all')}\n{WEATHER}", [A], UNPARSED),
        (f"{WEATHER}\n<tool_call>\n{{", [A], UNPARSED),
        (WEATHER.replace("<parameter=days>", "and <parameter=days>"), [A], UNPARSED),
        (WEATHER.replace("</function>", "<parameter=days>\n3\n</parameter></function>"), [A], UNPARSED),
        (f'[TOOL_CALLS][{json.dumps(A)}][TOOL_CALLS]time{{}}', [B], UNPARSED),
        ('[weather(city="Rome", **{"days": 2})]', [A], UNPARSED),
        ('[TOOL_CALLS]weather[ARGS]{"city": ' + "[" * 3000 + "]" * 3000 + "}", [A], UNPARSED),
        ("<function=f>" * 10_000, [A], UNPARSED),
        ("<tool_call>f<arg_key>" * 9_000, [A], UNPARSED),
        ("[f(" + "(" * 19_000 + ")]", [A], UNPARSED),
    ],
)  # fmt: skip
def test_other_spellings_of_calls(completion: str, gold: object, expected: str) -> None:
    verdict = load("tool-call")(completion, {"answer": gold})
    assert (UNPARSED if not verdict.parsed else PASS if verdict.passed else FAIL) == expected, verdict.why


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
