"""Recognise the chat template that a text was written with, and the cue that a set of prompts ends on.

Told by the markers that each family writes around its turns. Prompts and targets in a data file should hold none:
the tokenizer's own template puts them there, and a second set inside the first one is a template applied twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_SEEN = 20_000
FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ChatML", re.compile(r"<\|im_start\|>|<\|im_end\|>")),
    ("Llama 3", re.compile(r"<\|start_header_id\|>|<\|eot_id\|>")),
    ("Llama 4", re.compile(r"<\|header_start\|>|<\|eot\|>")),
    ("Llama 2 / Mistral", re.compile(r"\[INST\]|\[/INST\]|<<SYS>>")),
    ("Gemma", re.compile(r"<start_of_turn>|<end_of_turn>|<\|turn>|<turn\|>")),
    ("Phi / Zephyr", re.compile(r"<\|(?:user|assistant|system)\|>")),
    ("Harmony", re.compile(r"<\|channel\|>|<\|start\|>(?:user|assistant|system)")),
    ("DeepSeek", re.compile(r"<｜(?:User|Assistant|begin▁of▁sentence)｜>")),
    ("Alpaca", re.compile(r"^### ?(?:Instruction|Response):?", re.MULTILINE)),
    ("Vicuna", re.compile(r"^(?:USER|ASSISTANT): ", re.MULTILINE)),
    ("Human / Assistant", re.compile(r"^(?:Human|Assistant): ?", re.MULTILINE)),
)
# After these the answer begins: a text that was rendered already can be cut there.
_ANSWER_STARTS = re.compile(
    r"<\|im_start\|>assistant\n|<\|start_header_id\|>assistant<\|end_header_id\|>\n\n|"
    r"<\|header_start\|>assistant<\|header_end\|>\n\n|\[/INST\] ?|<start_of_turn>model\n|<\|turn>model\n|"
    r"<\|assistant\|>\n?|<｜Assistant｜>|^### ?Response:?\s*|^ASSISTANT: |^Assistant: ?",
    re.MULTILINE,
)
_ANSWER_ENDS = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<\|eot\|>|<end_of_turn>|<turn\|>|<\|end\|>|<\|endoftext\|>|</s>|<｜end▁of▁sentence｜>|<\|user\|>|"
    r"^### ?Instruction|^USER: |^Human: ?",
    re.MULTILINE,
)
_ASKED_STARTS = re.compile(
    r"<\|im_start\|>user\n|<\|start_header_id\|>user<\|end_header_id\|>\n\n|<\|header_start\|>user<\|header_end\|>\n\n|"
    r"\[INST\] ?|<start_of_turn>user\n|<\|turn>user\n|<\|user\|>\n?|<｜User｜>|<\|start\|>user<\|message\|>|"
    r"^### ?Instruction:?\s*|^USER: |^Human: ?|\Auser\n",
    re.MULTILINE,
)
_CUE_SHARE = 0.8
_CUE_CHARS = 40


def family(text: str) -> str | None:
    """The template family whose markers stand in `text`; None for plain text."""
    seen = text[:_SEEN]
    return next((name for name, markers in FAMILIES if markers.search(seen)), None)


def marker(text: str) -> tuple[int, int] | None:
    """Where the first marker of the text's family stands."""
    for _, markers in FAMILIES:
        match = markers.search(text[:_SEEN])
        if match is not None:
            return match.span()
    return None


def rendered_answer(text: str) -> tuple[int, int] | None:
    """Where the last answer stands in a text that was rendered already; None where no turn of the model's opens."""
    start = max((hit.end() for hit in _ANSWER_STARTS.finditer(text)), default=None)
    if start is None:
        return None
    end = _ANSWER_ENDS.search(text, start)
    return start, end.start() if end else len(text)


def asked(prompt: str) -> str:
    """Return what a rendered prompt asks: its last user's turn, without markers; a plain text as it is."""
    seen = prompt[-_SEEN:]
    start = max((hit.end() for hit in _ASKED_STARTS.finditer(seen)), default=None)
    if start is None:
        return prompt
    ends = [hit.start() for marks in (_ANSWER_ENDS, _ANSWER_STARTS) if (hit := marks.search(seen, start))]
    said = seen[start : min(ends, default=None)]
    return said.strip() or prompt


def cue(prompts: Sequence[str]) -> str:
    """The last words that most prompts end on and that call for the answer (`Answer:`, `### Response:`); else empty."""
    ends = Counter(found for prompt in prompts if (found := _own_cue(prompt)))
    if not ends:
        return ""
    best, count = ends.most_common(1)[0]
    return best if count >= _CUE_SHARE * len(prompts) else ""


def _own_cue(prompt: str) -> str:
    line = prompt.rstrip().rsplit("\n", 1)[-1].strip()
    return line if line.endswith((":", "：", "->", "=>")) and len(line) <= _CUE_CHARS else ""
