"""What the columns of a data row mean: prompts, answers, conversations, whatever the field calls them.

The trainers, the judgement and the services all read rows with these functions, so that none of them sees what
another doesn't. `columns` is a recipe's mapping (`{"frage": "prompt"}`) and comes before the usual names.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

from cockpit.data.column_names import USUAL
from cockpit.data.messages import HH_TURN, Message, calls_of, hh_turns, messages_in, transcript, written
from cockpit.data.numbers import as_number
from cockpit.verifiers.toolcalls import GOLD_COLUMNS

Row = dict[str, Any]
Prompt = str | list[Message]
Columns = Mapping[str, str]

ALIASES = USUAL
_NAMED = {ours: frozenset(names) for ours, names in USUAL.items()}
_BLANKS = re.compile(r"\s+")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEVERAL = ("completions", "responses", "answers", "candidates", "generations")
_ANSWER_TEXTS = ("response", "text", "completion", "content", "answer", "output")
_SCORES = ("overall_score", "score", "reward", "rating", "rank_score")
_BOX = frozenset(("text", "answer_start", "ground_truth", "style"))
"""The keys of an answer that is a box around the gold one: SQuAD's and verl's."""
# Which column goes below which prompt, where nobody named it: Alpaca, Dolly, SQuAD, BoolQ.
_BELOW = {"instruction": ("input", "context"), "question": ("context", "passage")}


def value(row: Mapping[str, Any], ours: str, columns: Columns | None = None) -> Any | None:
    """Return what `ours` (prompt, answer …) is in this row: by the given readings first, then by the usual names."""
    found = column_of(row, ours, columns)
    return None if found is None else row[found]


def column_of(row: Mapping[str, Any], ours: str, columns: Columns | None = None) -> str | None:
    """Return the name of the column that is read as `ours`; None where none of them holds anything."""
    if not columns and ours in _NAMED and _NAMED[ours].isdisjoint(row):
        return None  # told fast: every row is asked for every role
    names = ALIASES.get(ours, (ours,))
    if columns:
        for theirs, meaning in columns.items():
            if meaning == ours and row.get(theirs) is not None:
                return theirs
        names = [alias for alias in names if columns.get(alias, ours) == ours]
    for alias in names:
        if row.get(alias) is not None:
            return alias
    return None


def messages_of(row: Mapping[str, Any], columns: Columns | None = None) -> list[Message] | None:
    """Return the row's conversation, its system prompt first; None where it has none."""
    held: object = value(row, "messages", columns)
    chat = transcript(held) if isinstance(held, str) else None
    if isinstance(held, list):
        chat = messages_in(cast("object", held))
    if not chat:
        return None
    system = _system(row, columns)
    return chat if system is None or chat[0]["role"] == "system" else [system, *chat]


def prompt_of(row: Mapping[str, Any], columns: Columns | None = None) -> Prompt | None:
    """Return what is asked: a text, or messages where a system prompt or earlier turns stand before it.

    Alpaca's `input` is put below its instruction, a passage below its question, choices below both.
    """
    asked = value(row, "prompt", columns)
    if asked is None:
        chat = messages_of(row, columns) or []
        while chat and chat[-1]["role"] == "assistant":
            chat = chat[:-1]
        return chat or None
    if isinstance(asked, list | dict):
        turns = messages_in(cast(object, asked))
        if turns is None:
            return None
    else:
        turns = [{"role": "user", "content": _whole_question(str(asked), row, columns)}]
    before = _history(row, columns)
    system = _system(row, columns)
    if system is not None and turns[0]["role"] != "system":
        before = [system, *before]
    return turns[0]["content"] if isinstance(asked, str) and not before else [*before, *turns]


def _system(row: Mapping[str, Any], columns: Columns | None) -> Message | None:
    system = value(row, "system", columns)
    if not isinstance(system, str) or not system.strip():
        return None
    bare = system.removeprefix("SYSTEM:")  # glaive's
    return {"role": "system", "content": system if bare == system else bare.strip()}


def _history(row: Mapping[str, Any], columns: Columns | None) -> list[Message]:
    """LLaMA-Factory's `history`: a list of [instruction, response] pairs; ms-swift's may also be turns."""
    history = value(row, "history", columns)
    if not isinstance(history, list):
        return []
    held = cast("list[object]", history)
    turns: list[Message] = []
    for pair in held:
        if isinstance(pair, list | tuple) and len(cast("list[object]", pair)) == 2:
            asked, said = cast("list[object]", pair)
            turns += [{"role": "user", "content": str(asked)}, {"role": "assistant", "content": str(said)}]
    return turns or messages_in(held) or []


def bare_question(row: Mapping[str, Any], columns: Columns | None = None) -> str | None:
    """Return the prompt without the choices or the passage below it; None where there is nothing of the kind.

    Alpaca's `input` stays: without it an instruction asks something else.
    """
    asked = value(row, "prompt", columns)
    if not isinstance(asked, str):
        return None
    name = below_column(row, columns)
    below = str(row[name]) if name is not None else None
    bare = f"{asked}\n\n{below}" if name == "input" and not _has_lines(asked, str(below)) else asked
    return None if bare == _whole_question(asked, row, columns) else bare


def _whole_question(asked: str, row: Mapping[str, Any], columns: Columns | None) -> str:
    """The prompt with what belongs below it: Alpaca's input, a passage, the choices."""
    parts = [asked]
    name = below_column(row, columns)
    if name is not None and not _has_lines(asked, str(row[name])):
        parts.append(str(row[name]))
    choices = choices_of(row, columns)
    if choices and not all(_has_words(asked, choice) for choice in choices):
        lines = (f"{letter}. {choice}" for letter, choice in zip(_LETTERS, choices, strict=False))
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _has_lines(asked: str, below: str) -> bool:
    """Whether whole lines of the prompt are this text already; a "5" within a line is something else."""
    return f"\n{below.strip()}\n" in f"\n{asked.strip()}\n"


def _has_words(asked: str, choice: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", asked) is not None


def below_column(row: Mapping[str, Any], columns: Columns | None) -> str | None:
    """Return the column whose text goes below the prompt, Alpaca's input or a passage; None where none does."""
    given = columns or {}
    named = [theirs for theirs, ours in given.items() if ours == "input"] if given else []
    usual = [n for n in _BELOW.get(column_of(row, "prompt", columns) or "", ()) if n not in given]
    return next((name for name in named or usual if row.get(name) not in (None, "", [], {})), None)


def choices_of(row: Mapping[str, Any], columns: Columns | None = None) -> list[str]:
    """Return the choices of a multiple-choice question: a list of texts, or ARC's `{"text": […], "label": […]}`."""
    held = value(row, "choices", columns)
    if isinstance(held, dict):
        held = cast("Mapping[str, Any]", held).get("text")
    if not isinstance(held, list):
        return []
    texts = cast("list[object]", held)
    return [str(text) for text in texts] if all(isinstance(t, str | int | float) for t in texts) else []


def gold_of(row: Mapping[str, Any], columns: Columns | None = None) -> str | None:
    """Return the gold answer as text; None where the row has none.

    verl's `reward_model.ground_truth` and the first of several answers count; the place of a choice becomes its letter.
    Tool calls are JSON; an empty list of them, beside tools, says that none is right.
    """
    held: Any = value(row, "answer", columns)
    if (calls := _gold_calls(row, columns, held)) is not None:
        return calls
    if held is None and isinstance(scored := row.get("reward_model"), dict):
        held = cast("Mapping[str, Any]", scored).get("ground_truth")
    choices = choices_of(row, columns)
    if held is None and choices:
        held = row.get("label")
    if isinstance(held, dict):
        answer = cast("Mapping[str, Any]", held)
        held = answer.get("ground_truth", answer.get("text"))
    if isinstance(held, list):
        several = cast("list[object]", held)
        turns = messages_in(several)
        held = turns[-1]["content"] if turns else several[0] if several else None
    if isinstance(held, float) and held.is_integer() and abs(held) < 1e15:
        held = int(held)
    return None if held is None else _letter(held, choices) if choices else str(cast(object, held))


def _gold_calls(row: Mapping[str, Any], columns: Columns | None, answer: object) -> str | None:
    """The gold answer where it is calls, in the answer's column or in one that is named for them."""
    if answer is None:
        answer = next((row[name] for name in GOLD_COLUMNS if row.get(name) is not None), None)
    called = bool(calls_of(answer)) or (answer == [] and _has_tools(row, columns))
    if called:
        return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return None


def checked_answer(row: Mapping[str, Any], columns: Columns | None = None) -> object:
    """Return the gold answer as a verifier reads it: the column's own value, all tests, a number; None where none.

    Only what says nothing by itself is put into words: the place of a choice, turns, SQuAD's and verl's boxes.
    """
    held: Any = value(row, "answer", columns)
    gold = gold_of(row, columns)
    if held is None:
        return gold
    if isinstance(held, float) and held.is_integer() and abs(held) < 1e15:
        held = int(held)
    boxed = isinstance(held, dict) and set(cast("dict[str, Any]", held)) <= _BOX
    turns = messages_in(cast("list[object]", held)) if isinstance(held, list) else None
    placed = not isinstance(held, dict | list) and gold != str(cast("object", held))
    return gold if gold is not None and (boxed or turns or placed) else cast("object", held)


def gold_item(row: Mapping[str, Any], columns: Columns | None = None) -> object:
    """Return what an answer to this row is compared with: the gold answer, else what the row demonstrates.

    None where it has neither: null, NaN and blank text are no answer, wherever rows are scored or sampled for.
    """
    gold = checked_answer(row, columns)
    if not is_blank(gold):
        return gold
    said = answer_text(row, columns) if prompt_of(row, columns) is not None else None
    return None if is_blank(said) else said


def is_blank(gold: object) -> bool:
    """Whether this is no answer: null, NaN (how a table says so) or blank text."""
    return gold is None or gold != gold or (isinstance(gold, str) and not gold.strip())


def _letter(answer: object, choices: list[str]) -> str:
    """The letter of a choice that is named by its place, counted from 0."""
    text = str(answer).strip()
    if isinstance(answer, bool) or (isinstance(answer, str) and text in choices) or not text.isdigit():
        return str(answer)
    return _LETTERS[int(text)] if int(text) < min(len(choices), len(_LETTERS)) else str(answer)


def answer_of(row: Mapping[str, Any], columns: Columns | None = None) -> list[Message] | None:
    """Return the answer to learn as turns of the assistant's: the completion, else the gold answer; None where none."""
    said = value(row, "completion", columns)
    if said is None:
        said = value(row, "answer", columns)
        if not isinstance(said, str) or choices_of(row, columns):
            said = gold_of(row, columns)
    if said is None:
        return None
    turns = answer_turns(cast(object, said), has_tools=_has_tools(row, columns))
    thought: object = value(row, "reasoning", columns)
    if turns and isinstance(thought, str) and thought.strip() and "reasoning_content" not in turns[-1]:
        turns[-1]["reasoning_content"] = thought
    return turns


def answer_turns(said: object, *, has_tools: bool = False) -> list[Message] | None:
    """Read an answer: turns, or a text of the assistant's; where the row has tools, text that is a list of calls."""
    if isinstance(said, list | dict):
        if has_tools and (calls := calls_of(cast(object, said))):
            return [{"role": "assistant", "content": "", "tool_calls": calls}]
        return messages_in(cast(object, said))
    if has_tools and isinstance(said, str) and (calls := calls_of(said)):
        return [{"role": "assistant", "content": "", "tool_calls": calls}]
    return [{"role": "assistant", "content": str(said)}]


def _has_tools(row: Mapping[str, Any], columns: Columns | None) -> bool:
    return value(row, "tools", columns) is not None


def conversation(row: Mapping[str, Any], columns: Columns | None = None) -> list[Message] | None:
    """Return the row as turns: `messages`, or the prompt and the answer given to it; None for anything else."""
    chat = messages_of(row, columns)
    if chat is not None:
        if any(turn["role"] == "assistant" for turn in chat) or value(row, "completion", columns) is None:
            return chat
        return [*chat, *(answer_of(row, columns) or [])]
    prompt = prompt_of(row, columns)
    said = answer_of(row, columns)
    return None if prompt is None or said is None else [*as_chat(prompt), *said]


def ranked(row: Mapping[str, Any]) -> tuple[object, object] | None:
    """Return the best and the worst of several scored answers in one row (`completions`); None where none is better."""
    held = next((row[name] for name in SEVERAL if isinstance(row.get(name), list)), None)
    found: list[tuple[float, object]] = []
    for item in cast("list[object]", held or []):
        if not isinstance(item, dict):
            return None
        answer = cast("Mapping[str, Any]", item)
        text = next((answer[key] for key in _ANSWER_TEXTS if isinstance(answer.get(key), str | list)), None)
        score = next((n for key in _SCORES if (n := as_number(answer.get(key))) is not None), None)
        if text is None or score is None:
            return None
        found.append((score, text))
    if not found:
        return None
    best, worst = max(found, key=lambda pair: pair[0]), min(found, key=lambda pair: pair[0])
    return (best[1], worst[1]) if best[0] > worst[0] else None


def split_texts(chosen: str, rejected: str) -> tuple[Prompt | None, str, str]:
    """Split off what two texts begin with: whole turns in Anthropic's HH spelling, else up to the last blank."""
    shorter = min(len(chosen), len(rejected))
    same = next((i for i in range(shorter) if chosen[i] != rejected[i]), shorter)
    starts = [match.end() for match in HH_TURN.finditer(chosen, 0, same) if match[1] == "Assistant"]
    if starts:
        at = starts[-1]
        turns = hh_turns(chosen[:at])[:-1]
        return turns, chosen[at:].strip(), rejected[at:].strip()
    if same == len(chosen) == len(rejected):
        return None, chosen, rejected  # the same text twice begins with no prompt
    same = chosen.rfind(" ", 0, same) + 1
    return chosen[:same].strip() or None, chosen[same:].strip(), rejected[same:].strip()


def as_chat(prompt: Prompt | None) -> list[Message]:
    """Return a prompt as turns."""
    if prompt is None:
        return []
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)


def prompt_text(row: Mapping[str, Any], columns: Columns | None = None) -> str:
    """Return what the user asks in this row, as one text; empty where it has no prompt.

    A system prompt is left out, as all rows share it.
    """
    asked = (
        prompt_of(row, columns) if value(row, "prompt", columns) is not None else messages_of(row, columns)
    )
    return "\n".join(turn["content"] for turn in as_chat(asked) if turn["role"] == "user")


def answer_text(row: Mapping[str, Any], columns: Columns | None = None) -> str:
    """Return what is to be answered: the gold answer, the demonstration, or the last turn; empty where none."""
    gold = gold_of(row, columns)
    if gold is not None and not is_blank(gold):
        return gold
    said = answer_of(row, columns)
    if said is None and (chosen := value(row, "chosen", columns)) is not None:
        said = answer_turns(chosen)
    turns = said or messages_of(row, columns)
    return written(turns[-1]) if turns and turns[-1]["role"] == "assistant" else ""


def full_text(row: Mapping[str, Any], columns: Columns | None = None) -> str:
    """Return everything in the row that a model would see or learn, one part a line."""
    prompt = prompt_of(row, columns) if value(row, "prompt", columns) is not None else None
    parts = [turn["content"] for turn in as_chat(prompt)]
    for ours in ("messages", "completion", "answer", "chosen", "rejected", "text"):
        said = value(row, ours, columns)
        if isinstance(said, list | dict):
            parts.extend(written(turn) for turn in messages_in(cast(object, said)) or [])
        elif said is not None:
            parts.append(str(said))
    return "\n".join(parts)


def normalise_text(text: str) -> str:
    """Return `text` without what does not make two prompts different: case, blanks, Unicode form."""
    if text.isascii():
        return " ".join(text.split()).lower()
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()
