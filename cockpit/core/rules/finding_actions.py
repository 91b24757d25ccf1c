"""What can be done about a finding, without opening another tool: each act is an action of the screens and a command.

An act names what the screens do (`do`), the experiment that it is about, and the command that does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cockpit.core.findings import Finding

Do = Literal["open", "stop", "discard", "spot_check", "compare", "new", "findings"]


@dataclass(frozen=True, slots=True)
class Act:
    """`says` is the offer as a person reads it; `technique` is what a new experiment would begin with."""

    do: Do
    experiment: str
    says: str
    command: str
    technique: str = ""


_STOPPABLE = {"nonfinite", "loss-spike", "kl-blow-up", "entropy-collapse", "reward-hacking", "mid-eval-regression",
              "degenerate-reward", "stalled-run", "flat-loss", "truncated-completions"}  # fmt: skip
_SPOT = {
    "same-score-across-techniques",
    "objective-mismatch",
    "stuck-at-zero",
    "mid-eval-regression",
    "below-random",
}
_SIDE_BY_SIDE = {"same-score-across-techniques", "no-gain", "stuck-at-zero"}
_FORBIDDEN = {"eval-in-train", "untrained-checkpoint", "trained-on-failures"}


def acts(finding: Finding, *, running: bool) -> list[Act]:
    """The acts on a finding, the most useful first; `running`: the experiment that it is about still runs."""
    about = finding.experiments
    last = about[-1] if about else ""
    made: list[Act] = []
    if finding.rule in _STOPPABLE and running and last:
        made.append(Act("stop", last, f"stop {last}, with a checkpoint", f"cockpit stop {last}"))
    if finding.rule in _SPOT:
        made.append(
            Act(
                "spot_check",
                last,
                "spot check, side by side",
                f"cockpit spot-check {last}".strip(),
            )
        )
    if finding.rule == "stuck-at-zero":
        made.append(
            Act("new", "", "a new experiment with the verifier as the reward", "cockpit new grpo", "grpo")
        )
    if finding.rule in _SIDE_BY_SIDE and len(about) > 1:
        few = about[-6:]
        made.append(Act("compare", last, f"compare {', '.join(few)}", f"cockpit compare {' '.join(few)}"))
    if finding.rule in _FORBIDDEN and last and not running:
        made.append(Act("discard", last, f"discard {last}", f"cockpit discard {last} --reason …"))
    if last:
        made.append(Act("open", last, f"open {last}", f"cockpit show {last}"))
    return made
