"""The wizard's pages from the data to the workspace: each shows what is known, asks one thing, and takes the answer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.data import answer_formats
from cockpit.services.wizard.page import Choice, Page
from cockpit.verifiers import KINDS, name_of

if TYPE_CHECKING:
    from cockpit.services.wizard.session import WizardSession

GO_ON = (Choice("go", "go on"),)
_TESTS = frozenset(("tests", "test_list", "unit_tests"))


def data_page(session: WizardSession) -> Page:
    return Page(
        (
            "JSONL, JSON, CSV or Parquet.",
            "Any of the field's shapes: messages, prompt and completion, Alpaca, ShareGPT, chosen and rejected, "
            "answers with a yes or no, question and answer, scored trajectories, plain text.",
            "What it is decides the technique: the reward first, the technique second.",
        ),
        "Data file",
        default=session.state.data,
        path=True,
        cli_equivalent="cockpit inspect FILE",
    )


def take_data(session: WizardSession, value: str, reason: str) -> bool:
    if not value:
        raise CockpitError("there is no data yet", "Give a file.")
    from cockpit.services.dataset import slices

    path = Path(value).expanduser()
    slices.refuse_unreadable(path)
    session.state.data = str(path.resolve())
    session.inspection()
    return True


def look_page(session: WizardSession) -> Page:
    from cockpit.services.dataset.inspect_text import as_text

    text = as_text(session.inspection())
    cli_equivalent = f"cockpit inspect {shlex.quote(session.state.data)}"
    return Page(tuple(text.split("\n")), "Is that what you meant?", GO_ON, cli_equivalent=cli_equivalent)


def held_out_page(session: WizardSession) -> Page:
    return Page(
        (
            "What the model is judged by, and never trained on. Give a file of your own where you have one: it is "
            "taken as it is, and refused where a training row asks what it asks.",
            "Without one, up to 200 rows of your data are set apart, by content and seeded, and 5-10 more as the "
            "mini-eval.",
        ),
        "Held-out file (may be empty)",
        default=session.state.held_out,
        path=True,
        optional=True,
    )


def take_held_out(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.services.dataset import slices

    path = Path(value).expanduser()
    slices.refuse_inseparable(Path(session.state.data), path if value else None)
    session.state.held_out = str(path.resolve()) if value else ""
    return True


def model_page(session: WizardSession) -> Page:
    return Page(
        (
            "The model that is trained: a folder that save_pretrained wrote, or a hub id (owner/name).",
            "A bare base model and an instruction-tuned one want different techniques; the name often says which.",
        ),
        "Base model",
        default=session.state.model,
        path=True,
    )


def take_model(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.services.experiments.setup import check_model

    if not value:
        raise CockpitError("there is no model yet", "Give a folder or a hub id.")
    session.state.model = check_model(value)
    return True


def suggested_verifier(session: WizardSession) -> str:
    """The verifier that reads the form most answers are in; words in common where they are prose."""
    seen = session.inspection()
    profile = seen.profile
    columns = {*profile.reading.columns, *profile.reading.unused}
    if columns & _TESTS or {"test", "entry_point"} <= columns:
        return "tests"
    if any("tool_calls" in turn for example in seen.examples for turn in example.chat[-1:]):
        return "tool-call"
    form = profile.answer_form
    if form is None and profile.reading.shape == "question-answer" and not profile.reading.unchecked:
        return "exact"
    return answer_formats.verifier_for(form) or "f1"


def verifier_page(session: WizardSession) -> Page:
    seen = session.inspection()
    form = seen.profile.answer_form
    suggestion = suggested_verifier(session)
    reads = f"The answers in your data can be checked: {suggestion} reads them."
    if form is not None:
        reads = f"Most answers in your data are of the form {form}: {suggestion} reads that."
    if suggestion == "f1":
        reads = (
            "The answers in your data are free prose, which no program can check: f1 counts the words in common "
            "with yours. That compares two models; it is no reward to train on."
        )
    lines = [
        "A verifier scores one answer against one item. It is the score of the held-out set, and the reward of RL "
        "as it stands, format included. A reward you trust comes before everything else.",
        "",
        reads,
        "",
        *(f"  {kind.spec:<16} {kind.wants.replace('`', '')}" for kind in KINDS),
    ]
    return Page(tuple(lines), "Verifier", default=session.state.verifier or suggestion)


def take_verifier(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.services.dataset.inspect import check_gold
    from cockpit.services.experiments.setup import load_verifier_clearly

    verifier = load_verifier_clearly(value)
    check = check_gold(session.inspection().examples, verifier)
    if check is not None and check.checked and check.share == 0.0:
        raise CockpitError(check.sentence(), "Nothing could ever score above 0 with it.")
    session.state.verifier = verifier.spec
    return True


def chance_level(session: WizardSession) -> tuple[float, str]:
    """What guessing scores, from the answers in the data, and why."""
    from collections import Counter

    golds = [e.gold for e in session.inspection().examples if e.gold is not None]
    letters = Counter(g.strip()[:1].upper() for g in golds)
    if name_of(session.state.verifier) == "choice" and golds:
        options = max(2, len([c for c in letters if c.isalpha()]))
        return round(1 / options, 4), f"one of {options} choices"
    kinds = Counter(g.strip().lower() for g in golds)
    if golds and len(kinds) <= 10 and len(golds) >= 20:
        share = kinds.most_common(1)[0][1] / len(golds)
        return round(share, 4), f"always saying {kinds.most_common(1)[0][0][:30]!r}"
    return 0.0, "open answers are not guessed"


def chance_page(session: WizardSession) -> Page:
    value, why = chance_level(session)
    return Page(
        (
            "What would guessing score, from 0 to 1? A base model below that lacks the knowledge, not the form, and "
            "then none of these techniques is the answer.",
            f"Derived from the data: {value:g} ({why}).",
        ),
        "Random score",
        default=session.state.chance or f"{value:g}",
    )


def take_chance(session: WizardSession, value: str, reason: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0.0 <= number < 1.0:
        raise CockpitError(f"{value!r} is no score", "Give a number from 0 to below 1, such as 0.25.")
    session.state.chance = value
    return True


def rules_page(session: WizardSession) -> Page:
    return Page(
        (
            "Constraints that every later recipe is held against, apart with semicolons. Those that a program can "
            "check close the launch where they would be broken:",
            "  no ppo · only lora · learning_rate <= 1e-4 · no NAME (of a data file or model) · hours <= 2",
            "Others are kept for people to read.",
        ),
        "Rules (may be empty)",
        default="; ".join(session.state.rules),
        optional=True,
        cli_equivalent="cockpit note --constraint TEXT",
    )


def take_rules(session: WizardSession, value: str, reason: str) -> bool:
    session.state.rules = [part.strip() for part in value.split(";") if part.strip()]
    return True


def make_page(session: WizardSession) -> Page:
    s = session.state
    held_out = f" --held-out {shlex.quote(s.held_out)}" if s.held_out else ""
    rules = "".join(f" --constraint {shlex.quote(rule)}" for rule in s.rules)
    cli_equivalent = (
        f"cockpit init --data {shlex.quote(s.data)} --model {shlex.quote(s.model)} "
        f"--verifier {shlex.quote(s.verifier)}{held_out} --random-score {s.chance or 0}{rules} --yes --json"
    )
    lines = (
        f"  data      {s.data}",
        *((f"  held-out  {s.held_out}",) if s.held_out else ()),
        f"  model     {s.model}",
        f"  verifier  {s.verifier}",
        f"  guessing  {s.chance or 0}",
        *(f"  rule      {rule}" for rule in s.rules),
        "",
        f"In {session.root}: a held-out set and a mini-eval slice are set apart by content, seeded, groups together; "
        "what asks the same never stands on both sides. The base model becomes exp_0000, to be scored first.",
    )
    return Page(lines, "Make it?", (Choice("make", "make the workspace"),), cli_equivalent=cli_equivalent)


def take_make(session: WizardSession, value: str, reason: str) -> bool:
    from cockpit.services.experiments import setup

    s = session.state
    made = setup.init(
        session.root,
        name=session.root.name,
        model=s.model,
        verifier=s.verifier,
        train=Path(s.data),
        held_out=Path(s.held_out) if s.held_out else None,
        random_score=float(s.chance or 0) or None,
        constraints=s.rules,
    )
    for line in made.messages:
        session.tell(line)
    return True
