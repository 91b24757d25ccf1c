"""Tools and calls that stand as text in the turns become fields; what can't be read whole stays text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cockpit.data.examples import read_example
from cockpit.data.shapes import recognise
from cockpit.data.tools import lifted
from tests.data.test_carried import CALL, KNOWS_ALL, TOOL, Attempt, sft
from trainers.spotcheck.rows import training_examples

FUNCTION = TOOL["function"]
HERMES = (
    "You help. You are provided with function signatures within <tools></tools> XML tags. Here are the tools: "
    "<tools> {listed} </tools> For each function call return a json object within <tool_call></tool_call> XML tags "
    "as follows:\n<tool_call>\n{{tool_call}}\n</tool_call>"
)
QWEN = (
    "You help.\n\n# Tools\n\nYou may call functions within <tools></tools> tags:\n<tools>\n{listed}\n</tools>"
)
GLAIVE = "SYSTEM: You help with access to the following functions. Use them if required -\n{listed}"
TAGGED = f"<tool_call>\n{json.dumps(CALL['function'])}\n</tool_call>"
ARGUMENTS = json.dumps(CALL["function"]["arguments"])
QUOTED = f'<functioncall> {{"name": "weather", "arguments": \'{ARGUMENTS}\'}} <|endoftext|>'


def hermes(system: str) -> dict[str, Any]:
    said = [
        ("system", system),
        ("human", "Weather?"),
        ("gpt", TAGGED),
        ("tool", "<tool_response>\n10\n</tool_response>"),
    ]
    return {"conversations": [{"from": who, "value": text} for who, text in [*said, ("gpt", "Ten.")]]}


def glaive(system: str) -> dict[str, Any]:
    said = f"USER: Weather?\n\n\nASSISTANT: {QUOTED}\n\n\nFUNCTION RESPONSE: 10\n\n\nASSISTANT: Ten. <|endoftext|>"
    return {"system": system, "chat": said}


@pytest.mark.parametrize(
    "row",
    [
        hermes(HERMES.format(listed=json.dumps([TOOL]))),
        hermes(HERMES.format(listed=json.dumps([FUNCTION]))),
        hermes(QWEN.format(listed=json.dumps(TOOL))),
        glaive(GLAIVE.format(listed=json.dumps(FUNCTION, indent=4))),
    ],
    ids=["hermes", "hermes-bare", "qwen", "glaive"],
)
def test_every_text_form_becomes_the_same_conversation(row: dict[str, Any]) -> None:
    reading = recognise([row] * 3)
    assert "messages" in reading.columns
    columns = {column: role for role, column in reading.columns.items()}
    chat, tools, _ = lifted(read_example(row, columns).chat)
    assert list(tools) == [TOOL]
    assert chat[0]["content"].startswith("You help")
    assert "<tool" not in chat[0]["content"]
    assert [(turn["role"], turn["content"]) for turn in chat[1:]] == [
        ("user", "Weather?"), ("assistant", ""), ("tool", "10"), ("assistant", "Ten.")
    ]  # fmt: skip
    assert [call["function"] for call in chat[2]["tool_calls"]] == [CALL["function"]]
    made = sft(row, **columns)
    assert json.loads(made[-1]["tools"]) == [TOOL]


@pytest.mark.parametrize("system", ["", f"<tools>{json.dumps([TOOL])}</tools>"], ids=["none", "all-tools"])
def test_weights_stay_with_their_turns_where_results_share_one(system: str) -> None:
    results = "<tool_response>10</tool_response><tool_response>11</tool_response>"
    said = [
        *([("system", system, 0)] if system else []), ("human", "Weather?", 0), ("gpt", TAGGED, 1),
        ("tool", results, 0), ("gpt", "Ten.", 0), ("human", "And then?", 0), ("gpt", "Eleven.", 1),
    ]  # fmt: skip
    row = {"conversations": [{"from": who, "value": text, "weight": weight} for who, text, weight in said]}
    called, last = sft(row)
    assert called["completion"][0]["tool_calls"][0]["function"] == CALL["function"]
    assert last["completion"][0]["content"] == "Eleven."
    assert [turn["content"] for turn in last["prompt"] if turn["role"] == "tool"] == ["10", "11"]
    recipe: Any = Attempt().recipe
    plain = {"prompt": "a", "completion": "b"}
    many, other = training_examples([row, plain], recipe, KNOWS_ALL)
    assert [made["completion"][0]["content"] for made in many] == ["", "Eleven."]
    assert [made["completion"][0]["content"] for made in other] == ["b"]


@pytest.mark.parametrize(
    "text",
    ["<tool_call>\n{'name': weather}\n</tool_call>", "I'd write <tool_call> here.", "<functioncall> soon"],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    chat = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": text}]
    assert lifted(chat) == (chat, (), [0, 1])


def test_a_template_that_knows_no_tools_learns_the_text() -> None:
    from tests.data.test_carried import KNOWS_NONE

    made = sft(hermes(QWEN.format(listed=json.dumps(TOOL))), tokenizer=KNOWS_NONE)
    assert made[0]["completion"] == [{"role": "assistant", "content": TAGGED}]
    assert "tools" not in made[0]
