"""What became of a conversation's turns in the rendered text: which stand in it, and whose tokens train.

Texts that were rendered before they got into the file are read back into turns by the template's own markers, so that
they can be compared with what the template would make of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.data.messages import THOUGHT, Message, thought_of
from trainers.spotcheck.tokens import Encoded

_SAID = ("xqa1qx", "xan1nx", "xqa2qx", "xan2nx")
_SYSTEM = "xsy0yx"


def lost_thoughts(turns: Sequence[Message], text: str) -> int:
    """How many of the assistant's turns think in the data, but not in the rendered text."""
    thoughts = [thought_of(turn) for turn in turns if turn["role"] == "assistant"]
    return sum(bool(thought) and thought not in text for thought in thoughts)


def unsaid(turns: Sequence[Message], text: str) -> list[str]:
    """Roles of the turns that are asked, and that the template leaves out."""
    asked = [turn for turn in turns if turn["role"] in ("system", "user")]
    return [turn["role"] for turn in asked if str(turn["content"]).strip() not in text]


def by_role(turns: Sequence[Message], encoded: Encoded, kept: Sequence[bool]) -> dict[str, list[int]]:
    """Tokens of each role, and how many of them are trained; what no turn says is the template's.

    What is trained outside of others' turns counts as the assistant's: its end token, its calls.
    """
    places: list[tuple[int, int, str]] = []
    at = 0
    for turn in turns:
        for said in _parts(turn, encoded.text):
            place = encoded.text.find(said, at)
            if place >= 0:
                at = place + len(said)
                places.append((place, at, turn["role"]))
    made: dict[str, list[int]] = {}
    index = 0
    for on, (begin, end) in zip(kept, encoded.spans, strict=True):
        while index < len(places) and places[index][1] <= begin:
            index += 1
        inside = end > begin and index < len(places) and places[index][0] <= begin and end <= places[index][1]
        role = places[index][2] if inside else "assistant" if on else "template"
        count = made.setdefault(role, [0, 0])
        count[0] += 1
        count[1] += on
    return made


def _parts(turn: Message, text: str) -> list[str]:
    """What of a turn is looked for in the text: its thinking, and what it says (less thinking that is gone)."""
    said = str(turn["content"]).strip()
    if turn["role"] != "assistant":
        return [said] if said else []
    own = str(turn.get("reasoning_content") or "").strip()
    if said not in text:
        said = THOUGHT.sub("", said).strip()
    return [part for part in (own, said) if part]


@dataclass(frozen=True)
class Markers:
    """What a chat template writes around turns, told by rendering words that no data holds."""

    opening: str
    """Before what the user says, and nothing that belongs to an earlier turn."""
    answer: str
    """Between what the user says and the answer."""
    following: str
    """Between an answer and what the user says next."""
    end: str
    system: tuple[str, str] | None
    """Before and after a system prompt, up to the user's text; None where the template takes none."""

    @classmethod
    def of(cls, tokenizer: Any, errors: tuple[type[Exception], ...]) -> Markers | None:
        """Return the template's markers; None where it has none to tell turns by."""
        if tokenizer.chat_template is None:
            return None
        chat = [{"role": role, "content": said}
                for role, said in zip(("user", "assistant") * 2, _SAID, strict=True)]  # fmt: skip
        text = _rendered(tokenizer, chat, errors)
        parts = re.split("|".join(_SAID), text)
        if len(parts) != 5 or parts[1] != parts[3] or not parts[1].strip() or not parts[2].strip():
            return None
        head, answer, following, _, end = parts
        opening = _common_end(head, following)
        if end.strip() and following.startswith(end.rstrip()):
            opening = _common_end(opening, following[len(end.rstrip()) :])
        system = None
        with_system = _rendered(tokenizer, [{"role": "system", "content": _SYSTEM}, *chat[:2]], errors)
        around = re.split(f"{_SYSTEM}|{_SAID[0]}", with_system)
        if len(around) == 3:
            system = (around[0], around[1])
        return cls(opening, answer, following, end, system)

    def turns_in(self, text: str, bos: str | None) -> list[Message] | None:
        """The turns of a text that was rendered already, whatever its blanks; None where it isn't this template's."""
        body = text.lstrip()
        while bos and body.startswith(bos):
            body = body.removeprefix(bos).lstrip()
        made: list[Message] = []
        start = re.match(_loose(self.opening), body)
        if start is None and self.system is not None:
            before, after = (part.removeprefix(bos or "") for part in self.system)
            start = re.match(f"{_loose(before)}(.*?){_loose(after)}", body, re.DOTALL)
            if start is not None:
                made.append({"role": "system", "content": start[1].strip()})
        if start is None:
            return None
        at, role = start.end(), "user"
        ends = {"user": re.compile(_loose(self.answer)), "assistant": re.compile(_loose(self.following))}
        while (hit := ends[role].search(body, at)) is not None:
            made.append({"role": role, "content": body[at : hit.start()].strip()})
            at, role = hit.end(), "assistant" if role == "user" else "user"
        if role == "user":
            return None
        last = body[at:].partition(self.end.strip())[0] if self.end.strip() else body[at:]
        return [*made, {"role": "assistant", "content": last.strip()}]


def _rendered(tokenizer: Any, chat: list[Message], errors: tuple[type[Exception], ...]) -> str:
    try:
        return str(tokenizer.apply_chat_template(chat, tokenize=False))
    except errors:
        return ""


def _common_end(left: str, right: str) -> str:
    length = 0
    while length < min(len(left), len(right)) and left[-1 - length] == right[-1 - length]:
        length += 1
    return left[len(left) - length :]


def _loose(text: str) -> str:
    """A pattern for the words of `text`, with any blanks between them, or none."""
    return r"\s*".join(re.escape(word) for word in text.split())
