"""The wizard's pages, each a function from what is known so far to what is shown and asked, with its answer's taker."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract.errors import CockpitError
from cockpit.data import answer_formats
from cockpit.services.wizard.experiment_pages import (
    end_page,
    fit_page,
    hypothesis_page,
    literature_page,
    recipe_page,
    smoke_page,
    take_end,
    take_fit,
    take_hypothesis,
    take_literature,
    take_recipe,
    take_smoke,
)
from cockpit.services.wizard.page import Choice, Page
from cockpit.services.wizard.technique_page import advice_page, take_advice

if TYPE_CHECKING:
    from cockpit.services.dataset.inspect import Inspection
    from cockpit.services.wizard.wizard import Wizard

GO_ON = (Choice("go", "go on"),)
_VERIFIERS = (
    ("exact", "the answer alone"),
    ("tagged:answer", "<answer>18</answer>, any tag"),
    ("numeric", "the last number"),
    ("boxed", "\\boxed{18}"),
    ("hashes", "GSM8K's #### 18"),
    ("choice", "a choice letter"),
    ("regex:PATTERN", "what the pattern's group finds"),
    ("f1", "words in common with a reference: a proxy, for prose that nothing can check"),
)


def look_at(wizard: Wizard) -> Inspection:
    """The look at the data, with the model's tokenizer once there is one; kept for the session."""
    from cockpit.services.dataset.inspect import inspect

    state = wizard.state
    local = Path(state.model).expanduser() / "tokenizer.json" if state.model else None
    tokenizer = str(local) if local is not None and local.is_file() else None
    key = f"{state.data}\0{tokenizer}"
    if key not in wizard.looks:
        wizard.looks[key] = inspect(state.data, tokenizer=tokenizer)
    return wizard.looks[key]


def _data_page(wizard: Wizard) -> Page:
    return Page(
        "Your data",
        (
            "JSONL, JSON, CSV, Parquet, a `datasets` folder, or a hub id where there is a network.",
            "Any of the field's shapes: messages, prompt and completion, Alpaca, ShareGPT, chosen and rejected, "
            "answers with a yes or no, question and answer, scored trajectories, plain text.",
            "What it is decides the technique: the reward first, the technique second.",
        ),
        "Data file",
        default=wizard.state.data,
        twin="cockpit inspect FILE",
    )


def _take_data(wizard: Wizard, value: str, reason: str) -> bool:
    if not value:
        raise CockpitError("there is no data yet", "Give a file.")
    path = Path(value).expanduser()
    wizard.state.data = str(path.resolve()) if path.exists() else value
    look_at(wizard)
    return True


def _look_page(wizard: Wizard) -> Page:
    from cockpit.services.dataset.inspect_text import as_text

    text = as_text(look_at(wizard))
    twin = f"cockpit inspect {shlex.quote(wizard.state.data)}"
    return Page("What it is", tuple(text.split("\n")), "Is that what you meant?", GO_ON, twin=twin)


def _take_nothing(wizard: Wizard, value: str, reason: str) -> bool:
    return True


def _held_out_page(wizard: Wizard) -> Page:
    return Page(
        "Held-out set",
        (
            "What the model is judged by, and never trained on. Give a file of your own where you have one: it is "
            "taken as it is, and refused where a training row asks what it asks.",
            "Without one, up to 200 rows of your data are set apart, by content and seeded, and 5-10 more as the "
            "mini-eval.",
        ),
        "Held-out file (may be empty)",
        default=wizard.state.held_out,
        optional=True,
    )


def _take_held_out(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.dataset import datasets

    path = Path(value).expanduser()
    if value:
        datasets.read_as(path, "items")
    wizard.state.held_out = str(path.resolve()) if value else ""
    return True


def _model_page(wizard: Wizard) -> Page:
    return Page(
        "Base model",
        (
            "The model that is trained: a folder that save_pretrained wrote, or a hub id (owner/name).",
            "A bare base model and an instruction-tuned one want different techniques; the name often says which.",
        ),
        "Base model",
        default=wizard.state.model,
    )


def _take_model(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.experiments.setup import check_model

    if not value:
        raise CockpitError("there is no model yet", "Give a folder or a hub id.")
    wizard.state.model = check_model(value)
    return True


def suggested_verifier(wizard: Wizard) -> str:
    """The verifier that reads the form most answers are in; words in common where they are prose."""
    profile = look_at(wizard).profile
    form = profile.answer_form
    if form is None and profile.reading.shape == "question-answer":
        return "exact"
    return answer_formats.verifier_for(form) or "f1"


def _verifier_page(wizard: Wizard) -> Page:
    seen = look_at(wizard)
    form = seen.profile.answer_form or "prose"
    suggestion = suggested_verifier(wizard)
    lines = [
        "A verifier scores one answer against one item. It is the score of the held-out set, and the reward of RL "
        "as it stands, format included. A reward you trust comes before everything else.",
        "",
        *(f"  {name:<14} {says}" for name, says in _VERIFIERS),
        "",
        f"Most answers in your data are of the form {form}: {suggestion} reads that.",
    ]
    return Page("Verifier", tuple(lines), "Verifier", default=wizard.state.verifier or suggestion)


def _take_verifier(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.dataset.inspect import check_gold
    from cockpit.services.experiments.setup import load_verifier_clearly

    verifier = load_verifier_clearly(value)
    check = check_gold(look_at(wizard).examples, verifier)
    if check is not None and check.checked and check.share == 0.0:
        raise CockpitError(check.sentence(), "Nothing could ever score above 0 with it.")
    wizard.state.verifier = verifier.spec
    return True


def chance_level(wizard: Wizard) -> tuple[float, str]:
    """What guessing scores, from the answers in the data, and why."""
    from collections import Counter

    golds = [e.gold for e in look_at(wizard).examples if e.gold is not None]
    letters = Counter(g.strip()[:1].upper() for g in golds)
    if wizard.state.verifier.startswith("choice") and golds:
        options = max(2, len([c for c in letters if c.isalpha()]))
        return round(1 / options, 4), f"one of {options} choices"
    kinds = Counter(g.strip().lower() for g in golds)
    if golds and len(kinds) <= 10 and len(golds) >= 20:
        share = kinds.most_common(1)[0][1] / len(golds)
        return round(share, 4), f"always saying {kinds.most_common(1)[0][0][:30]!r}"
    return 0.0, "open answers are not guessed"


def _chance_page(wizard: Wizard) -> Page:
    value, why = chance_level(wizard)
    return Page(
        "Guessing scores",
        (
            "What would guessing score, from 0 to 1? A base model below that lacks the knowledge, not the form, and "
            "then none of these techniques is the answer.",
            f"Derived from the data: {value:g} ({why}).",
        ),
        "Random score",
        default=wizard.state.chance or f"{value:g}",
    )


def _take_chance(wizard: Wizard, value: str, reason: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0.0 <= number < 1.0:
        raise CockpitError(f"{value!r} is no score", "Give a number from 0 to below 1, such as 0.25.")
    wizard.state.chance = value
    return True


def _rules_page(wizard: Wizard) -> Page:
    return Page(
        "Your rules",
        (
            "Constraints that every later recipe is held against, apart with semicolons. Those that a program can "
            "check close the launch where they would be broken:",
            "  no ppo · only lora · learning_rate <= 1e-4 · no NAME (of a data file or model) · hours <= 2",
            "Others are kept for people to read.",
        ),
        "Rules (may be empty)",
        default="; ".join(wizard.state.rules),
        optional=True,
        twin="cockpit note --constraint TEXT",
    )


def _take_rules(wizard: Wizard, value: str, reason: str) -> bool:
    wizard.state.rules = [part.strip() for part in value.split(";") if part.strip()]
    return True


def _make_page(wizard: Wizard) -> Page:
    s = wizard.state
    held_out = f" --held-out {shlex.quote(s.held_out)}" if s.held_out else ""
    rules = "".join(f" --constraint {shlex.quote(rule)}" for rule in s.rules)
    twin = (
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
        f"In {wizard.root}: a held-out set and a mini-eval slice are set apart by content, seeded, groups together; "
        "what asks the same never stands on both sides. The base model becomes exp_0000, to be scored first.",
    )
    return Page("Workspace", lines, "Make it?", (Choice("make", "make the workspace"),), twin=twin)


def _take_make(wizard: Wizard, value: str, reason: str) -> bool:
    from cockpit.services.experiments import setup

    s = wizard.state
    made = setup.init(
        wizard.root,
        name=wizard.root.name,
        model=s.model,
        verifier=s.verifier,
        train=Path(s.data),
        held_out=Path(s.held_out) if s.held_out else None,
        random_score=float(s.chance or 0) or None,
        constraints=s.rules,
    )
    for line in made.says:
        wizard.tell(line)
    return True


def _log_page(wizard: Wizard) -> Page:
    ws = wizard.ws
    base = ws.experiment("exp_0000") if "exp_0000" in ws.experiment_ids() else None
    lines = [line for line in ws.method_log_lines() if line.startswith("- ")]
    if base is not None and base.score is not None:
        scored = f"The base model scores {base.score.text(2)}. Go on."
        choices = GO_ON
    else:
        scored = (
            "The base model has not been scored yet: without its score no gain can be told. Scoring it first is the "
            "firm order of things; it takes as long as answering the held-out set."
        )
        choices = (
            Choice("score", "score the base model now, in a process of its own"),
            Choice("go", "go on meanwhile"),
        )
    if base is not None and base.status == "running":
        scored, choices = (
            f"The base model is being scored: {base.attempt.sentence if base.attempt else ''}",
            GO_ON,
        )
    return Page(
        "What the log says",
        (scored, "", *lines[-40:]),
        "What next?",
        choices,
        twin="cockpit launch exp_0000 --wait",
    )


def _take_log(wizard: Wizard, value: str, reason: str) -> bool:
    if value == "score":
        from cockpit.services.experiments import lifecycle

        lifecycle.launch(wizard.ws, "exp_0000")
    return True


def short_answer(wizard: Wizard, step: str) -> str:
    """What was answered, for the list on the left."""
    s = wizard.state
    shown: Mapping[str, str] = {
        "data": Path(s.data).name,
        "held_out": Path(s.held_out).name if s.held_out else "split off",
        "model": s.model.rstrip("/").rsplit("/", 1)[-1],
        "verifier": s.verifier,
        "chance": s.chance,
        "rules": f"{len(s.rules)} rules" if s.rules else "none",
        "advice": s.technique.upper() + (" (against)" if s.reason else ""),
        "recipe": f"{len(s.settings)} changed" if s.settings else "defaults",
        "hypothesis": s.experiment,
    }
    return shown.get(step, "done")


PAGES: Mapping[str, Callable[[Wizard], Page]] = {
    "data": _data_page,
    "look": _look_page,
    "held_out": _held_out_page,
    "model": _model_page,
    "verifier": _verifier_page,
    "chance": _chance_page,
    "rules": _rules_page,
    "make": _make_page,
    "log": _log_page,
    "advice": advice_page,
    "literature": literature_page,
    "recipe": recipe_page,
    "hypothesis": hypothesis_page,
    "fit": fit_page,
    "smoke": smoke_page,
    "end": end_page,
}
TAKES: Mapping[str, Callable[[Wizard, str, str], bool]] = {
    "data": _take_data,
    "look": _take_nothing,
    "held_out": _take_held_out,
    "model": _take_model,
    "verifier": _take_verifier,
    "chance": _take_chance,
    "rules": _take_rules,
    "make": _take_make,
    "log": _take_log,
    "advice": take_advice,
    "literature": take_literature,
    "recipe": take_recipe,
    "hypothesis": take_hypothesis,
    "fit": take_fit,
    "smoke": take_smoke,
    "end": take_end,
}
