r"""Where and how a text states its answer, and how the same answer reads in another form.

`answer_formats` names the form of a whole data set; this finds the place in one text, so that two sides can be laid
beside each other, the difference marked, and an answer put into the other side's form. Linear in the text's length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from cockpit.data.answer_formats import SHORT_CHARS, SHORT_WORDS
from cockpit.verifiers import latex, numbers
from cockpit.verifiers.formats import BoxedFormat, HashesFormat, TaggedFormat
from cockpit.verifiers.toolcalls import Unreadable, read_calls
from cockpit.verifiers.verdict import Span

BARE, LETTER, LAST_LINE = "a bare answer", "a bare letter", "a bare last line"
_THOUGHT = re.compile(r"</(?:think|thinking|reasoning|scratchpad)>\s*", re.IGNORECASE)
_OPEN_THOUGHT = re.compile(r"<(?:think|thinking|reasoning|scratchpad)>", re.IGNORECASE)
_CLOSING = re.compile(r"</([A-Za-z][\w.-]{0,40})>")
# Tags that structure a text rather than state its answer.
_STRUCTURE = frozenset(
    [
        "think",
        "thinking",
        "reasoning",
        "scratchpad",
        "p",
        "b",
        "i",
        "u",
        "em",
        "strong",
        "code",
        "pre",
        "div",
        "span",
        "a",
        "li",
        "ul",
        "ol",
        "br",
        "h1",
        "h2",
        "h3",
        "table",
        "tr",
        "td",
        "tool_call",
        "function",
        "parameter",
    ]
)
# `ANSWER: 18`, `**Final answer:** 18`, `答案：18`. The label is kept as it is written: a pattern may care.
_LINE = re.compile(
    r"(?:^|(?<=[\n.!?。！？]))[ \t>*_#-]{0,8}"
    r"((?:the |my |so the )?(?:final |correct )?(?:answer|ans|result|solution|antwort|réponse|respuesta|resposta|risposta|"
    r"ответ|答案|最终答案|答|解答|정답|답|الجواب|الإجابة|תשובה)(?: is)?)[*_]{0,3}[ \t]?[:：=][*_]{0,3}[ \t]*",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"\b((?:the |so the |therefore,? the |my )?(?:final |correct )?answer is)[ \t]*(?![:：=\s])",
    re.IGNORECASE,
)
_EQUATION = re.compile(r"[^=\n]{1,60}=[ \t]*([^=\n]{1,40})")
_LETTER = re.compile(r"\(?[A-J]\)?[.:)]?", re.ASCII)
_TAIL = 4_000  # the answer stands near the end; nobody states it and then goes on for pages


@dataclass(frozen=True, slots=True)
class Stated:
    """An answer in a text: its form and label, the answer itself, and where both stand.

    `form`: calls, boxed, hashes, tagged, json, line, sentence, equation, bare, last-line. `label`: how it is shown and
    compared (`\\boxed{…}`, `ANSWER: …`). `span`: the answer alone; `whole`: with its marker. Offsets in characters.
    """

    form: str
    label: str
    answer: str
    span: Span
    whole: Span

    @property
    def is_bare(self) -> bool:
        """Whether nothing marks it."""
        return self.form in ("bare", "last-line")


def stated(text: str) -> Stated | None:
    """Find the last answer that `text` states, whatever the form; None for prose that marks none."""
    start = max(after_thought(text), len(text) - _TAIL)
    found = [hit for find in _FINDERS if (hit := find(text, start)) is not None]
    if found:
        last = max(hit.span[1] for hit in found)
        # `Answer: \boxed{18}` is a box: the innermost form holds the answer, and the first finders are the explicit ones.
        return next(hit for hit in found if hit.span[1] == last or _holds(found, hit, last))
    return _json(text, start) or _bare(text, start)


def states(text: str, answer: str) -> bool:
    """Whether the answer that `text` states last, in whatever form, is this one: the same number, or the same words."""
    found = stated(text)
    if found is None:
        return False
    said, wanted = numbers.parse(found.answer), numbers.parse(answer)
    if said is not None and wanted is not None:
        return numbers.same_number(said, wanted)
    return latex.canonical(found.answer).casefold() == latex.canonical(answer).casefold() != ""


def after_thought(text: str) -> int:
    """Where the answer proper begins: behind the last block of thinking, or at 0."""
    return max((hit.end() for hit in _THOUGHT.finditer(text)), default=0)


def has_thought(text: str) -> bool:
    """Whether a block of thinking opens in `text`."""
    return _OPEN_THOUGHT.search(text) is not None


def replace_answer(text: str, found: Stated, written: str) -> str:
    """`text` with its marked answer replaced by `written`, which brings its own marker."""
    return text[: found.whole[0]] + written + text[found.whole[1] :]


def rewrap(found: Stated, text: str, answer: str) -> str:
    """`answer` in the form in which `text` states its own: the marker alone, without what stands before it."""
    return text[found.whole[0] : found.span[0]] + answer + text[found.span[1] : found.whole[1]]


def _holds(found: list[Stated], hit: Stated, last: int) -> bool:
    """Whether `hit` lies within the form that ends last."""
    outer = next(other for other in found if other.span[1] == last)
    return outer is not hit and outer.span[0] <= hit.whole[0] and hit.whole[1] <= outer.span[1]


def _boxed(text: str, start: int) -> Stated | None:
    found = BoxedFormat().find(text[start:]) if "\\boxed" in text or "\\fbox" in text else None
    if found is None:
        return None
    span = (found.span[0] + start, found.span[1] + start)
    head = max(text.rfind("\\boxed", start, span[0]), text.rfind("\\fbox", start, span[0]))
    tail = text.find("}", span[1])
    whole = (max(head, start), tail + 1 if tail >= 0 else span[1])
    for fence in ("$$", "$"):
        if text.endswith(fence, 0, whole[0]) and text.startswith(fence, whole[1]):
            whole = (whole[0] - len(fence), whole[1] + len(fence))
            break
    return Stated("boxed", "\\boxed{…}", found.answer, span, whole)


def _hashes(text: str, start: int) -> Stated | None:
    at = text.rfind("####", start)
    if at < 0:
        return None
    rest = text[at + 4 :]
    # A Markdown heading of the fourth level opens a section; GSM8K's marker is the last line.
    if "\n" in rest.strip() or len(rest.strip()) > SHORT_CHARS:
        return None
    found = HashesFormat().find(text[at:])
    if found is None:
        return None
    span = (found.span[0] + at, found.span[1] + at)
    return Stated("hashes", "#### …", found.answer, span, (at, len(text.rstrip())))


def _tagged(text: str, start: int) -> Stated | None:
    last = None
    for match in _CLOSING.finditer(text, start):
        if match.group(1).lower() not in _STRUCTURE:
            last = match
    if last is None:
        return None
    tag = last.group(1)
    found = TaggedFormat(tag).find(text[start : last.end()])
    if found is None or len(found.answer) > 200:
        return None
    span = (found.span[0] + start, found.span[1] + start)
    head = text.rfind(f"<{tag}>", start, span[0] + 1)
    return Stated("tagged", f"<{tag}>…</{tag}>", found.answer, span, (head, last.end()))


def _calls(text: str, start: int) -> Stated | None:
    """Tool calls are an answer whole: their marks are the model's own, and no verifier wants the JSON apart."""
    if not any(mark in text[start:] for mark in ("</tool_call>", "</function>")):
        return None
    try:
        read = read_calls(text[start:])
    except Unreadable:
        return None
    if not read or not read[0]:
        return None
    span = (read[1][0] + start, read[1][1] + start)
    return Stated("calls", "<tool_call>…</tool_call>", text[span[0] : span[1]], span, span)


def _labelled(pattern: re.Pattern[str], form: str, shown: str, text: str, start: int) -> Stated | None:
    last = None
    for match in pattern.finditer(text, start):
        last = match
    if last is None:
        return None
    end = text.find("\n", last.end())
    end = len(text) if end < 0 else end
    answer = text[last.end() : end].strip().strip("*_").strip()
    bare = answer.rstrip(".。") or answer
    if not bare or len(bare) > 2 * SHORT_CHARS:
        return None
    at = text.index(bare, last.end())
    head = last.start() + len(last.group()) - len(last.group().lstrip())
    stop = at + len(bare)
    while stop < end and text[stop] in ("*_" if form == "line" else "*_.。"):
        stop += 1
    return Stated(form, shown.format(last.group(1).strip()), bare, (at, at + len(bare)), (head, stop))


def _json(text: str, start: int) -> Stated | None:
    body = text[start:].strip()
    if not (body.startswith("{") and body.endswith("}")):
        return None
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    key = next((k for k in fields if k.lower() in ("answer", "final_answer", "result", "choice")), None)
    if key is None or isinstance(fields[key], dict | list):
        return None
    answer = str(fields[key])
    at = text.rfind(answer, start)
    if at < 0:
        return None
    begin = text.index("{", start)
    return Stated("json", f'{{"{key}": …}}', answer, (at, at + len(answer)), (begin, begin + len(body)))


def _bare(text: str, start: int) -> Stated | None:
    """A text that is nothing but an answer, or whose last line is."""
    begin = start + len(text[start:]) - len(text[start:].lstrip())
    end = len(text.rstrip())
    if begin >= end:
        return None
    body = text[begin:end]
    if "\n" not in body:
        return _one_line(body, begin)
    line = body.rsplit("\n", 1)[1]
    at = end - len(line.lstrip())
    answer = line.strip().rstrip(".")
    if _LETTER.fullmatch(line.strip()) or numbers.parse(answer) is not None:
        return Stated("last-line", LAST_LINE, answer, (at, at + len(answer)), (at, end))
    return None


def _one_line(body: str, begin: int) -> Stated | None:
    if len(body) > SHORT_CHARS:
        return None
    span = (begin, begin + len(body))
    if _LETTER.fullmatch(body):
        letter = body.strip("().:")
        at = begin + body.index(letter)
        return Stated("bare", LETTER, letter, (at, at + len(letter)), span)
    equation = _EQUATION.fullmatch(body)
    if equation:
        answer = equation.group(1).strip().rstrip(".")
        at = begin + body.rindex(answer)
        return Stated("equation", "… = …", answer, (at, at + len(answer)), span)
    if numbers.parse(body.rstrip(".")) is not None or (len(body.split()) <= SHORT_WORDS and body[-1:] != ":"):
        answer = body.rstrip(".") or body
        return Stated("bare", BARE, answer, (begin, begin + len(answer)), span)
    return None


_Finder = Callable[[str, int], "Stated | None"]
_FINDERS: tuple[_Finder, ...] = (
    _calls,
    _boxed,
    _hashes,
    _tagged,
    partial(_labelled, _LINE, "line", "{}: …"),
    partial(_labelled, _SENTENCE, "sentence", "the answer is …"),
)
