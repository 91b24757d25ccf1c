"""Define the gate's stages, the causes for which each can be red, and the verdict on a smoke run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

SOURCE = 'source text, "Before committing the budget: smoke-run"'

Stage = Literal[
    "packages", "settings", "data", "reward", "load", "template", "verifier", "dtype", "nan", "oom", "training", "time",
    "checkpoint", "scorer", "unparseable", "zero score", "no signal", "",
]  # fmt: skip
STAGES: tuple[tuple[Stage, str], ...] = (
    ("packages", "the packages that it needs are there"),
    ("settings", "TRL and peft take its settings"),
    ("data", "the rows become training examples"),
    ("reward", "the rewards load and score (RL)"),
    ("load", "the model and its tokenizer load"),
    ("template", "training shows the model the prompt that it is scored with"),
    ("verifier", "the verifier lets no made-up wrong answer pass (RL)"),
    ("dtype", "number formats agree"),
    ("oom", "the longest examples fit in memory"),
    ("time", "a step ends in time"),
    ("training", "optimizer steps run"),
    ("nan", "loss and gradients are finite"),
    ("checkpoint", "a whole checkpoint is written"),
    ("scorer", "the scorer loads it from the disk"),
    ("no signal", "the reward tells answers apart"),
    ("unparseable", "the verifier can read the answers"),
    ("zero score", "a held-out item scores above zero"),
)
"""The gate's stages in the order in which they are met, each with what it proves."""

Cause = Literal[
    "memory", "no_step", "dtype", "ended_outside", "no_rows", "package_missing", "reward_breaks", "model_breaks",
    "rows_break", "setting_refused", "scorer_breaks", "training_breaks", "template_refuses", "prompts_differ",
    "accepts_wrong", "not_finite", "no_checkpoint", "not_scored", "none_pass", "all_pass", "none_differ", "cut_off",
    "unreadable", "all_zero", "",
]  # fmt: skip
STAGE_OF: dict[Cause, Stage] = {
    "memory": "oom",
    "no_step": "time",
    "dtype": "dtype",
    "ended_outside": "training",
    "no_rows": "data",
    "package_missing": "packages",
    "reward_breaks": "reward",
    "model_breaks": "load",
    "rows_break": "data",
    "setting_refused": "settings",
    "scorer_breaks": "scorer",
    "training_breaks": "training",
    "template_refuses": "template",
    "prompts_differ": "template",
    "accepts_wrong": "verifier",
    "not_finite": "nan",
    "no_checkpoint": "checkpoint",
    "not_scored": "scorer",
    "none_pass": "no signal",
    "all_pass": "no signal",
    "none_differ": "no signal",
    "cut_off": "unparseable",
    "unreadable": "unparseable",
    "all_zero": "zero score",
}
"""The stage that each cause turns red."""
OF_OBJECTIVE: frozenset[Cause] = frozenset({"prompts_differ", "unreadable"})


@dataclass(frozen=True, slots=True)
class SmokeVerdict:
    """Green, or red at a `stage` for a `cause`; `evidence` is what was seen, `mend` what to do.

    `cautions` don't close the gate. Sentences are for people: what decides anything reads stage and cause. `proven`:
    the other stages that this run is known to have passed, of a green one all.
    """

    green: bool
    stage: Stage
    headline: str
    fix: str
    evidence: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    source: str = SOURCE
    cause: Cause = ""
    proven: tuple[Stage, ...] = ()

    @property
    def of_objective(self) -> bool:
        """Whether it is red because training aims at something else than what is scored: the prompt, or the form."""
        return self.cause in OF_OBJECTIVE

    def as_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`, and of the file that remembers it."""
        return {
            "green": self.green,
            "stage": self.stage or None,
            "cause": self.cause or None,
            "headline": self.headline,
            "mend": self.fix,
            "evidence": list(self.evidence),
            "cautions": list(self.cautions),
            "source": self.source,
            "proven": list(self.proven),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> SmokeVerdict:
        """Read that shape; what is missing or odd is left empty."""
        stage, cause = value.get("stage"), value.get("cause")
        return cls(
            green=bool(value.get("green")),
            stage=stage if stage in _STAGE_NAMES else "",
            headline=str(value.get("headline", "")),
            fix=str(value.get("mend", "")),
            evidence=_lines(value.get("evidence")),
            cautions=_lines(value.get("cautions")),
            cause=cause if cause in STAGE_OF else "",
            proven=tuple(stage for stage in _STAGE_NAMES if stage in _lines(value.get("proven"))),
        )


_STAGE_NAMES: tuple[Stage, ...] = tuple(stage for stage, _ in STAGES)


def _lines(value: object) -> tuple[str, ...]:
    return tuple(str(line) for line in cast("list[object]", value)) if isinstance(value, list) else ()


def passed_stages(verdict: SmokeVerdict) -> Sequence[tuple[Stage, str, bool | None]]:
    """Every stage with whether it passed: False where it is red, None where the run proved nothing of it."""
    return [
        (
            stage,
            says,
            False if stage == verdict.stage else True if verdict.green or stage in verdict.proven else None,
        )
        for stage, says in STAGES
    ]
