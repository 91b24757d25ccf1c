"""Export a checkpoint: write, convert, score, tell, and only then give it its name; a part of one is never left."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.network import hub
from cockpit.contract.values import finite, mapping, whole
from cockpit.core.findings import Finding
from cockpit.core.methodlog import Entry
from cockpit.core.rules.table import ranked
from cockpit.core.rules.tree_rules.exported import Exported, judge_export
from cockpit.core.scores import Score
from cockpit.services.export import card, forms, modelfile, parts, scored, steps
from cockpit.services.recipe import warm_start
from cockpit.services.report import gather
from cockpit.services.rules import weights
from cockpit.services.system import environments, hardware
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import ExperimentView, Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

CARD = "README.md"
_REPO = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What to export. `kind`: numbers of a GGUF file; `push`: a repository of the hub, private unless `public`."""

    experiment: str
    form: str = "merged"
    kind: str = "f16"
    out: Path | None = None
    push: str | None = None
    public: bool = False
    score: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it. `score`: the export's own; `checkpoint`: that of what it was made of."""

    experiment: str
    form: str
    folder: Path
    size: int
    score: Score | None
    checkpoint: Score | None
    findings: tuple[Finding, ...]
    url: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing grave speaks against it."""
        return not any(finding.severity in ("alarm", "block") for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Plan:
    form: forms.Form
    view: ExperimentView
    attempt: AttemptLayout
    checkpoint: Path
    recipe: Recipe
    out: Path
    python: str
    runtime_python: str
    quantizer: str | None


def export(ws: Workspace, asked: Asked, say: steps.Say) -> Made:
    """Export a checkpoint as `asked`, scored again; blocks for as long as that takes. Raises CockpitError."""
    plan = _planned(ws, asked)
    if plan.out.exists():
        return _pushed(plan, asked, _there(plan, asked), say)
    with parts.apart(plan.out) as part:
        folder = part / plan.out.name
        folder.mkdir()
        told, gguf = _write(plan, asked, part, folder, say)
        base = str(told["base"])
        _refuse_lonely_adapter(plan, asked, base)
        reference, again = _score(plan, asked, part, folder, gguf, say)
        exported = Exported(
            plan.view.id,
            plan.form.name,
            plan.form.runtime,
            again.score if again else None,
            reference,
            _against_base(part, folder, told) if plan.form.weights == "merged" else None,
            again.read if again else {},
        )
        found = ranked(judge_export(exported))
        _tell(ws, plan, folder, base, exported, found)
        size = _size(folder)
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, plan.out)
    _record(ws, plan, asked, base, exported, found, size)
    made = Made(plan.view.id, plan.form.name, plan.out, size, exported.score, reference, tuple(found))
    return _pushed(plan, asked, made, say) if asked.push else made


def _there(plan: _Plan, asked: Asked) -> Made:
    """What an earlier call made, for a push that comes later or failed. Raises CockpitError where it isn't that."""
    if not asked.push:
        raise CockpitError(
            "there is something by this name already",
            "Remove it, or name another folder with --out.",
            file=plan.out,
        )
    facts, size = atomic.read_object(_record_file(plan)) or {}, _size(plan.out)
    same = {"folder": str(plan.out), "bytes": size, "type": asked.kind if plan.form.gguf else None}
    if any(facts.get(name) != value for name, value in same.items()):
        raise CockpitError(
            "what is there by this name is not this export as it was made, and is not pushed",
            "Remove it, or name another folder with --out.",
            file=plan.out,
        )
    score = _score_of(facts)
    if asked.score and score is None:
        raise CockpitError(
            "the export that is there was not scored",
            "Push it so with --no-score, or remove it to have it made and scored again.",
            file=plan.out,
        )
    _refuse_lonely_adapter(plan, asked, str(facts.get("base") or plan.recipe.model.name_or_path))
    rows = facts.get("findings")
    found = [
        Finding.from_dict(mapping(row))
        for row in (cast("list[object]", rows) if isinstance(rows, list) else [])
    ]
    return Made(
        plan.view.id,
        plan.form.name,
        plan.out,
        size,
        score,
        scored.of_checkpoint(plan.attempt, plan.checkpoint),
        tuple(finding for finding in found if finding is not None),
    )


def _score_of(facts: Mapping[str, Any]) -> Score | None:
    n, (value, lo, hi) = whole(facts.get("n")), (finite(facts.get(name)) for name in ("score", "lo", "hi"))
    return None if n is None or value is None or lo is None or hi is None else Score(value, n, lo, hi)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _refuse_lonely_adapter(plan: _Plan, asked: Asked, base: str) -> None:
    if asked.push and plan.form.weights == "adapter" and not hub.is_id(base):
        raise CockpitError(
            "nobody else has the base of this adapter: it is a folder on this machine",
            "Push --format merged.",
            file=base,
        )


def _planned(ws: Workspace, asked: Asked) -> _Plan:
    """Everything that can be refused before anything is loaded. Raises CockpitError."""
    from cockpit.contract.recipe import Recipe

    ws.refuse_moves()
    form = forms.of(asked.form)
    if asked.push and not _REPO.fullmatch(asked.push):
        raise CockpitError(f"{asked.push!r} is no repository of the hub", "Say OWNER/NAME.")
    if asked.push and not os.environ.get("HF_TOKEN"):
        raise CockpitError(
            "a push needs a token that may write",
            "Put it into the environment: export HF_TOKEN=…, and nowhere else.",
        )
    view = ws.experiment(asked.experiment.partition("@")[0])
    if view.id == BASELINE_ID:
        raise CockpitError(
            f"{view.id} is the base model itself: nothing was trained", "Name another experiment."
        )
    if view.attempt is not None and view.attempt.live:
        raise CockpitError(
            f"{view.id} still trains, and its checkpoints come and go",
            f"Wait for it, or `cockpit stop {view.id}`.",
        )
    if view.technique == "reward" and form.weights != "adapter":
        raise CockpitError(f"{view.id} is a reward model, and writes no text", "Say --format adapter.")
    found = warm_start.find(ws, asked.experiment)
    attempt = ws.attempt_dir(view.id)
    if attempt is None:
        raise CockpitError(f"{view.id} has not run yet", f"Start it with `cockpit launch {view.id}`.")
    recipe = Recipe.load(attempt.recipe)
    python = os.path.expanduser(recipe.resources.python or sys.executable)
    runtime, quantizer = python, None
    if form.gguf:
        made = environments.look(ws.root, forms.ENVIRONMENT)
        if not made.ready:
            raise CockpitError(
                "GGUF takes llama.cpp and its converter, which are not here",
                f"`cockpit env add {forms.ENVIRONMENT}` brings both (some 300 MB).",
            )
        runtime, quantizer = str(made.python), shutil.which(forms.QUANTIZER)
        forms.converted_first(asked.kind, quantizer)
    name = f"{view.id}-{found.folder.name}-{form.name}" + (f"-{asked.kind}" if form.gguf else "")
    out = (asked.out or ws.root / "exports" / name).expanduser().absolute()
    return _Plan(form, view, attempt, found.folder, recipe, out, python, runtime, quantizer)


def _write(
    plan: _Plan, asked: Asked, part: Path, folder: Path, say: steps.Say
) -> tuple[dict[str, Any], Path | None]:
    """Write the weights, and what is made of them; gives what was told of them, and the GGUF file."""
    form = plan.form
    target = part / "merged" if form.gguf else folder
    target.mkdir(exist_ok=True)
    first = forms.converted_first(asked.kind, plan.quantizer) if form.gguf else ""
    request = {
        "recipe": str(plan.attempt.recipe),
        "checkpoint": str(plan.checkpoint),
        "out": str(target),
        "format": form.weights,
        "also": forms.room(asked.kind, first) if form.gguf else 0.0,
        "memory": hardware.Hardware().memory_free(),
    }
    told = steps.step("weights", request, python=plan.python, say=say)
    if not form.gguf:
        return told, None
    gguf = folder / f"{plan.view.id}-{first}.gguf"
    request = {"model": str(target), "out": str(gguf), "type": first, "name": plan.view.id}
    steps.step("gguf", request, python=plan.runtime_python, say=say)
    if first != asked.kind:
        gguf = _quantized(gguf, asked.kind, plan.quantizer or "", say)
    for name in ("generation_config.json", "chat_template.jinja"):
        if (target / name).is_file():
            shutil.copyfile(target / name, folder / name)
    if form.name == "ollama":
        heat, system = plan.recipe.generation.temperature, plan.recipe.data.system_prompt or ""
        text = modelfile.modelfile(
            gguf.name, told.get("template"), told["ends"], temperature=heat, system=system
        )
        atomic.write_text(folder / "Modelfile", text)
    return told, gguf


def _quantized(gguf: Path, kind: str, program: str, say: steps.Say) -> Path:
    say(f"quantizing to {kind}")
    target = gguf.with_name(f"{gguf.stem.rpartition('-')[0]}-{kind}.gguf")
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    ran = steps.run([program, str(gguf), str(part), kind.upper()], sys.executable, say, {})
    if ran.code != 0 or not part.is_file():
        part.unlink(missing_ok=True)
        raise CockpitError(
            f"{forms.QUANTIZER} made no {kind}: {ran.why}", "Mend that, or say another --type."
        )
    os.replace(part, target)
    gguf.unlink()
    return target


def _score(
    plan: _Plan, asked: Asked, part: Path, folder: Path, gguf: Path | None, say: steps.Say
) -> tuple[Score | None, scored.Rescored | None]:
    """What the checkpoint scores, and what the export scores in its runtime."""
    reference = scored.of_checkpoint(plan.attempt, plan.checkpoint)
    if not asked.score:
        return reference, None
    if reference is None:
        say("this checkpoint has no held-out score yet: it is scored first")
        reference = scored.rescored(
            plan.recipe, plan.checkpoint, part / "score", python=plan.python, say=say
        ).score
    say(f"scoring the export in {plan.form.runtime}")
    weights_ = part / "merged" if gguf else folder
    again = scored.rescored(
        plan.recipe, weights_, part / "score", python=plan.runtime_python, say=say, gguf=gguf
    )
    return reference, again


def _against_base(part: Path, folder: Path, told: dict[str, Any]) -> weights.Weights | None:
    """The exported tensors against the base's; None where the base's files are not here."""
    there = told.get("base_folder")
    merged = part / "merged"
    mine = weights.read(merged if merged.is_dir() else folder)
    base = weights.read(Path(str(there))) if there else None
    return (
        weights.compare(mine, base, f"the base model {Path(str(told['base'])).name}")
        if mine and base
        else None
    )


def _tell(
    ws: Workspace, plan: _Plan, folder: Path, base: str, exported: Exported, found: list[Finding]
) -> None:
    """Write the model card beside the weights."""
    report = gather.of(ws, [plan.view.id])
    baseline = ws.experiment(BASELINE_ID).score if BASELINE_ID in ws.experiment_ids() else None
    text = card.card(
        report.told[0],
        report,
        mapping(plan.recipe.model_dump(mode="json")),
        form=plan.form.name,
        base=base,
        exported=exported.score,
        checkpoint=exported.checkpoint,
        baseline=baseline,
        runtime=plan.form.runtime,
        findings=found,
    )
    atomic.write_text(folder / CARD, text)


def _record_file(plan: _Plan) -> Path:
    return plan.attempt.exports / f"{plan.checkpoint.name}-{plan.form.name}.json"


def _record(
    ws: Workspace, plan: _Plan, asked: Asked, base: str, exported: Exported, found: list[Finding], size: int
) -> None:
    """Leave beside the attempt what was exported and what was found; a line of it in the method log."""
    score = exported.score
    facts = {
        "v": 1,
        "form": plan.form.name,
        "type": asked.kind if plan.form.gguf else None,
        "base": base,
        "folder": str(plan.out),
        "checkpoint": plan.checkpoint.name,
        "bytes": size,
        "time": ws.clock(),
        "runtime": plan.form.runtime,
        "score": score.value if score else None,
        "n": score.n if score else None,
        "lo": score.lo if score else None,
        "hi": score.hi if score else None,
        "read": dict(exported.read),
        "findings": [finding.as_dict() for finding in found],
    }
    atomic.write_json(_record_file(plan), facts)
    worth = f", which scores {score.text(3)} in {plan.form.runtime}" if score else ", unscored"
    text = f"exported {plan.checkpoint.name} as {plan.form.name}{worth}"
    key = f"export/{plan.out.name}/{ws.clock():.0f}"
    methodlog_writer.record(ws, [Entry("export", text, experiment=plan.view.id, key=key)])


def _pushed(plan: _Plan, asked: Asked, made: Made, say: steps.Say) -> Made:
    if not made.sound:
        say("not pushed: an alarm speaks against it")
        return made
    request = {
        "folder": str(made.folder),
        "repo": asked.push,
        "public": asked.public,
        "message": f"{made.experiment} as {made.form}",
    }
    told = steps.step("push", request, python=plan.python, say=say)
    return replace(made, url=str(told.get("url")))
