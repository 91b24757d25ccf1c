"""Rules over what was exported: is it what was trained, and does the runtime that it is for read and score it alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.core.findings import Finding
from cockpit.core.rules.table import found
from cockpit.core.rules.tree_rules.progress import Weights
from cockpit.core.scores import Score, compare


@dataclass(frozen=True, slots=True)
class Exported:
    """One export. `score` is what it scored in `runtime`, `checkpoint` what the checkpoint scored that it was made of.

    `weights`: the exported tensors against the base's. `read`: what the runtime reads otherwise (`prompts`,
    `otherwise`, `example`, `template`), empty where it reads with the run's own tokenizer.
    """

    experiment: str
    form: str
    runtime: str
    score: Score | None = None
    checkpoint: Score | None = None
    weights: Weights | None = None
    read: Mapping[str, Any] = field(default_factory=dict[str, Any])


def judge_export(export: Exported) -> list[Finding]:
    """Return what speaks against an export, gravest first."""
    about = (export.experiment,)
    made: list[Finding] = []
    weights = export.weights
    if weights is not None and weights.tensors and weights.equal == weights.tensors:
        made.append(
            found(
                "export-equals-base",
                "alarm",
                f"The exported weights of {export.experiment} are those of {weights.other}: "
                "nothing of the training is in them",
                (f"{weights.tensors:,} tensors compared, all equal",),
                "Train it again, or export the checkpoint with --format adapter: a change that is finer than the "
                "base's numbers resolve is rounded away when it is merged.",
                about,
            )
        )
    if export.score is not None and export.checkpoint is not None:
        delta = compare(export.score, export.checkpoint)
        if delta.kind == "lost":
            made.append(
                found(
                    "export-lost",
                    "alarm",
                    f"{export.experiment} lost {-delta.value:.3f} when it was exported as {export.form}",
                    (
                        f"in {export.runtime}: {_said(export.score)}",
                        f"the checkpoint: {_said(export.checkpoint)}",
                        delta.sentence,
                    ),
                    _cure(export),
                    about,
                )
            )
    return [*made, *_reading(export, about)]


def _said(score: Score) -> str:
    return f"{score.text(3)} on {score.over()}"


def _cure(export: Exported) -> str:
    if export.read.get("otherwise") or export.read.get("template") in ("differs", "refused"):
        return (
            f"{export.runtime} reads prompts otherwise than the run did: serve --format merged with a runtime that "
            "reads the model's own tokenizer."
        )
    if export.form not in ("merged", "adapter"):
        return "Export it with --type f16: fewer bits a weight may be too few for this model."
    return "Export it with --format adapter, and load it on the base that it was trained on."


def _reading(export: Exported, about: tuple[str, ...]) -> list[Finding]:
    otherwise, prompts = export.read.get("otherwise") or 0, export.read.get("prompts") or 0
    template = export.read.get("template")
    evidence: list[str] = []
    if otherwise:
        evidence.append(
            f"{otherwise} of {prompts} prompts become other tokens: {str(export.read.get('example'))!r}"
        )
    if template == "differs":
        evidence.append("the chat template renders a conversation otherwise")
    if template == "refused":
        evidence.append("it can't render the model's chat template")
    if not evidence:
        return []
    return [
        found(
            "export-reads-otherwise",
            "warn",
            f"{export.runtime} reads what {export.experiment} is asked otherwise than the run did",
            tuple(evidence),
            "Look at these prompts as the runtime renders them, or serve --format merged, whose tokenizer is the run's "
            "own.",
            about,
        )
    ]
