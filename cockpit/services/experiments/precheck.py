"""Compare a recipe and its files with the log before every move: changed files, settings that were run already."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.serving import model_digest
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.core.tree import prelaunch_checks
from cockpit.core.tree.prelaunch_checks import Past, PrelaunchCheck
from cockpit.services.dataset import datasets, measure
from cockpit.services.workspace import methodlog_writer, smoke_verdict
from cockpit.services.workspace.workspace import BASELINE_ID, ExperimentView, Workspace
from cockpit.verifiers import load as load_verifier

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe


def concerns(ws: Workspace, recipe: Recipe, *, but: str = "") -> list[PrelaunchCheck]:
    """What the log says against this recipe, the gravest first; `but` is the recipe's own experiment."""
    entries = log_entries(ws)
    found = prelaunch_checks.swaps(entries, contents(ws))
    if recipe.data.train and recipe.data.train_hash:
        swapped = prelaunch_checks.swapped_training(
            [entry for entry in entries if entry.experiment != but or not but],
            recipe.data.train,
            recipe.data.train_hash,
        )
        found += [swapped] if swapped else []
    found += prelaunch_checks.against_constraints(constraints_of(ws, entries), recipe)
    again = prelaunch_checks.already_run(smoke_verdict.fingerprint(recipe), _past(ws, but))
    return found + ([again] if again else [])


def log_entries(ws: Workspace) -> list[Entry]:
    """`methodlog.md` as entries; empty where there is none."""
    try:
        return methodlog.parse(untrusted.read_text(ws.layout.methodlog))
    except OSError:
        return []


def constraints_of(ws: Workspace, entries: Sequence[Entry]) -> list[str]:
    """The user's constraints, from `cockpit.toml` and from the log."""
    logged = [entry.text for entry in entries if entry.kind == "constraint"]
    return list(dict.fromkeys([*ws.config.constraints, *logged]))


def contents(ws: Workspace) -> dict[str, str]:
    """Digests of what makes the target, as it is now; what can't be read is left out."""
    config = ws.config
    found: dict[str, str] = {}
    for name, path in (("held_out", config.held_out), ("mini_eval", config.mini_eval)):
        try:
            found[name] = datasets.content_hash(path)
        except CockpitError:
            continue  # its absence is the launch's to name
    model = model_digest(config.model)
    if model:
        found["model"] = model
    template = template_digest(config.model)
    if template:
        found["template"] = template
    with contextlib.suppress(CockpitError):
        found["verifier"] = load_verifier(config.verifier).fingerprint
    return found


def content_entries(ws: Workspace) -> list[Entry]:
    """The log's lines for model, template and verifier: what a later swap is told by."""
    now = contents(ws)
    says = {
        "model": ws.config.model,
        "template": f"chat template of {ws.config.model}",
        "verifier": ws.config.verifier,
    }
    return [
        Entry(
            "target", f"{name} {says[name]} sha256:{now[name][:16]}", key=f"content/{name}/{now[name][:16]}"
        )
        for name in says
        if name in now
    ]


def template_digest(model: str) -> str | None:
    """A digest of the chat template and what turns text into tokens, where they are on this machine."""
    digest = hashlib.sha256()
    seen = False
    for name in ("chat_template.jinja", "tokenizer_config.json", "tokenizer.json"):
        path = measure.model_file(model, name)
        try:
            if path is not None and path.is_file():
                digest.update(name.encode() + untrusted.read_bytes(path))
                seen = True
        except OSError:
            return None
    return digest.hexdigest() if seen else None


def _past(ws: Workspace, but: str) -> list[Past]:
    from cockpit.contract.recipe import Recipe

    made: list[Past] = []
    for view in ws.experiments():
        if view.id in (but, BASELINE_ID) or view.attempt_dir is None:
            continue
        try:
            recipe = Recipe.load(view.attempt_dir / "recipe.json")
        except CockpitError:
            continue  # an attempt of another version says nothing here
        made.append(Past(view.id, smoke_verdict.fingerprint(recipe), view.status, _result(view)))
    return made


def _result(view: ExperimentView) -> str:
    if view.score is None:
        return view.note or (view.attempt.sentence if view.attempt else "no score")
    delta = f", {view.delta.sentence}" if view.delta else ""
    return f"held-out {view.score.text(3)}{delta}"


def record_target(ws: Workspace) -> None:
    """Write down what the target is made of, once; a later difference is then a swap."""
    known = prelaunch_checks.known_contents(log_entries(ws))
    methodlog_writer.record(
        ws, [entry for entry in content_entries(ws) if entry.key.split("/")[1] not in known]
    )
