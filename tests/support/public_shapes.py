"""Data files in the shapes of well-known public sets, with sentences of our own: they are here on every machine.

GSM8K's questions (`answer` with calculator marks and `#### N`), Alpaca's instructions, LLaMA-Factory's preference
pairs (ShareGPT turns) and labelled conversations. No two questions share more than one of their four sentences, and
names and numbers stand inside the sentences: train and test are of one world, as in GSM8K, and no leak of each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SIDE = 13  # a prime: pairs of numbers below it make words that differ in three of four places
TRAIN, TEST, INSTRUCTIONS, PAIRS, LABELLED = 120, 40, 60, 60, 60

_NAMES = (
    "Oona",
    "Tarek",
    "Milo",
    "Ines",
    "Bram",
    "Suda",
    "Pavel",
    "Wren",
    "Jonna",
    "Kofi",
    "Lale",
    "Emre",
    "Zita",
)
_START = (
    "The old lighthouse keeper {name} counts {a} oil lamps before the storm comes in.",
    "On the roof of a school, {name} looks after {a} potted tomato plants.",
    "A ferry that {name} steers carries {a} passengers out of the harbour.",
    "In a cellar below the theatre {name} finds {a} painted masks from long ago.",
    "There are {a} wooden chairs in the hall that {name} has to set up.",
    "After a morning of picking, {name} owns {a} jars full of honey.",
    "The library's youngest helper, {name}, sorts {a} maps by their size.",
    "Beside the frozen lake {name} rents out {a} pairs of skates.",
    "For the parade, {name} has sewn {a} green flags by hand.",
    "{name} bakes through the night and has {a} rye loaves at dawn.",
    "A shepherd called {name} leads {a} sheep up to the high meadow.",
    "At the start of winter {name} stacks {a} logs against the barn wall.",
    "In the workshop, {name} tunes {a} violins for an orchestra of children.",
)
_MORE = (
    "A cousin brings {b} more without being asked.",
    "By noon the number has grown by {b}, to everyone's surprise.",
    "Then {b} others turn up behind a locked door.",
    "Thanks to a neighbour's gift, {b} are added before lunch.",
    "Another {b} arrive with the late train from the coast.",
    "Somebody donates {b} of the same kind that afternoon.",
    "The mayor herself sends {b} extra ones as a present.",
    "Next morning a cart delivers {b} on top of that.",
    "With some luck {b} further ones are won at the fair.",
    "During the week a friend contributes {b} from her own store.",
    "An unexpected parcel holds {b} more, wrapped in straw.",
    "While nobody is looking, {b} are put beside the first.",
    "Two brothers lend {b} theirs until the season is over.",
)
_LESS = (
    "Unfortunately {c} of them are broken and thrown out.",
    "Later on, {c} must be handed over to the next village.",
    "A sudden gust of wind carries {c} of these away.",
    "Before evening {c} have been sold to travellers.",
    "In the end {c} go to a hospital across the river.",
    "It turns out that {c} were only borrowed and are returned.",
    "When the bell rings, {c} leave and do not come back.",
    "Rain spoils {c}, which nobody can use any longer.",
    "To thank the musicians, {c} are given away at supper.",
    "Mice and moths ruin {c} in a single night.",
    "An inspector takes {c} of the lot for a closer look.",
    "Out of kindness {c} are left at the doors of the poor.",
    "One clumsy visitor loses {c} on the way downstairs.",
)
_ASK = (
    "How many remain when the day is done?",
    "What is the number that is left over?",
    "How large is the final count?",
    "How many can still be used tomorrow?",
    "What total does the ledger show at closing time?",
    "How many of them are there in the end, after everybody has gone home and the lights are out?",
    "Which number is written on the last page?",
    "How many should be expected at the next check?",
    "What does a careful recount give?",
    "How many stay where they are?",
    "What figure is reported to the owner?",
    "How many would a visitor see now?",
    "What is the sum once all is settled?",
)
_TOPICS = (
    "sourdough bread", "ocean tides", "a bicycle chain", "winter gardening", "the printing press", "honey bees",
    "a sailing knot", "public libraries", "volcanic soil", "a good night's sleep", "railway timetables",
    "watercolour paper", "mountain weather",
)  # fmt: skip
_WANTS = (
    "Explain to a beginner what matters most about {topic}.",
    "Write a friendly paragraph that praises {topic}.",
    "Give three pieces of advice on {topic} to a busy person.",
    "Describe a common mistake that people make with {topic}.",
    "Tell a very short story in which {topic} saves the day.",
    "Compare how people thought of {topic} in the past and today.",
    "List the words one has to know to talk about {topic}.",
    "Suggest an experiment for a classroom that shows {topic} at work.",
    "Draft a letter that asks an expert a question about {topic}.",
    "Summarise for a newspaper why {topic} is worth a visit.",
    "Invent a proverb about {topic} and say what it means.",
    "Name the costs and the joys of {topic} for a family.",
    "Imagine a museum of {topic} and lead us through its rooms.",
)
_MANNERS = (
    "Keep the sentences short and avoid every technical word.",
    "A dry sense of humour is welcome.",
    "Begin with a question that makes the reader curious.",
    "No more than eighty words, please.",
    "Use at least one comparison from cooking.",
    "Sound like a grandmother who has seen it all.",
    "End on an unexpected note.",
    "Stay neutral, as an encyclopedia would.",
    "Mention a smell, a sound and a colour.",
    "Put the strongest argument first.",
    "Write as though it were the year 1900.",
    "Leave out adjectives wherever you can.",
    "Address somebody who disagrees politely.",
)
_READERS = (
    "It will be printed on a cereal box.",
    "My niece, who is six, is going to hear it.",
    "The audience is a club of retired engineers.",
    "Tourists without much time shall read this.",
    "We need it for the wall of a waiting room.",
    "An actor speaks it in front of a camera.",
    "It opens the annual meeting of our village.",
    "Students translate the text afterwards.",
    "A radio host reads it between two songs.",
    "The mayor has asked for it by Friday.",
    "Somebody with poor eyesight listens to it.",
    "It goes into a bottle and then into the sea.",
    "Volunteers hand it out at the station.",
)
_THOUGHTS = (
    "Patience does more for {topic} than any tool that one can buy.",
    "Whoever begins with {topic} should watch first, and touch things afterwards.",
    "A notebook helps, because {topic} rarely shows the same face twice.",
    "Most of what is said about {topic} was true somewhere, at some time, for somebody.",
    "Start small, keep what works, and let {topic} teach you the rest.",
    "Old people remember {topic} differently, and they are often right.",
    "It is the quiet part of {topic} that surprises visitors.",
    "Children ask the best questions about {topic}, since they fear no answer.",
    "There is no secret in {topic}, only many little habits which add up.",
    "Weather, money and neighbours all have a say in {topic}.",
    "An hour a week is enough to feel at home with {topic}.",
    "What looks like luck in {topic} is mostly preparation.",
    "If you must choose, choose the slower way: {topic} rewards it.",
)


def _words() -> Iterator[tuple[int, int, int, int]]:
    """Four numbers below `SIDE` each, of which no two words share more than one place."""
    for second in range(SIDE):
        for first in range(SIDE):
            yield first, second, (first + second) % SIDE, (first + 2 * second) % SIDE


def questions() -> list[dict[str, str]]:
    """Every question with its gold answer, the test's after the training's."""
    made: list[dict[str, str]] = []
    for n, (i, j, k, m) in enumerate(_words()):
        a, b, c = 40 + 7 * n, 11 + 3 * ((n * 5) % 17), 5 + (n * 3) % 19
        name = _NAMES[(i + 3 * j) % SIDE]
        text = " ".join((_START[i], _MORE[j], _LESS[k], _ASK[m])).format(name=name, a=a, b=b, c=c)
        gold = f"First there are {a} + {b} = <<{a}+{b}={a + b}>>{a + b}.\n"
        gold += "That is before anything is taken away again, so the last step is a subtraction.\n"
        gold += f"Then {a + b} - {c} = <<{a + b}-{c}={a + b - c}>>{a + b - c} are left.\n#### {a + b - c}"
        made.append({"question": text, "answer": gold})
    return made[: TRAIN + TEST]


def _tasks() -> list[tuple[str, str, str]]:
    """Requests, each with a good answer and a poor one."""
    made: list[tuple[str, str, str]] = []
    for i, j, k, m in _words():
        topic = _TOPICS[j]
        thoughts = [_THOUGHTS[n % SIDE].format(topic=topic) for n in (i, k, m, i + k + 1)]
        ask = f"{_WANTS[i].format(topic=topic)} {_MANNERS[k]} {_READERS[m]}"
        made.append((ask, " ".join(thoughts), f"I would rather not talk about {topic}."))
    return made


def write(folder: Path) -> Path:
    """Write all files into `folder`, and return it."""
    rows, tasks = questions(), _tasks()
    files: dict[str, list[Any]] = {
        "gsm8k_train.jsonl": rows[:TRAIN],
        "gsm8k_test.jsonl": rows[TRAIN:],
        "alpaca.json": [
            {"instruction": ask, "input": "", "output": good} for ask, good, _ in tasks[:INSTRUCTIONS]
        ],
        # the first request is Alpaca's last: the two files share one prompt
        "pairs.json": [
            {
                "conversations": [{"from": "human", "value": ask}],
                "chosen": {"from": "gpt", "value": good},
                "rejected": {"from": "gpt", "value": poor},
            }
            for ask, good, poor in tasks[INSTRUCTIONS - 1 : INSTRUCTIONS - 1 + PAIRS]
        ],
        "labelled.json": [
            {
                "messages": [
                    {"role": "user", "content": ask},
                    {"role": "assistant", "content": good if n % 2 else poor},
                ],
                "label": bool(n % 2),
            }
            for n, (ask, good, poor) in enumerate(tasks[-LABELLED:])
        ],
    }
    for name, content in files.items():
        lines = (
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
            if name.endswith(".jsonl")
            else json.dumps(content, indent=2, ensure_ascii=False)
        )
        (folder / name).write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files of `write`, made once."""
    return write(tmp_path_factory.mktemp("shapes"))
