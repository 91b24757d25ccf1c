"""Calls that models write otherwise than as JSON objects: tags an argument, Python, a name before its arguments.

Read: `<function=name><parameter=key>value</parameter></function>` (Qwen3-Coder), `<tool_call>name<arg_key>…</arg_key>
<arg_value>…</arg_value></tool_call>` (GLM-4.5), `[name(key=value), …]` (Llama 3.2, 4), `[TOOL_CALLS]name[ARGS]{…}`
(Mistral since 2025). Each gives the calls as `{"name": …, "arguments": {…}}` and where they stand; None where the text
holds none. What begins like one and can't be read whole raises ValueError.

A call in another spelling beside these, anything else between the tags, and an argument that is given twice make the
text unreadable: nothing is left out.

Values between tags have no type: JSON where they are JSON, else text. `untyped` says so, and the comparison is of their
texts then.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

_FUNCTION = re.compile(r"<function=([^<>\s=]{1,128})>(.*?)(</function>|(?=<function=)|\Z)", re.DOTALL)
_PARAMETER = re.compile(
    r"<parameter=([^<>\s=]{1,128})>\n?(.*?)\n?(?:</parameter>|(?=<parameter=|</function>)|\Z)", re.DOTALL
)
_NAME = re.compile(r"\s*([\w.-]{1,128})\s*")
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_NAMED = re.compile(r"\[TOOL_CALLS\]\s*([\w.-]{1,128})(?:\[CALL_ID\]\w+)?\s*(?:\[ARGS\])?\s*(?=\{)")
_PYTHON = re.compile(
    r"(?:<\|python_start\|>)?\s*(\[\s*[A-Za-z_][\w.]*\(.*\)\s*\])\s*(?:<\|python_end\|>)?", re.DOTALL
)
_DECODER = json.JSONDecoder()
_MOST_PYTHON = 20_000
_MARKS = ("<tool_call>", "<function=", "[TOOL_CALLS]", "<functioncall>")
"""How a call begins in one spelling or another."""
_PYTHONS = {"True": True, "False": False, "None": None}
"""How templates that write a value without JSON spell these."""


@dataclass(frozen=True, slots=True)
class Spelt:
    """Calls and where they stand, in characters; `untyped` where values were text between tags."""

    calls: list[dict[str, Any]]
    span: tuple[int, int]
    untyped: bool = False


def spelt(text: str) -> Spelt | None:
    """Read the calls of `text` in the first of these spellings that it uses. Raises ValueError."""
    for read in (_tagged, _glm, _named, _python):
        try:
            found = read(text)
        except RecursionError:
            raise ValueError("its arguments are nested too deep") from None
        if found is not None:
            if any(mark in text[: found.span[0]] or mark in text[found.span[1] :] for mark in _MARKS):
                raise ValueError("calls in two spellings, or one that is cut off")
            return found
    return None


def _tagged(text: str) -> Spelt | None:
    blocks = list(_FUNCTION.finditer(text)) if "<function=" in text else []
    if not blocks:
        return None
    if any(not block[3] for block in blocks):
        raise ValueError("<function=…> is never closed: cut off?")
    between = [text[one.end() : other.start()] for one, other in itertools.pairwise(blocks)]
    if any(piece.replace("</tool_call>", "").replace("<tool_call>", "").strip() for piece in between):
        raise ValueError("something stands between two calls")
    calls = [{"name": block[1], "arguments": _arguments(_PARAMETER, block[2])} for block in blocks]
    return Spelt(calls, _with_marks(text, blocks[0].start(), blocks[-1].end()), untyped=True)


def _glm(text: str) -> Spelt | None:
    head, *bodies = text.split("<tool_call>")
    calls: list[dict[str, Any]] = []
    rest = ""
    for body in bodies:
        inside, closed, rest = body.partition("</tool_call>")
        name = _NAME.match(inside)
        if not closed or name is None or inside[name.end() :].strip()[:1] not in ("", "<"):
            return None
        calls.append({"name": name[1], "arguments": _arguments(_PAIR, inside[name.end() :])})
    if not calls:
        return None
    return Spelt(calls, (len(head), len(text) - len(rest)), untyped=True)


def _arguments(pattern: re.Pattern[str], body: str) -> dict[str, Any]:
    """The arguments of a call between tags. Raises ValueError for anything else there, and for one given twice."""
    if pattern.sub("", body).strip():
        raise ValueError("something stands beside the arguments of a call")
    pairs = [(key.strip(), _value(said)) for key, said in pattern.findall(body)]
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("an argument is given twice")
    return given


def _named(text: str) -> Spelt | None:
    marks = list(_NAMED.finditer(text)) if "[TOOL_CALLS]" in text else []
    if not marks:
        return None
    if len(marks) < text.count("[TOOL_CALLS]"):
        raise ValueError("calls in two spellings, or one that is cut off")
    calls: list[dict[str, Any]] = []
    end = 0
    for mark in marks:
        if end and text[end : mark.start()].strip():
            raise ValueError("something stands between two calls")
        arguments, end = _DECODER.raw_decode(text, mark.end())
        calls.append({"name": mark[1], "arguments": arguments})
    return Spelt(calls, (marks[0].start(), end))


def _python(text: str) -> Spelt | None:
    """A list of calls by keyword and nothing else, for prose may hold anything between brackets."""
    found = _PYTHON.fullmatch(text.strip()) if len(text) <= _MOST_PYTHON else None
    if found is None:
        return None
    try:
        tree = ast.parse(found[1], mode="eval").body
        nodes = tree.elts if isinstance(tree, ast.List) else []
        calls = [_call(node) for node in nodes]
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError):
        return None
    at = len(text) - len(text.lstrip())
    return Spelt(calls, (at, at + len(text.strip()))) if calls else None


def _call(node: ast.expr) -> dict[str, Any]:
    if not isinstance(node, ast.Call) or node.args or any(given.arg is None for given in node.keywords):
        raise ValueError("no call by keyword")
    return {
        "name": ast.unparse(node.func),
        "arguments": {str(given.arg): _plain(ast.literal_eval(given.value)) for given in node.keywords},
    }


def _plain(value: Any) -> Any:
    """A Python literal as JSON has it. Raises TypeError for what JSON hasn't."""
    return json.loads(json.dumps(value, allow_nan=False))


def _value(said: str) -> Any:
    text = said.strip()
    if text in _PYTHONS:
        return _PYTHONS[text]
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return said


def _with_marks(text: str, start: int, end: int) -> tuple[int, int]:
    """The place with the `<tool_call>` marks round it, if they are there."""
    before = text[:start].rstrip()
    closed = re.match(r"\s*</tool_call>", text[end:])
    opened = len(before) - len("<tool_call>") if before.endswith("<tool_call>") else start
    return (opened, end + closed.end() if closed else end)
