"""Train x held-out overlap: what must be called a leak, what must only be shown, and what must stay quiet."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.core.overlap.scan import KEPT_CHARS, Asked, Scan, excerpt
from cockpit.core.overlap.summary import Overlap
from cockpit.core.rules.tree_rules.leaks import of_overlap as findings
from cockpit.services.dataset import overlap
from cockpit.services.dataset.overlap import compare, text_of

ITEM = (
    "A florist in Ravenna sells 24 bundles of lavender and 17 pots of rosemary before noon. Each bundle brings 3 euros "
    "and each pot 5 euros. How much does the florist take in before noon?"
)
RENAMED = (
    "A florist in Padua sells 31 bundles of lavender and 9 pots of rosemary before noon. Each bundle brings 4 euros "
    "and each pot 6 euros. How much does the florist take in before noon?"
)
REORDERED = (
    "Each bundle brings 3 euros and each pot 5 euros. A florist in Ravenna sells 24 bundles of lavender and 17 pots of "
    "rosemary before noon. How much does the florist take in before noon?"
)
OTHERS = [
    "The ferry to the island leaves every 40 minutes. If Ana misses the one at nine, when can she go next?",
    "A rectangle is twice as long as it is wide. Its perimeter measures 48 centimetres. What is its area?",
    "Jon reads a novel of 320 pages. He reads a quarter of it on Friday. How many pages are left for the weekend?",
    "Seven friends share a bill of 161 dollars evenly. How much does every one of them owe the waiter?",
]
QUESTIONS = [ITEM, *OTHERS]


def run(
    tmp_path: Path, train: list[dict[str, Any]], held_out: list[dict[str, Any]] | None = None, **more: Any
) -> Overlap:
    for name, rows in (
        ("train", train),
        ("held", held_out or [{"prompt": q, "answer": "1"} for q in QUESTIONS]),
    ):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return compare(str(tmp_path / "train.jsonl"), str(tmp_path / "held.jsonl"), **more)


_WORLD = (
    "train", "market", "river", "bread", "seven", "hours", "sells", "pages", "every", "friend", "how", "much", "the",
    "and", "of", "to", "each",
)  # fmt: skip


def chatter(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the same world that have nothing to do with the items."""
    rng = random.Random(seed)
    words = [*_WORLD, "12", "30"]
    return [{"prompt": " ".join(rng.choices(words, k=30)) + "?", "answer": "1"} for _ in range(count)]


ALPACA = {"instruction": ITEM, "input": "", "output": "157"}
SHAREGPT = {"conversations": [{"from": "human", "value": ITEM}, {"from": "gpt", "value": "157"}]}
DEEP = {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"},
                     {"role": "user", "content": ITEM}]}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"prompt": ITEM, "answer": "157"}, "exact"),
        ({"prompt": "  " + ITEM.upper().replace(" ", "  "), "answer": "157"}, "exact"),
        (ALPACA, "exact"),
        (SHAREGPT, "exact"),
        (DEEP, "exact"),
        (
            {
                "chosen": [{"role": "user", "content": ITEM}, {"role": "assistant", "content": "a"}],
                "rejected": [],
            },
            "exact",
        ),
        ({"text": f"Question: solve this.\n{ITEM}\nAnswer: 157"}, "exact"),
        ({"prompt": f"Solve the following carefully. {ITEM} Show your work."}, "contained"),
        ({"prompt": "Write a word problem.", "completion": f"Sure! {ITEM}"}, "contained"),
        ({"text": "filler words " * 2000 + ITEM + " more filler" * 2000}, "contained"),
        ({"prompt": ITEM.replace("before noon", "by noon", 1)}, "near"),
        ({"prompt": REORDERED}, "near"),
        ({"prompt": RENAMED}, "renamed"),
        ({"prompt": RENAMED.replace("sells", "sold")}, "renamed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_leak_is_found_and_named(tmp_path: Path, row: dict[str, Any], kind: str) -> None:
    found = run(tmp_path, [*chatter(40), row, *chatter(40, 1)])
    (match,) = [m for m in found.matches if m.kind != "ngram"]
    assert (match.kind, match.train_line, match.held_out_line) == (kind, 41, 1)
    assert match.held_out_text == ITEM
    told = findings(found, "train.jsonl", ["exp_0001"])
    assert [(f.rule, f.severity) for f in told] == [
        ("eval-in-synthetic", "warn") if kind == "renamed" else ("eval-in-train", "block")
    ]
    assert "training line 41" in told[0].evidence[0]
    assert told[0].experiments == ("exp_0001",)


SOLUTION = (
    "The lavender brings 24 * 3 = <<24*3=72>>72 euros and the rosemary 17 * 5 = 85 euros before noon.\n"
    "So the florist takes in 72 + 85 = 157 euros.\n#### 157"
)
EXTRA = " The shop was painted green by 2 friends last spring."
HALF = (
    ITEM.replace("24", "x") + " If we know the answer of the above question is 157, what is the value of x?"
)


@pytest.mark.parametrize(
    ("row", "kind", "part", "answered"),
    [
        ({"prompt": HALF}, "near", "question", True),
        ({"prompt": HALF.replace("157", "900")}, "renamed", "question", False),
        ({"text": SOLUTION}, "near", "answer", False),
        ({"prompt": "Try it.", "completion": re.sub("<<.*?>>", "", SOLUTION)}, "near", "answer", False),
        ({"prompt": ITEM.replace(". Each", "." + EXTRA + " Each")}, "near", "question", False),
        ({"prompt": ITEM.replace("a", "a\u200b")}, "exact", "question", False),
        ({"prompt": f"<p>{ITEM.replace('florist', '<b>flo</b>rist')}</p>"}, "exact", "question", False),
        ({"prompt": ITEM.replace("e", "\u0435", 9)}, "exact", "question", False),
        ({"prompt": RENAMED + EXTRA}, "renamed", "question", False),
    ],
    ids=["answer stated", "another answer", "solution", "solution said", "sentence added", "zero-width", "html",
         "look-alikes", "renamed and longer"],
)  # fmt: skip
def test_what_is_hidden_is_found(
    tmp_path: Path, row: dict[str, Any], kind: str, part: str, answered: bool
) -> None:
    held = [{"prompt": ITEM, "answer": SOLUTION}, *({"prompt": q, "answer": "#### 1"} for q in OTHERS)]
    (match,) = [m for m in run(tmp_path, [*chatter(20), row], held).matches if m.kind != "ngram"]
    found = ("near" if match.kind == "contained" else match.kind, match.held_out_part, match.answered)
    assert found == (kind, part, answered)


CHOICES = {"question": "Which gas do plants take in from the air while they make sugar in the light of day?",
           "choices": ["oxygen", "carbon dioxide", "nitrogen", "helium"], "answer": 1}  # fmt: skip
SHUFFLED = CHOICES["question"] + "\nA) helium\nB) carbon dioxide\nC) oxygen\nD) nitrogen"
CODE = (
    "def longest_gap(values, start):\n    gaps = [b - a for a, b in zip(values, values[1:])]\n"
    "    return max(gaps, default=start)\n"
)
CHINESE = "一家面包店每天烤60条面包，三分之二的面包在早上卖出，剩下的在下午卖出，下午卖出了多少条面包？"


@pytest.mark.parametrize(
    ("item", "row"),
    [
        (CHOICES, {"prompt": SHUFFLED}),
        ({"prompt": CODE}, {"text": "# Python\n" + CODE.replace("[b - a", "[ b-a ").replace("    ", "\t")}),
        ({"prompt": CHINESE}, {"prompt": "请回答：" + CHINESE}),
    ],
    ids=["shuffled choices", "code laid out anew", "chinese"],
)
def test_other_kinds_of_items_are_found(tmp_path: Path, item: dict[str, Any], row: dict[str, Any]) -> None:
    assert run(tmp_path, [*chatter(20), row], [item, *({"prompt": q} for q in OTHERS)]).leaked == 1


def test_a_phrase_of_the_training_set_is_no_leak_of_an_answer(tmp_path: Path) -> None:
    """What many rows say (a refusal, a closing formula) stands in an answer, too, and means nothing."""
    said = "I am sorry but I can not help with that request because it may well cause harm to somebody."
    rows = [{"prompt": f"{row['prompt']} {k}", "completion": said} for k, row in enumerate(chatter(40))]
    found = run(tmp_path, rows, [{"prompt": q, "answer": said} for q in QUESTIONS])
    assert findings(found, "train.jsonl") == []


SENTENCES = (
    "Start small, keep what works, and let mountain weather teach you the rest.",
    "There is no secret in mountain weather, only many little habits which add up.",
    "Patience does more for mountain weather than any tool that one can buy.",
    "If you must choose, choose the slower way: mountain weather rewards it.",
)


@pytest.mark.parametrize(("order", "leaked"), [((0, 1, 2, 3), 1), ((2, 3, 0, 1), 0), ((3, 2, 1, 0), 0)])
def test_an_answer_of_the_same_sentences_in_another_order_is_no_copy(
    tmp_path: Path, order: tuple[int, ...], leaked: int
) -> None:
    said = " ".join(SENTENCES[k] for k in order).replace("any tool", "every tool")
    rows = [*chatter(40), {"prompt": "Another question on a hobby?", "completion": said}]
    held = [{"prompt": QUESTIONS[0], "answer": " ".join(SENTENCES)}, *({"prompt": q} for q in QUESTIONS[1:])]
    assert run(tmp_path, rows, held).leaked == leaked


PLACES = (
    "harbour",
    "library",
    "orchard",
    "stadium",
    "museum",
    "clinic",
    "bakery",
    "airport",
    "castle",
    "school",
)
THINGS = ("lamp", "ticket", "carpet", "engine", "violin", "basket", "mirror", "ladder", "helmet", "kettle")


def _filler(rng: random.Random, count: int) -> str:
    return " ".join(f"{rng.choice('bdfgklmnprst')}{rng.choice('aeiou')}{rng.choice('bdklmnrst')}{k % 7}x"
                    for k in rng.choices(range(90), k=count))  # fmt: skip


def _sql(rng: random.Random) -> tuple[str, str]:
    column, table, least = rng.choice(THINGS), rng.choice(PLACES), rng.randrange(1, 3)
    key, state = rng.choice(["price", "stock", "age"]), rng.choice(["open", "new"])
    asked = rng.choice([
        f"Show ten {column} values of the {table} with {key} above {least}, {state} ones.",
        f"Which {column} entries does {table} list, {state} and with a {key} beyond {least}? Ten will do.",
    ])  # fmt: skip
    return asked, f"SELECT {column}_name FROM {table} WHERE {key} > {least} AND {state} = 1 LIMIT 10"


def _reply(rng: random.Random, many: int, size: int) -> tuple[str, str]:
    return f"{_filler(rng, 18)}?", _filler(random.Random(1000 + rng.randrange(many)), size)


def _refusal(rng: random.Random) -> tuple[str, str]:
    said = "I am sorry but I can not help with that request because it may well cause harm to somebody."
    return f"{_filler(rng, 18)}?", said if rng.random() < 0.02 else _filler(rng, 30)


def _thought(rng: random.Random) -> tuple[str, str]:
    name, a, b = rng.choice(["Finn", "Mia", "Ole", "Ida"]), rng.randrange(2, 9), rng.randrange(2, 9)
    thing = rng.choice(["pens", "nuts", "coins"])
    asked = rng.choice([f"How many {thing} does {name} own, with {a} boxes of {b}?",
                        f"{b} {thing} go into each of the {a} boxes of {name}. What is the total?"])  # fmt: skip
    said = (
        f"{name} has {a} boxes and every box holds {b} {thing}. To get the total we multiply the boxes by the "
        f"{thing} in each: {a} * {b} = {a * b}. So {name} has {a * b} {thing} in all. The answer is {a * b}."
    )
    return asked, said


def _template(rng: random.Random) -> tuple[str, str]:
    place, thing, other = rng.choice(PLACES), rng.choice(THINGS), rng.choice(PLACES)
    said = (f"The {thing} goes back to the {place} in its box, the {place} asks the {other} whether the {thing} is "
            f"whole, and the {other} pays for the {thing} that the {place} got.")  # fmt: skip
    return f"{_filler(rng, 12)} {thing}?", said


def _ordinary(kind: str, rng: random.Random) -> tuple[str, str]:
    match kind:
        case "text to SQL":
            return _sql(rng)
        case "canned replies":
            return _reply(rng, 100, 32)
        case "long labels":
            return _reply(rng, 30, 14)
        case "refusals":
            return _refusal(rng)
        case "templated thought":
            return _thought(rng)
        case "policies":
            return _reply(rng, 25, 120)
        case "one reply":
            return _reply(rng, 1, 40)
        case _:
            return _template(rng)


@pytest.mark.parametrize(
    ("kind", "rows", "items"),
    [("text to SQL", 3000, 200), ("canned replies", 300, 60), ("long labels", 600, 100), ("refusals", 1000, 50),
     ("templated thought", 600, 100), ("policies", 300, 60), ("one reply", 50, 1), ("replies of a template", 200, 60)],
)  # fmt: skip
def test_answers_that_fit_many_questions_block_nothing(
    tmp_path: Path, kind: str, rows: int, items: int
) -> None:
    rng = random.Random(7)
    pairs = dict(_ordinary(kind, rng) for _ in range(rows + items))
    made = [{"prompt": asked, "answer": said} for asked, said in pairs.items()]
    rng.shuffle(made)
    held = made[: min(items, len(made) // 3)]
    found = run(tmp_path, made[len(held) :], held)
    assert "block" not in {told.severity for told in findings(found, "train.jsonl")}


@pytest.mark.parametrize("copies", [1, 2])
def test_a_worked_solution_under_another_prompt_blocks(tmp_path: Path, copies: int) -> None:
    rng = random.Random(3)
    rows = [{"prompt": asked, "answer": said} for asked, said in (_thought(rng) for _ in range(300))]
    held = [{"prompt": ITEM, "answer": SOLUTION}, *({"prompt": q, "answer": "#### 1"} for q in OTHERS)]
    rows += [{"prompt": f"Continue, {k}:", "completion": SOLUTION} for k in range(copies)]
    (told,) = findings(run(tmp_path, rows, held), "train.jsonl")
    assert (told.severity, "holds the worked answer" in told.evidence[0]) == ("block", True)


def test_a_reply_that_is_said_again_and_again_blocks_where_its_question_is_asked_too(tmp_path: Path) -> None:
    said = _filler(random.Random(1), 20)
    held = [{"prompt": q, "answer": said if q == ITEM else "1"} for q in QUESTIONS]
    asked = ITEM.replace("sells", "manages to sell").replace("take in before noon?", "get for all of it?")
    for prompt, leaked in ((asked, 1), ("What now?", 0)):
        found = run(
            tmp_path, [*chatter(20), *({"prompt": f"{prompt} {k}", "answer": said} for k in range(3))], held
        )
        assert found.leaked == leaked


QUIET = [
    ("the same world", chatter(300)),
    ("sums that differ in a digit", None),
    (
        "a shared phrase",
        [{"prompt": "Ann has a garden. How much does the florist take in before noon on Sundays there?"}],
    ),
    (
        "a task's wording",
        [{"prompt": q.replace("24", "25")} for q in ["What is 24 plus 3?", "What is 24 plus 4?"]],
    ),
]


@pytest.mark.parametrize(("why", "rows"), QUIET, ids=[why for why, _ in QUIET])
def test_what_is_no_leak_stays_quiet(tmp_path: Path, why: str, rows: list[dict[str, Any]] | None) -> None:
    held = None
    if rows is None:
        rows = [{"prompt": f"{a}+{b}=?", "answer": str(a + b)} for a in range(10, 25) for b in range(10, 25)]
        held = [{"prompt": f"{a}+{b}=?", "answer": str(a + b)} for a in range(1, 9) for b in range(10, 25)]
    assert findings(run(tmp_path, rows, held), "train.jsonl") == []


def test_a_long_instruction_that_every_prompt_begins_with_is_no_leak(tmp_path: Path) -> None:
    wording = (
        "Translate the following sentence from English into French and answer with the translation alone"
    )
    words = [f"w{k}" for k in range(400)]
    rng = random.Random(3)

    def prompt() -> dict[str, Any]:
        return {"prompt": f"{wording}: {' '.join(rng.choices(words, k=6))}"}

    found = run(tmp_path, [prompt() for _ in range(300)], [prompt() for _ in range(30)])
    assert findings(found, "train.jsonl") == []
    assert found.tally.ngrams[8] == 30, "the raw count still says that they share the phrase"
    assert found.tally.phrases[0][1:] == (300, 30), "and that it is a phrase"


def test_one_generator_behind_both_is_called_that(tmp_path: Path) -> None:
    rng = random.Random(5)

    def row() -> dict[str, Any]:
        a, b, name = (
            rng.randrange(1000),
            rng.randrange(1000),
            rng.choice(["Ada", "Bo", "Cy", "Di", "Ed", "Flo"]),
        )
        return {"prompt": f"{name} collected {a} stamps in spring and gave {b} stamps to a cousin after the summer "
                          f"holidays were over; how many stamps remain in the album now?"}  # fmt: skip

    found = run(tmp_path, [row() for _ in range(200)], [row(), row()])
    (told,) = findings(found, "train.jsonl")
    assert (told.rule, told.severity) == ("eval-in-synthetic", "warn")
    assert "same templates" in told.headline


def test_many_copies_of_an_item_are_no_common_phrase(tmp_path: Path) -> None:
    found = run(tmp_path, [{"prompt": f"Please solve: {ITEM}"} for _ in range(400)])
    assert found.leaked == 1
    assert found.matches[0].kind == "contained"


def test_the_most_damning_come_first(tmp_path: Path) -> None:
    rows = [{"prompt": RENAMED}, {"prompt": f"Now: {OTHERS[0]} Well?"}, {"prompt": OTHERS[1]}, *chatter(50)]
    kinds = [match.kind for match in run(tmp_path, rows).matches]
    assert kinds[:3] == ["exact", "contained", "renamed"]


def test_long_texts_are_shown_where_it_matters() -> None:
    text = "a " * 5000 + "HERE " + "b " * 5000
    assert "HERE" in excerpt(text, 0.5)
    assert len(excerpt(text, 0.5)) <= KEPT_CHARS
    assert len(excerpt(text, 1.0)) <= KEPT_CHARS


def test_batches_do_not_matter(tmp_path: Path) -> None:
    rows = [
        text_of(k, row)
        for k, row in enumerate([*chatter(30), {"prompt": RENAMED}, {"prompt": ITEM + " Yes"}], 1)
    ]
    seen = []
    for size in (1, 7, 100):
        scan = Scan([Asked(k, [q]) for k, q in enumerate(QUESTIONS, 1)])
        for start in range(0, len(rows), size):
            scan.feed(rows[start : start + size])
        seen.append((scan.tally(), [m.as_dict() for m in scan.matches()]))
    halves = [Scan([Asked(k, [q]) for k, q in enumerate(QUESTIONS, 1)]) for _ in range(2)]
    halves[0].feed(rows[20:])
    halves[1].feed(rows[:20])
    halves[0].absorb(halves[1].seen())
    seen.append((halves[0].tally(), [m.as_dict() for m in halves[0].matches()]))
    assert seen[0] == seen[1] == seen[2] == seen[3]


def test_two_halves_of_one_world_are_counted_exactly_and_are_no_leak(
    shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Train and test share sentences here and there, as GSM8K's do."""
    code = main(["overlap", str(shapes / "gsm8k_train.jsonl"), str(shapes / "gsm8k_test.jsonl"), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (answer["rows"], answer["items"]) == (120, 40)
    assert answer["exact"] == answer["leaked"] == 0
    assert answer["ngrams"] == _shared_runs(shapes)
    assert answer["findings"] == []
    first = answer["matches"][0]
    for side in ("train_text", "held_out_text"):
        assert first["shared"] in first[side].replace(",", "")


def _shared_runs(shapes: Path) -> dict[str, int]:
    """How many items share a run of so many words with a training row, by looking at every pair."""

    def words(name: str) -> list[list[str]]:
        texts = [json.loads(line)["question"] for line in (shapes / name).read_text().splitlines()]
        return [re.findall(r"\w+", text.lower().replace("'", "")) for text in texts]

    counts: dict[str, int] = {}
    for size in (8, 10, 13):
        runs = {
            tuple(row[n : n + size]) for row in words("gsm8k_train.jsonl") for n in range(len(row) - size + 1)
        }
        counts[str(size)] = sum(
            any(tuple(row[n : n + size]) in runs for n in range(len(row) - size + 1))
            for row in words("gsm8k_test.jsonl")
        )
    return counts


def test_ten_test_items_slipped_into_the_training_data_are_found_and_no_others(
    shapes: Path, tmp_path: Path
) -> None:
    train = (shapes / "gsm8k_train.jsonl").read_text().splitlines()
    test = [json.loads(line) for line in (shapes / "gsm8k_test.jsonl").read_text().splitlines()]
    slipped = [
        json.dumps(test[k] | {"question": test[k]["question"].replace("How", "So, how")})
        for k in range(0, 40, 4)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join([*train, *slipped]) + "\n")
    (tmp_path / "h.jsonl").write_text("\n".join(map(json.dumps, test)) + "\n")
    found = compare(str(tmp_path / "t.jsonl"), str(tmp_path / "h.jsonl"))
    assert {
        m.held_out_line for m in found.gravest().values() if m.kind in ("exact", "near", "contained")
    } == {k + 1 for k in range(0, 40, 4)}


def test_a_quarter_of_twins_with_other_numbers_is_warned_of_and_no_leak(shapes: Path, tmp_path: Path) -> None:
    train = (shapes / "gsm8k_train.jsonl").read_text().splitlines()
    test = [json.loads(line)["question"] for line in (shapes / "gsm8k_test.jsonl").read_text().splitlines()]
    twins = [
        json.dumps({"question": re.sub(r"\d+", lambda n: str(int(n[0]) + 31), text), "answer": "#### 1"})
        for text in test[:10]
    ]
    (tmp_path / "t.jsonl").write_text("\n".join([*train, *twins]) + "\n")
    found = compare(str(tmp_path / "t.jsonl"), str(shapes / "gsm8k_test.jsonl"))
    assert found.lines("renamed") == list(range(1, 11))
    assert found.leaked == 0
    assert [finding.severity for finding in findings(found, "t.jsonl")] == ["warn"]


def test_ordinary_instruction_data_beside_itself_and_beside_others(shapes: Path) -> None:
    alpaca, pairs = str(shapes / "alpaca.json"), str(shapes / "pairs.json")
    assert compare(alpaca, alpaca).leaked == 60
    assert compare(pairs, alpaca).lines("exact") == [60], "the one prompt that both ask"


def test_the_command_says_it_in_words_and_fails_on_a_leak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps({"frage": ITEM}) + "\n")
    (tmp_path / "h.jsonl").write_text(json.dumps({"prompt": ITEM}) + "\n")
    code = main(["overlap", str(tmp_path / "t.jsonl"), str(tmp_path / "h.jsonl"), "--column", "frage=prompt"])
    said = capsys.readouterr().out
    assert code == 1
    assert "asks the very same as held-out line 1" in said
    assert "take those rows out" in said


@pytest.mark.parametrize(
    ("train", "held_out", "says"),
    [
        ('{"prompt": "x"}\n{"prompt": ', '{"prompt": "y"}\n', "t.jsonl:2: this line is not JSON"),
        ("[1]\n", '{"prompt": "y"}\n', "t.jsonl:1: this row is an array"),
        ("", '{"prompt": "y"}\n', "the training set is empty"),
        ('{"prompt": "x"}\n', '{"answer": "y"}\n', "no row of the held-out set has a prompt"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, train: str, held_out: str, says: str) -> None:
    (tmp_path / "t.jsonl").write_text(train)
    (tmp_path / "h.jsonl").write_text(held_out)
    with pytest.raises(CockpitError) as told:
        compare(str(tmp_path / "t.jsonl"), str(tmp_path / "h.jsonl"))
    assert says in str(told.value)


def test_hostile_rows_cost_little(tmp_path: Path) -> None:
    rows = [{"prompt": "\x1b[2J" * 3000}, {"prompt": "a" * 200_000}, {"prompt": "é" * 5000 + ITEM}, {"prompt": None},
            {"prompt": {"a": 1}}, {"messages": "no"}, {}]  # fmt: skip
    assert run(tmp_path, rows).rows == len(rows)


def test_a_large_file_is_read_in_two_processes_with_the_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "BATCH", 20)
    rows = [*chatter(30), {"prompt": ITEM}, *chatter(30, 1), {"prompt": RENAMED}]
    alone = run(tmp_path, rows)
    monkeypatch.setattr(overlap, "LARGE", 1)
    monkeypatch.setattr(overlap.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert run(tmp_path, rows) == alone


def test_rows_that_cannot_be_read_are_no_clean_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held, train = tmp_path / "h.jsonl", tmp_path / "t.jsonl"
    unknown = "".join(json.dumps({"frage": q, "antwort": "18"}) + "\n" for q in QUESTIONS)
    held.write_text("".join(json.dumps({"prompt": q}) + "\n" for q in QUESTIONS))
    train.write_text(unknown)
    assert main(["overlap", str(train), str(held)]) == 2
    assert "no row of the training set has a text in a column that is known" in capsys.readouterr().err
    train.write_text(unknown + json.dumps({"prompt": "Something else altogether?"}) + "\n")
    assert main(["overlap", str(train), str(held)]) == 0
    assert f"{len(QUESTIONS)} training rows have no text in a column that is known" in capsys.readouterr().out


def test_a_large_file_is_read_in_two_halves_and_both_are_told(tmp_path: Path) -> None:
    filler = "and so on, " * (overlap.LARGE // 2_500 // 10)
    train = [{"prompt": f"{number} {filler}"} for number in range(2_500)]
    train[0] = {"prompt": ITEM}
    train[overlap.BATCH + 7] = {"prompt": OTHERS[0]}
    found = run(tmp_path, train)
    assert (tmp_path / "train.jsonl").stat().st_size > overlap.LARGE
    assert found.rows == 2_500
    assert {(m.train_line, m.kind) for m in found.matches} == {(1, "exact"), (overlap.BATCH + 8, "exact")}
