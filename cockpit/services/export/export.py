"""Export a checkpoint: write, convert, score, tell, and only then give it its name; a part of one is never left."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.network import hub
from cockpit.contract.values import mapping
from cockpit.core.findings import Finding
from cockpit.core.methodlog import Entry
from cockpit.core.rules.table import ranked
from cockpit.core.rules.tree_rules.exported import Exported, judge_export
from cockpit.core.scores import Score
from cockpit.services.export import card, forms, modelfile, scored, steps
from cockpit.services.recipe import warm_start
from cockpit.services.report import gather
from cockpit.services.rules import weights
from cockpit.services.system import environments, processes
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import ExperimentView, Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

RECORD = "export.json"
CARD = "README.md"
_REPO = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_PART = re.compile(r"\..+\.(\d+)\.tmp")


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
        raise CockpitError(
            "there is something by this name already",
            "Remove it, or name another folder with --out.",
            file=plan.out,
        )
    with _apart(plan.out) as part:
        folder = part / plan.out.name
        folder.mkdir()
        told, gguf = _write(plan, asked, part, folder, say)
        base = str(told["base"])
        if asked.push and plan.form.weights == "adapter" and not hub.is_id(base):
            raise CockpitError(
                "nobody else has the base of this adapter: it is a folder on this machine",
                "Push --format merged.",
                file=base,
            )
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
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, plan.out)
    _record(ws, plan, exported, found, size)
    made = Made(plan.view.id, plan.form.name, plan.out, size, exported.score, reference, tuple(found))
    return _pushed(plan, asked, made, say) if asked.push else made


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
        "also": forms.TYPES.get(first, 0.0),
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
    said = steps.run([program, str(gguf), str(target), kind.upper()], sys.executable, say, {})
    if not target.is_file():
        raise CockpitError(
            f"{forms.QUANTIZER} made no {kind}: {(said or ['it said nothing'])[-1][:300]}",
            "Say another --type.",
        )
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


def _record(ws: Workspace, plan: _Plan, exported: Exported, found: list[Finding], size: int) -> None:
    """Leave beside the attempt what was exported and what was found; a line of it in the method log."""
    score = exported.score
    facts = {
        "v": 1,
        "form": plan.form.name,
        "folder": str(plan.out),
        "checkpoint": plan.checkpoint.name,
        "bytes": size,
        "time": ws.clock(),
        "runtime": plan.form.runtime,
        "score": score.value if score else None,
        "n": score.n if score else None,
        "read": dict(exported.read),
        "findings": [finding.as_dict() for finding in found],
    }
    atomic.write_json(plan.attempt.exports / f"{plan.checkpoint.name}-{plan.form.name}.json", facts)
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
    return Made(
        made.experiment,
        made.form,
        made.folder,
        made.size,
        made.score,
        made.checkpoint,
        made.findings,
        str(told.get("url")),
    )


@contextmanager
def _apart(out: Path) -> Generator[Path]:
    """A folder beside `out` for a part of an export; what a killed one left there is removed."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for path in out.parent.glob(".*.tmp"):
            match = _PART.fullmatch(path.name)
            if match and processes.look(int(match[1])) is None:
                shutil.rmtree(path, ignore_errors=True)
        part = out.with_name(f".{out.name}.{os.getpid()}.tmp")
        part.mkdir()
    except OSError as error:
        raise CockpitError(
            f"the export can't be written: {error.strerror or error}",
            "Name another folder with --out.",
            file=out,
        ) from error
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
