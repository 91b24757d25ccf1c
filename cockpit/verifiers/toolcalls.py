"""Tool calls as models write them, compared as JSON: names and arguments; the order of keys and of calls is free.

Read: `<tool_call>{…}</tool_call>` (Hermes, Qwen), `<functioncall> {…}` (glaive, arguments also in single quotes),
`[TOOL_CALLS][…]` (Mistral), OpenAI's `tool_calls` and `function_call`, a plain call or list of calls, and what
`call_spellings` knows. Arguments may be an object or JSON text. Words round the calls are free. Nothing is guessed: a
call that can't be read whole makes the answer unreadable.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.verifiers.call_spellings import Spelt, spelt
from cockpit.verifiers.verdict import Found, Verdict

GOLD_COLUMNS = ("tool_calls", "answers", "function_call", "calls")
_ARGUMENTS = ("arguments", "parameters", "input", "args")
_LISTS = ("tool_calls", "function_call", "answers")
_MAX_DEPTH, _MAX_CHARS, _TRIES = 64, 200_000, 64
_BLOCK = re.compile(r"<tool_call>(.*?)(</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_MARKED = re.compile(r"<functioncall>|\[TOOL_CALLS\]")
_QUOTED = re.compile(
    r"\s*\{\s*\"name\"\s*:\s*(\"(?:[^\"\\]|\\.)*\")\s*,\s*\"arguments\"\s*:\s*'(.*?)'\s*\}(?=\s*(?:<|\Z))",
    re.DOTALL,
)
_DECODER = json.JSONDecoder(parse_constant=lambda name: _refuse(name))
Call = tuple[str, str]
"""A name, and the arguments as canonical JSON."""


class Unreadable(Exception):
    """What looks like a call can't be read as one; says why."""


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def read_calls(text: str) -> tuple[list[Call], tuple[int, int]] | None:
    """Read the calls in `text`, and where they stand; None where there are none. Raises Unreadable."""
    if len(text) > _MAX_CHARS:
        raise Unreadable(f"it is longer than {_MAX_CHARS:,} characters")
    if (found := _spelt(text)) is not None:
        return _calls(found.calls), found.span
    blocks = list(_BLOCK.finditer(text))
    if blocks:
        if any(not match[2] for match in blocks):
            raise Unreadable("<tool_call> is never closed: cut off?")
        return [call for match in blocks for call in _calls(_json_from(match[1], 0, whole=True)[0])], (
            blocks[0].start(),
            blocks[-1].end(),
        )
    marks = list(_MARKED.finditer(text))
    if marks:
        calls: list[Call] = []
        end = 0
        for match in marks:
            value, end = _json_from(text, match.end())
            calls += _calls(value)
        return calls, (marks[0].start(), end)
    return _plain(text)


def _spelt(text: str) -> Spelt | None:
    try:
        return spelt(text)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def _plain(text: str) -> tuple[list[Call], tuple[int, int]] | None:
    """The calls of the JSON values in a text without marks: those that are calls, whatever else there is."""
    found: list[Call] = []
    first, at, seen, tries = -1, 0, False, 0
    for match in re.finditer(r"[\[{]", text):
        if match.start() < at:
            continue
        tries += 1
        if tries > _TRIES:
            break
        try:
            value, end = _json_from(text, match.start())
            calls = _calls(value)
        except Unreadable:
            continue
        found += calls
        first, at, seen = (match.start() if first < 0 else first), end, True
    return (found, (first, at)) if seen else None


def _json_from(text: str, start: int, *, whole: bool = False) -> tuple[Any, int]:
    """The JSON value that begins at `start`, and where it ends; glaive's quoted arguments among it."""
    begin = len(text) - len(text[start:].lstrip()) if text[start:].strip() else start
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError):
        quoted = _QUOTED.match(text, begin)
        if quoted is None:
            raise Unreadable("a call is no JSON") from None
        value = {"name": json.loads(quoted[1]), "arguments": quoted[2].replace("\\'", "'")}
        end = quoted.end()
    if whole and text[end:].strip():
        raise Unreadable("something stands after the call's JSON")
    return value, end


def _calls(value: Any, depth: int = 0) -> list[Call]:
    """A value as calls: one, a list of them, or what holds them. Raises Unreadable."""
    if isinstance(value, str) and depth < 3 and value.lstrip()[:1] in ("[", "{"):
        return _calls(_json_from(value, 0, whole=True)[0], depth + 1)
    if isinstance(value, list):
        return (
            [call for item in cast("list[Any]", value) for call in _calls(item, depth + 1)]
            if depth < 3
            else []
        )
    if not isinstance(value, dict):
        raise Unreadable("a call is no object with a name and arguments")
    held = cast("dict[str, Any]", value)
    inner = next((held[key] for key in _LISTS if held.get(key)), None)
    if inner is not None and "name" not in held:
        return _calls(inner, depth + 1)
    function = held.get("function")
    call = cast("dict[str, Any]", function) if isinstance(function, dict) else held
    name = call.get("name")
    given: Any = next((call[key] for key in _ARGUMENTS if key in call), None)
    if not isinstance(name, str) or not name or (given is None and call is held and set(held) != {"name"}):
        raise Unreadable("a call is no object with a name and arguments")
    if isinstance(given, str):
        given = _json_from(given, 0, whole=True)[0] if given.strip() else {}
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise Unreadable(f"the arguments of {name[:60]!r} are no object")
    return [(name, json.dumps(_plain_value(given), sort_keys=True, ensure_ascii=False))]


def _plain_value(value: Any, depth: int = 0) -> Any:
    """A JSON value whose text is the same wherever the value is: `1.0` as `1`, no more than so deep."""
    if depth > _MAX_DEPTH:
        raise Unreadable("its arguments are nested too deep")
    if isinstance(value, dict):
        return {key: _plain_value(item, depth + 1) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain_value(item, depth + 1) for item in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@dataclass(frozen=True, slots=True)
class CallsFormat:
    """The answer is what the completion calls."""

    wanted: str = "tool calls, <tool_call>…</tool_call>"

    def find(self, text: str) -> Found | None:
        """Find the calls; a text without any is found whole, for none may be what is wanted."""
        try:
            read = read_calls(text)
        except Unreadable:
            return None
        start, end = read[1] if read else (0, len(text))
        return Found(text[start:end], (start, end)) if text.strip() else None

    def why_not(self, text: str) -> str:
        """Say why a text was not found to call anything."""
        try:
            read_calls(text)
        except Unreadable as error:
            return str(error)
        return "it calls nothing"

    def write(self, answer: str) -> str | None:
        """Write the calls as Hermes does."""
        calls = _gold_calls(answer)
        written = "\n".join(f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {arguments}}}\n</tool_call>'
                            for name, arguments in calls)  # fmt: skip
        return written or "There is no call to make."


def _gold_calls(gold: str) -> list[Call]:
    try:
        read = read_calls(gold)
    except Unreadable as error:
        raise CockpitError(
            f"the gold answer holds no readable tool calls: {error}",
            'Write them as JSON: [{"name": …, "arguments": {…}}]; an empty list where no call is right.',
        ) from None
    if read is None:
        raise CockpitError(
            "the gold answer holds no tool calls",
            'Write them as JSON: [{"name": …, "arguments": {…}}]; an empty list where no call is right.',
        )
    return read[0]


@dataclass(frozen=True)
class CallsJudge:
    """The calls are the gold ones: each as often, with the same arguments."""

    @property
    def version(self) -> str:
        """Nothing but this code decides."""
        return "1"

    def judge(self, found: Found, item: Mapping[str, Any], gold: str) -> Verdict:
        """Compare as multisets."""
        read = read_calls(found.answer)
        said, wanted = Counter(read[0] if read else []), Counter(_gold_calls(gold))
        if said != wanted and (spelling := _spelt(found.answer)) is not None and spelling.untyped:
            wanted = _like(said, wanted)
        if said == wanted:
            why = f"calls {_names(said)}, as wanted" if wanted else "calls nothing, as wanted"
            return Verdict(1.0, True, found.answer, why, found.span)
        if not said:
            return Verdict(0.0, False, None, f"calls nothing, wanted {_names(wanted)}")
        return Verdict(0.0, True, found.answer, _difference(said, wanted), found.span)

    def gold(self, item: Mapping[str, Any]) -> str | None:
        """The gold calls of whatever column holds them, as JSON; text as it stands. Raises CockpitError."""
        for column in ("answer", *GOLD_COLUMNS):
            value = item.get(column)
            if isinstance(value, list | dict):
                value = json.dumps(value, ensure_ascii=False)
            if isinstance(value, str) and value.strip():
                _gold_calls(value)
                return value
        return None

    def perfect(self, item: Mapping[str, Any], gold: str) -> str | None:
        """The gold calls as Hermes writes them."""
        return CallsFormat().write(gold)


def _like(said: Counter[Call], wanted: Counter[Call]) -> Counter[Call]:
    """The wanted calls as what was said reads them, where they are the same as texts: between tags `5` may be "5"."""
    texts = {call: _texts(call) for call in [*said, *wanted]}
    same: Counter[Call] = Counter()
    for call, times in wanted.items():
        twin = next((other for other in said if texts[other] == texts[call]), call)
        same[twin] += times
    return same


def _texts(call: Call) -> tuple[str, tuple[tuple[str, str], ...]]:
    given = cast("dict[str, Any]", json.loads(call[1]))
    return call[0], tuple(
        sorted((key, value if isinstance(value, str) else json.dumps(value)) for key, value in given.items())
    )


def _difference(said: Counter[Call], wanted: Counter[Call]) -> str:
    if Counter(name for name, _ in said.elements()) != Counter(name for name, _ in wanted.elements()):
        return f"calls {_names(said)}, wanted {_names(wanted)}"
    (name, arguments), *_ = (said - wanted).elements()
    right = next((other for known, other in (wanted - said).elements() if known == name), "")
    return f"calls {name[:60]!r} with {arguments[:100]}, wanted {right[:100]}"


def _names(calls: Counter[Call]) -> str:
    return (
        ", ".join(repr(name[:60]) for name in sorted(name for name, _ in calls.elements())[:5]) or "nothing"
    )
