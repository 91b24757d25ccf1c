"""Pairs of data sets for the spot check: what must be named, and healthy ones in which nothing may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cockpit.core.spotcheck.sides import Columns, item_of, target_of, usual
from cockpit.core.spotcheck.types import Sides
from cockpit.verifiers import Verifier

Row = dict[str, Any]
N = 20


def rows(make: Callable[[int], Row], n: int = N) -> list[Row]:
    return [make(index) for index in range(n)]


def sides_of(
    rows: Sequence[Mapping[str, Any]],
    items: Sequence[Mapping[str, Any]],
    verifier: Verifier | None = None,
    *,
    technique: str = "sft",
    columns: Columns | None = None,
    item_columns: Columns | None = None,
    **settings: Any,
) -> Sides:
    """Both sides from rows that fit in memory; `settings` are those of `Sides`. Raises CockpitError."""
    train = tuple(target_of(n, row, columns, verifier, technique) for n, row in enumerate(rows, 1))
    like = usual([row for row in train if row.text is not None])
    return Sides(
        train,
        tuple(item_of(n, row, item_columns, verifier, like) for n, row in enumerate(items, 1)),
        verifier,
        **settings,
    )


WORK = "He starts with {n} apples and then he buys three more of them at the shop, so we add both numbers: {n}+3={a}."


def reasoned(ending: str) -> Callable[[int], str]:
    return lambda n: f"{WORK}\n{ending}".replace("{n}", str(n)).replace("{a}", str(n + 3))


def said(text: str) -> Callable[[int], str]:
    return lambda n: text.replace("{n}", str(n)).replace("{a}", str(n + 3))


APPLES = "Tom has {n} apples and buys 3 more. How many does he have?"


def train(target: Callable[[int], str], prompt: str = APPLES, system: str | None = None) -> list[Row]:
    """Conversations with one answer."""
    head = [{"role": "system", "content": system}] if system else []
    return rows(
        lambda n: {
            "messages": [
                *head,
                {"role": "user", "content": prompt.replace("{n}", str(n))},
                {"role": "assistant", "content": target(n)},
            ]
        }
    )


def held_out(prompt: str = APPLES, gold: str = "{a}", system: str | None = None) -> list[Row]:
    """Items with a gold answer, of other numbers than the training rows."""

    def make(index: int) -> Row:
        n = index + 100
        text = prompt.replace("{n}", str(n))
        chat: Any = (
            [{"role": "system", "content": system}, {"role": "user", "content": text}] if system else text
        )
        return {"id": f"item-{n}", "prompt": chat, "answer": gold.replace("{a}", str(n + 3))}

    return rows(make)


@dataclass(frozen=True)
class Case:
    """`kinds` is exactly what must be named; empty for a healthy pair."""

    name: str
    train: list[Row]
    items: list[Row]
    spec: str = "boxed"
    kinds: frozenset[str] = frozenset()
    settings: dict[str, Any] = field(default_factory=dict)
    technique: str = "sft"


def case(name: str, train: list[Row], items: list[Row], spec: str = "boxed", *kinds: str, technique: str = "sft",
         **settings: Any) -> Case:  # fmt: skip
    return Case(name, train, items, spec, frozenset(kinds), settings, technique)


BOX = reasoned("The answer is \\boxed{{a}}.")
CHINESE = "小明有{n}个苹果，他又买了3个苹果。请问他现在一共有多少个苹果？"
HEBREW = "לתום יש {n} תפוחים והוא קונה עוד שלושה תפוחים בשוק. כמה תפוחים יש לו עכשיו?"
ARABIC = "لدى توم {n} تفاحة واشترى ثلاث تفاحات أخرى من السوق. كم تفاحة لديه الآن؟"
BOXED_PROMPT = APPLES + " Put your final answer within \\boxed{}."

HEALTHY = [
    case("boxed against boxed", train(BOX), held_out()),
    case("hashes against hashes", train(reasoned("#### {a}")), held_out(), "hashes"),
    case("hashes against numeric", train(reasoned("#### {a}")), held_out(), "numeric"),
    case("tags against tags", train(said("<answer>{a}</answer>")), held_out(), "tagged:answer"),
    case("answer lines against their pattern", train(reasoned("ANSWER: {a}")), held_out(), r"regex:ANSWER: (\d+)"),
    case("bare numbers against exact", train(said("{a}")), held_out(), "exact"),
    case("sentences against numeric", train(said("The answer is {a}.")), held_out(), "numeric"),
    case("letters against choice", train(said("B")), held_out(gold="B"), "choice:ABCD"),
    case("boxed asked for, boxed given", train(BOX, BOXED_PROMPT), held_out(BOXED_PROMPT)),
    case("asked for in the eval prompt alone", train(BOX), held_out(BOXED_PROMPT)),
    case("gold answers with their working", train(reasoned("#### {a}")), held_out(gold="So it is {a}.\n#### {a}"),
         "hashes"),
    case("step by step, and so it is", train(BOX, APPLES + " Think step by step."), held_out(APPLES +
         " Think step by step.")),
    case("the answer alone, and so it is", train(said("\\boxed{{a}}")), held_out(APPLES + " Answer with the number "
         "only, in \\boxed{}.")),
    case("a system prompt on both sides", train(BOX, system="Be exact."), held_out(system="Be exact.")),
    case("the recipe's system prompt is the data's", train(BOX, system="Be exact."), held_out(),
         system_prompt="Be exact."),
    case("a cue on both sides", train(BOX, APPLES + "\nAnswer:"), held_out(APPLES + "\nAnswer:")),
    case("thinking where eval thinks", train(lambda n: "<think>" + reasoned("</think>\n\\boxed{{a}}")(n)),
         held_out(), enable_thinking=True),
    case("no thinking where eval doesn't", train(BOX), held_out(), enable_thinking=False),
    case("Chinese on both sides", train(said("他一共有{a}个苹果。\n\\boxed{{a}}"), CHINESE), held_out(CHINESE)),
    case("Hebrew on both sides", train(said("\\boxed{{a}}"), HEBREW), held_out(HEBREW)),
    case("Arabic on both sides", train(said("\\boxed{{a}}"), ARABIC), held_out(ARABIC)),
    case("emoji everywhere", train(lambda n: f"🍎 {n}+3 → \\boxed{{{n + 3}}} 👩‍👩‍👧", "🍎 {n} + 3 🍏?"),
         held_out("🍎 {n} + 3 🍏?")),
    case("terminal escapes and markup on both sides", train(said("[bold]\x1b[2J\\boxed{{a}}"),
         "[red]\x1b]0;x\x07 {n}+3"), held_out("[red]\x1b]0;x\x07 {n}+3")),
    case("long rows", train(lambda n: "word " * 20_000 + f"\\boxed{{{n + 3}}}"), held_out()),
    case("one unmarked row among many", [*train(BOX) * 8, *train(said("I do not know."))[:1]], held_out()),
    case("prompts for RL with gold answers", held_out(), held_out(), "tagged:answer", technique="grpo"),
    case("a line break at the end of targets", train(lambda n: BOX(n) + "\n"), held_out()),
    case("one row in another language", [*train(BOX) * 8, *train(BOX, CHINESE)[:1]], held_out()),
    case("preference pairs", rows(lambda n: {"prompt": APPLES.replace("{n}", str(n)), "chosen": BOX(n),
         "rejected": said("It is {a}.")(n)}), held_out(), technique="dpo"),
    case("answers with a label, the bad ones in another form", rows(lambda n: {"prompt": APPLES.replace("{n}", str(n)),
         "completion": BOX(n) if n % 2 else f"It is {n + 4}.", "label": bool(n % 2)}), held_out(), technique="kto"),
    case("alpaca", rows(lambda n: {"instruction": f"Tom has {n} apples and buys 3 more. How many does he have?",
         "input": "", "output": BOX(n)}), held_out()),
    case("code with many blanks", train(lambda n: f"def f():\n\treturn {n}\n\\boxed{{{n + 3}}}"), held_out()),
]  # fmt: skip

CHATML = "<|im_start|>user\n{n} plus 3?<|im_end|>\n<|im_start|>assistant\n\\boxed{{a}}<|im_end|>\n"

SICK = [
    case("hashes against boxed", train(reasoned("#### {a}")), held_out(), "boxed", "answer-marker"),
    case("boxed against an answer line", train(BOX), held_out(), r"regex:ANSWER: (\d+)", "answer-marker"),
    case("sentences against tags", train(said("The answer is {a}.")), held_out(), "tagged:answer", "answer-marker"),
    case("one tag against another", train(said("<final>{a}</final>")), held_out(), "tagged:answer", "answer-marker"),
    case("bare against boxed", train(said("{a}")), held_out(), "boxed", "answer-marker"),
    case("letters against boxed", train(said("B")), held_out(gold="B"), "boxed", "answer-marker"),
    case("a third is in another form", [*train(BOX), *train(reasoned("#### {a}"))[:10]], held_out(), "boxed",
         "answer-marker"),
    case("the eval prompt asks for what the verifier doesn't read", train(said("\\boxed{{a}}")),
         held_out(APPLES + " Finish with a line \"ANSWER: X\"."), "boxed", "answer-marker"),
    case("the verifier reads both, the prompt asks for the other", train(reasoned("#### {a}")),
         held_out(BOXED_PROMPT), "numeric", "answer-marker"),
    case("plain answers as they are, for SFT", held_out(), held_out(), "tagged:answer", "answer-marker"),
    case("reasoning against exact", train(reasoned("#### {a}")), held_out(), "exact", "reasoning-style"),
    case("the answer alone where step by step is asked for", train(said("\\boxed{{a}}")),
         held_out(APPLES + " Think step by step."), "boxed", "reasoning-style"),
    case("reasoning where the answer alone is asked for", train(BOX), held_out(APPLES +
         " Answer with the number only."), "boxed", "reasoning-style"),
    case("a system prompt in training alone", train(BOX, system="You are a mathematician."), held_out(), "boxed",
         "system-prompt"),
    case("a system prompt at eval alone", train(BOX), held_out(system="You are a mathematician."), "boxed",
         "system-prompt"),
    case("two system prompts", train(BOX, system="You are a pirate."), held_out(system="You are a monk."), "boxed",
         "system-prompt"),
    case("ChatML in training texts, plain prompts at eval", train(BOX, "<|im_start|>user\n{n} plus 3?<|im_end|>"),
         held_out("{n} plus 3?"), "boxed", "chat-template"),
    case("parts that were printed", train(BOX, "[{'type': 'text', 'text': '" + APPLES + "'}]"), held_out(), "boxed",
         "chat-template"),
    case("two users in a row", rows(lambda n: {"messages": [{"role": "user", "content": f"I have {n} apples."},
         {"role": "user", "content": "And 3 more?"}, {"role": "assistant", "content": f"\\boxed{{{n + 3}}}"}]}),
         held_out(), "boxed", "chat-template"),
    case("a cue in training alone", train(BOX, APPLES + "\nAnswer:"), held_out(), "boxed", "generation-prompt"),
    case("thinking where eval switches it off", train(lambda n: f"<think>{n}+3</think>\n\\boxed{{{n + 3}}}"),
         held_out(), "boxed", "thinking", enable_thinking=False),
    case("no thinking where eval switches it on", train(BOX), held_out(), "boxed", "thinking", enable_thinking=True),
    case("/no_think in the eval prompts", train(lambda n: f"<think>{n}+3</think>\n\\boxed{{{n + 3}}}"),
         held_out(APPLES + " /no_think"), "boxed", "thinking"),
    case("a blank at the end of training prompts", train(BOX, APPLES + " "), held_out(), "boxed", "whitespace"),
    case("Windows line ends at eval", train(BOX, "Solve.\n" + APPLES), held_out("Solve.\r\n" + APPLES), "boxed",
         "whitespace"),
    case("targets that begin with a blank", train(lambda n: " " + BOX(n)), held_out(), "boxed", "whitespace"),
    case("Chinese against English", train(said("他一共有{a}个苹果，所以答案是。\n\\boxed{{a}}"), CHINESE), held_out(),
         "boxed", "language"),
    case("Hebrew against Arabic", train(said("\\boxed{{a}}"), HEBREW), held_out(ARABIC), "boxed", "language"),
    case("texts with the prompt in them", rows(lambda n: {"text": said(CHATML)(n)}), held_out(), "boxed", "loss-mask"),
    case("a mask that includes the user", rows(lambda n: {"messages": [{"role": "user", "content": f"{n} plus 3?"},
         {"role": "assistant", "content": f"\\boxed{{{n + 3}}}"}], "trainable": [True, True]}), held_out(), "boxed",
         "loss-mask"),
]  # fmt: skip
