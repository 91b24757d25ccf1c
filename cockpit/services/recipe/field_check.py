"""Check the fields of the form for a new experiment, and say what is wrong with each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cockpit.contract.errors import CockpitError

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import Workspace


class DraftFields(NamedTuple):
    """What the form for a new experiment holds, as typed."""

    technique: str
    hypothesis: str = ""
    parent: str | None = None
    data: str = ""
    overrides: tuple[str, ...] = ()
    lora: bool | None = None


def check(workspace: Workspace, draft: DraftFields) -> dict[str, str]:
    """A sentence for each field that is wrong; empty where an experiment can be made. Blocks for file reads."""
    wrong: dict[str, str] = {}
    for field, look in (("parent", _parent), ("settings", _settings), ("data", _data)):
        try:
            look(workspace, draft)
        except CockpitError as error:
            wrong[field] = str(error)
    return wrong


def _parent(workspace: Workspace, draft: DraftFields) -> None:
    if draft.parent:
        from cockpit.services.recipe import warm_start

        _, start = warm_start.choose(workspace, draft.parent, None, fresh=False, technique=draft.technique)
        if start:
            warm_start.find(workspace, start)


def _settings(workspace: Workspace, draft: DraftFields) -> None:
    """The overrides alone, against a recipe whose other parts are sound."""
    from cockpit.core.recipe import recipes

    if draft.technique in ("baseline", "custom"):
        recipes.named_overrides(draft.overrides, draft.technique)
        return
    recipes.resolve(
        draft.technique,
        experiment_id="exp_0000",
        model="model",
        verifier=workspace.config.verifier,
        data={"train": "train.jsonl", "mini_eval": "mini.jsonl", "held_out": "held_out.jsonl"},
        lora=draft.lora,
        overrides=draft.overrides,
        recipes=workspace.config.recipes,
    )


def _data(workspace: Workspace, draft: DraftFields) -> None:
    if draft.technique in ("baseline", "custom") and not draft.data:
        return
    path = Path(draft.data).expanduser() if draft.data else workspace.config.train
    if path is None:
        raise CockpitError("this workspace has no training file", "Name one.")
    path = path if path.is_absolute() else Path.cwd() / path
    from cockpit.services.dataset import datasets

    if draft.technique != "custom":
        datasets.read_as(path, draft.technique, None)
