"""Which technique fits: walk the decision tree with what is seen and what was answered, rank, and say why.

Advice, not law: the caller shows the path, the branches not taken, and takes another choice with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.contract.errors import CockpitError
from cockpit.core.technique.cautions import cautions
from cockpit.core.technique.ends import ENDS
from cockpit.core.technique.facts import RANKED, Facts, Technique
from cockpit.core.technique.nodes import FITS, End, Node, Rank, Seen
from cockpit.core.technique.tree import NODES, ROOT

INTEND = "intend"
_NODES = {node.id: node for node in NODES}
_ENDS = {end.id: end for end in ENDS}
# What a technique can't do without, where the end of the branch doesn't rank it.
_NEEDS: Mapping[Technique, tuple[frozenset[str], str]] = {
    "sft": (frozenset({"texts"}), "there are no texts to imitate"),
    "dpo": (frozenset({"pairs"}), "there are no pairs of a better and a worse answer"),
    "orpo": (frozenset({"pairs"}), "there are no pairs of a better and a worse answer"),
    "kto": (frozenset({"labels", "pairs"}), "no answer is marked good or bad"),
    "rft": (frozenset({"checker", "scores"}), "nothing scores an answer"),
    "grpo": (frozenset({"checker"}), "nothing scores a new answer"),
    "rloo": (frozenset({"checker"}), "nothing scores a new answer"),
    "ppo": (frozenset({"checker"}), "nothing scores a new answer, and it is unmaintained upstream"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A node passed: the value taken, `how` (seen, answered, assumed) and by what."""

    node: str
    key: str
    question: str
    value: str
    label: str
    how: str
    because: str
    source: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch not taken, and what it would have taken."""

    node: str
    value: str
    label: str
    leads_to: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is still open: the advice assumes `assumed` (None: it can't go on without)."""

    key: str
    question: str
    matters: str
    options: tuple[tuple[str, str], ...]
    assumed: str | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What the tree says. `technique` is None where none of them is the answer, or while `undecided`.

    `ranked`: every technique, the best first. `comfortable`: the easy choice that doesn't match. `instead`: what to
    do where none fits. `smaller_step`: what to try before training.
    """

    technique: Technique | None
    undecided: bool
    ranked: tuple[Rank, ...]
    why: str
    source: str
    questions: tuple[Question, ...]
    path: tuple[Step, ...]
    not_taken: tuple[Branch, ...]
    comfortable: tuple[Technique, str] | None
    instead: tuple[str, ...]
    warnings: tuple[str, ...]
    smaller_step: str

    @property
    def name(self) -> str:
        """The technique's name; `none` where none of them is the answer, `undecided` while that is open."""
        return self.technique or ("undecided" if self.undecided else "none")


def keys() -> dict[str, Node]:
    """What can be answered: key -> the first node that asks it."""
    found: dict[str, Node] = {}
    for node in NODES:
        found.setdefault(node.key, node)
    return found


def parse_answers(given: list[str]) -> dict[str, str]:
    """`["base=never"]` as a mapping. Raises CockpitError naming the key, its value and what is allowed."""
    answers: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key, value = key.strip().lower(), value.strip().lower()
        if not equals or not key or not value:
            raise CockpitError(
                f"{text!r} is no answer", "Write --answer KEY=VALUE, e.g. --answer base=never."
            )
        answers[key] = value
    return answers


def advise(facts: Facts, answers: Mapping[str, str] | None = None) -> Advice:
    """Walk the tree. What was answered beats what is seen, which beats the default.

    Raises CockpitError for an answer to no question, or one that its question doesn't offer.
    """
    given = dict(answers or {})
    _check(given)
    path: list[Step] = []
    not_taken: list[Branch] = []
    open_questions: list[Question] = []
    at = ROOT
    while at in _NODES:
        node = _NODES[at]
        step = _answer(node, facts, given)
        if step is None or step.how == "assumed":
            open_questions.append(_question(node))
        if step is None:
            return _undecided(facts, open_questions, path, not_taken)
        path.append(step)
        not_taken += _others(node, step)
        option = node.option(step.value)
        assert option is not None
        at = option.then
    return _conclude(_ENDS[at], facts, given, open_questions, path, not_taken)


def _check(given: Mapping[str, str]) -> None:
    known = keys()
    for key, value in given.items():
        if key == INTEND:
            if value not in RANKED:
                raise CockpitError(f"{INTEND}={value} is no technique", f"There are: {', '.join(RANKED)}.")
            continue
        if key not in known:
            names = ", ".join((*known, INTEND))
            raise CockpitError(f"there is no question {key!r}", f"There are: {names}.")
        if known[key].option(value) is None:
            allowed = ", ".join(option.value for option in known[key].options)
            raise CockpitError(f"{key}={value} is not among its answers", f"There are: {allowed}.")


def _answer(node: Node, facts: Facts, given: Mapping[str, str]) -> Step | None:
    seen = node.see(facts)
    if node.key in given:
        value, how = given[node.key], "answered"
        because = f"you said so{_contradicts(seen, value)}"
    elif seen is not None:
        value, how, because = seen.value, "seen", seen.because
    elif node.default:
        value, how, because = node.default, "assumed", "not known until you say so"
    else:
        return None
    option = node.option(value)
    assert option is not None, (node.id, value)
    return Step(node.id, node.key, node.question, value, option.label, how, because, node.source)


def _contradicts(seen: Seen | None, value: str) -> str:
    return f", though {seen.because}" if seen is not None and seen.value != value else ""


def _question(node: Node) -> Question:
    options = tuple((option.value, option.label) for option in node.options)
    return Question(node.key, node.question, node.matters, options, node.default or None)


def _others(node: Node, step: Step) -> list[Branch]:
    taken = node.option(step.value)
    return [
        Branch(node.id, option.value, option.label, _leads_to(option.then), f"fits where {option.takes}")
        for option in node.options
        if taken is not None and option.then != taken.then
    ]


def _leads_to(at: str, seen: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The techniques that can be reached from here, by way of the default answers first."""
    if at in _ENDS:
        return (_ENDS[at].technique or "none",)
    if at in seen:
        return ()
    node = _NODES[at]
    options = sorted(node.options, key=lambda option: option.value != node.default)
    reached = [name for option in options for name in _leads_to(option.then, seen | {at})]
    return tuple(dict.fromkeys(name for name in reached if name != "none")) or ("none",)


def _ranking(end: End, facts: Facts) -> tuple[Rank, ...]:
    """Every technique: as the end ranks it, else impossible for the lack of what it needs."""
    ranked = {rank.technique: rank for rank in end.ranked}
    for technique in RANKED:
        if technique not in ranked:
            needs, lacking = _NEEDS[technique]
            there = bool(needs & facts.has)
            ranked[technique] = Rank(
                technique,
                "poor" if there else "impossible",
                "another technique fits this reward better" if there else lacking,
            )
    return tuple(sorted(ranked.values(), key=lambda rank: FITS.index(rank.fit)))


def _conclude(
    end: End,
    facts: Facts,
    given: Mapping[str, str],
    questions: list[Question],
    path: list[Step],
    not_taken: list[Branch],
) -> Advice:
    ranked = _ranking(end, facts)
    values = {step.key: step.value for step in path}
    warnings = [*_intended(given.get(INTEND), end, ranked), *cautions(facts, end, values)]
    prompting = values.get("prompting")
    smaller = "" if prompting != "untried" else (
        "Before training, try a better prompt on the mini-eval items: clearer wording, a few examples, constrained "
        "decoding. It costs minutes."
    )  # fmt: skip
    return Advice(
        end.technique,
        False,
        ranked,
        end.why,
        end.source,
        tuple(questions),
        tuple(path),
        tuple(not_taken),
        end.comfortable,
        end.instead,
        tuple(warnings),
        smaller,
    )


def _intended(intend: str | None, end: End, ranked: tuple[Rank, ...]) -> list[str]:
    """Name the comfortable choice when the user is about to make it."""
    if intend is None or intend == end.technique:
        return []
    rank = next(rank for rank in ranked if rank.technique == intend)
    better = end.technique.upper() if end.technique else "none of these techniques"
    if end.comfortable is not None and end.comfortable[0] == intend:
        return [
            f"{intend.upper()} is the comfortable choice here, not the matching one ({better}): "
            f"{end.comfortable[1]}."
        ]
    return [f"{intend.upper()} is {_called(rank)} here: {rank.why}. The matching choice is {better}."]


def _called(rank: Rank) -> str:
    return {"good": "a good second", "possible": "possible", "poor": "a poor fit"}.get(
        rank.fit, "not possible"
    )


def _undecided(facts: Facts, questions: list[Question], path: list[Step], not_taken: list[Branch]) -> Advice:
    why = "Decide on the reward first, technique second: what says whether an answer is good?"
    if facts.shape == "unknown":
        why = f"The data is of no shape that says it. {why}"
    return Advice(
        None, True, (), why, _NODES[ROOT].source, tuple(questions), tuple(path), tuple(not_taken), None, (), (), ""
    )  # fmt: skip
