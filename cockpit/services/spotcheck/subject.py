"""What a spot check is about: two files, a verifier, perhaps a model; named by hand or by a workspace's experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.serving import named
from cockpit.contract.values import mapping
from cockpit.data import needs
from cockpit.services.workspace.workspace import ExperimentView, Workspace
from cockpit.verifiers import Verifier
from cockpit.verifiers import load as load_verifier


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """Completions of a model on eval items, as a scorer left them."""

    who: str
    path: Path


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that is compared. `recipe` is whole where a model is named, else None: then nothing is rendered."""

    train: str | None
    items: str | None
    verifier: Verifier | None
    cache: Path
    technique: str = "sft"
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    system_prompt: str | None = None
    enable_thinking: bool | None = None
    max_new_tokens: int | None = None
    recipe: Mapping[str, Any] | None = None
    serve: str | None = None
    experiment: str | None = None
    answers: tuple[AnswerFile, ...] = ()
    own: bool = False
    """Whether it is the workspace's own target (its eval, verifier and model), so that the verdict is its to keep."""
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> str | None:
        """The model whose tokenizer renders, where one is named."""
        if self.recipe is None:
            return None
        return str(cast("Mapping[str, Any]", self.recipe["model"])["name_or_path"])


@dataclass(frozen=True, slots=True)
class SpotCheckRequest:
    """What somebody named; the workspace fills in what is None."""

    train: str | None = None
    items: str | None = None
    verifier: str | None = None
    model: str | None = None
    experiment: str | None = None
    technique: str | None = None
    serve: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the chat template is given, on top of what the recipe says."""
    without_model: bool = False


def subject(request: SpotCheckRequest, ws: Workspace | None) -> Subject:
    """Resolve what is compared. Raises CockpitError where there is nothing to compare, or a name is wrong."""
    if ws is not None and not _stands_alone(request):
        return _of_workspace(request, ws)
    if request.train is None and request.items is None:
        raise CockpitError(
            "there is nothing to look at: no workspace here, and no file was named",
            "Name them: `cockpit spot-check --train F --eval F --verifier SPEC`.",
        )
    if request.train is None:
        raise CockpitError("no training file was named", "Add --train FILE.")
    if request.items is None and request.verifier is None:
        raise CockpitError(
            "there is nothing to compare the training file with",
            "Add --eval FILE, or --verifier SPEC, or both.",
        )
    return _alone(request)


def _stands_alone(request: SpotCheckRequest) -> bool:
    """Whether both files and the verifier are named by hand: then a workspace that happens to be here has no say."""
    return None not in (request.train, request.items, request.verifier) and request.experiment is None


def _alone(request: SpotCheckRequest) -> Subject:
    from cockpit.services.system.paths import cache_dir

    technique = request.technique or "sft"
    made = Subject(
        train=request.train, items=request.items,
        verifier=load_verifier(request.verifier) if request.verifier else None,
        cache=cache_dir() / "render", technique=technique, columns=request.columns, serve=request.serve,
        enable_thinking=_thinking(request.chat_template_kwargs),
        notes=() if request.verifier else ("No verifier was named: answers are compared by their form alone.",),
    )  # fmt: skip
    if request.model is None:
        return replace(
            made, notes=(*made.notes, "No model was named: what only its tokenizer shows is not checked.")
        )
    return replace(made, recipe=_recipe(request, technique))


def _recipe(
    request: SpotCheckRequest,
    technique: str,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    model: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """A recipe as `cockpit new` would make it, for rendering alone."""
    from cockpit.core.recipe.recipes import resolve

    data = dict((sections or {}).get("data", {}))
    items = str(request.items or request.train)
    data |= {"train": request.train, "held_out": items, "mini_eval": items}
    data["columns"] = {**dict(data.get("columns") or {}), **request.columns}
    data["chat_template_kwargs"] = _arguments(data, request)
    chosen = {
        name: dict(values) for name, values in (sections or {}).items() if name in ("generation", "resources")
    }
    made = resolve(
        technique, experiment_id=BASELINE_ID, model=dict(model or {}) | {"name_or_path": named(request.model or "")},
        verifier=request.verifier or "exact", data=data, sections=chosen, recipes=recipes,
    )  # fmt: skip
    return made.model_dump(mode="json")


def _of_workspace(request: SpotCheckRequest, ws: Workspace) -> Subject:
    config = ws.config
    view = ws.experiment(request.experiment) if request.experiment else _newest(ws)
    recipe = _recipe_of(ws, view) if view is not None else None
    section = mapping((recipe or {}).get("data"))
    train = request.train or section.get("train") or (str(config.train) if config.train else None)
    if train is None:
        raise CockpitError(
            "this workspace has no training file yet", "Name one: `cockpit spot-check --train F`."
        )
    technique = request.technique or (str(recipe["technique"]) if recipe else "sft")
    technique = "sft" if technique in ("baseline", "custom") else technique
    answers, items = _answers(ws, view, recipe)
    same = request.train in (None, section.get("train"))
    own = (
        request.items is None
        and request.model in (None, config.model)
        and request.verifier in (None, config.verifier)
    )
    items = request.items or items or str(config.held_out)
    verifier = request.verifier or config.verifier
    request = replace(
        request, train=str(train), items=items, verifier=verifier, model=request.model or config.model
    )
    if recipe is None or request.train != section.get("train") or technique != recipe["technique"]:
        recipe = _recipe(request, technique, config.sections, config.recipes, config.sections["model"])
    else:
        recipe = dict(recipe)
        recipe["data"] = {
            **section,
            "held_out": items,
            "columns": {**section.get("columns", {}), **request.columns},
            "chat_template_kwargs": _arguments(section, request),
        }
        if request.model != config.model:
            recipe["model"] = {
                **mapping((recipe or {}).get("model")),
                "name_or_path": named(request.model or config.model),
            }
    generation = mapping((recipe or {}).get("generation"))
    data = mapping((recipe or {}).get("data"))
    return Subject(
        train=request.train, items=items, verifier=load_verifier(verifier), cache=ws.layout.cache / "render",
        technique=technique, columns=cast("Mapping[str, str]", data.get("columns") or {}),
        system_prompt=data.get("system_prompt"), enable_thinking=_thinking(data.get("chat_template_kwargs")),
        max_new_tokens=generation.get("max_new_tokens"), recipe=None if request.without_model else recipe,
        serve=request.serve, experiment=view.id if view and same else None, answers=answers,
        own=own,
    )  # fmt: skip


def _arguments(data: Mapping[str, Any], request: SpotCheckRequest) -> dict[str, Any]:
    return {**(data.get("chat_template_kwargs") or {}), **request.chat_template_kwargs}


def _thinking(arguments: Mapping[str, Any] | None) -> bool | None:
    """Whether the chat template is told to let the model think, or not to; None where it isn't told."""
    told = (arguments or {}).get("enable_thinking")
    return told if isinstance(told, bool) else None


def _newest(ws: Workspace) -> ExperimentView | None:
    """The newest training experiment that the cockpit's own trainers know; None while there is none."""
    trained = [view for view in ws.experiments() if view.technique not in ("baseline", "custom")]
    return max(trained, key=lambda view: view.id, default=None)


def _recipe_of(ws: Workspace, view: ExperimentView) -> Mapping[str, Any] | None:
    return (ws.recipe_of(view) or None) if view.technique != "baseline" else None


def _answers(
    ws: Workspace, view: ExperimentView | None, recipe: Mapping[str, Any] | None
) -> tuple[tuple[AnswerFile, ...], str | None]:
    """The latest answers of the base and of the best checkpoint, and the eval file that they answer.

    The held-out pass where there is one of the experiment; else its newest mini-eval.
    """
    config = ws.config
    base = ws.attempt_dir(BASELINE_ID) if BASELINE_ID in ws.experiment_ids() else None
    own = AttemptLayout(view.attempt_dir) if view is not None and view.attempt_dir else None
    mini = _newest_mini(own)
    held_out = own.held_out / "items.jsonl" if own else None
    use_mini = mini is not None and not (held_out and held_out.is_file())
    files: list[AnswerFile] = []
    if base is not None:
        folder = base.mini_eval if use_mini else base.held_out
        files.append(AnswerFile("base", folder / "items.jsonl"))
    if view is not None and use_mini and mini is not None:
        files.append(
            AnswerFile(f"{view.id}, {mini.stem.partition('_')[2].replace('_0', ' ').replace('_', ' ')}", mini)
        )
    elif view is not None and held_out is not None:
        files.append(AnswerFile(f"{view.id}, best checkpoint", held_out))
    data = mapping((recipe or {}).get("data"))
    items = data.get("mini_eval" if use_mini else "held_out")
    fallback = str(config.mini_eval if use_mini else config.held_out)
    there = tuple(file for file in files if file.path.is_file())
    return there, str(items) if items and Path(str(items)).is_file() else fallback


def _newest_mini(attempt: AttemptLayout | None) -> Path | None:
    """The mini-eval of the best checkpoint, or the newest one."""
    if attempt is None:
        return None
    files = sorted(attempt.samples.glob("eval_step_*.jsonl"))
    if not files:
        return None
    best = attempt.best.resolve().name.removeprefix("step_") if attempt.best.exists() else ""
    return next((file for file in files if best and file.stem.endswith(best)), files[-1])


def columns_of(rows: list[dict[str, Any]], need: str, given: Mapping[str, str]) -> dict[str, str]:
    """Which column is read as what, as `cockpit new` would settle it; what can't be told is left to the row readers."""
    try:
        return needs.read_as(rows, need, given)
    except CockpitError:
        return dict(given)


__all__ = ["AnswerFile", "SpotCheckRequest", "Subject", "columns_of", "subject"]
