"""What can be done about a finding, without opening another tool: each action is one of the screens' and a command.

Which rule offers what stands in the table; here it is made concrete: on which experiment, by which command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cockpit.core.findings import Finding
from cockpit.core.rules.table import offers

Do = Literal["draft", "open", "stop", "discard", "spot_check", "compare", "new"]
MOST_COMPARED = 6


@dataclass(frozen=True, slots=True)
class FindingAction:
    """What the screens do (`do`), on which experiments; `label` is the offer in words, `command` does the same."""

    do: Do
    experiments: tuple[str, ...]
    label: str
    command: str

    @property
    def experiment(self) -> str:
        """The one that it is about; empty where it is about none."""
        return self.experiments[-1] if self.experiments else ""


def actions_of(finding: Finding, *, running: bool) -> list[FindingAction]:
    """Return the actions on a finding, the most useful first; `running`: the experiment that it is about still runs."""
    rule, about = finding.rule, finding.experiments
    last = about[-1] if about else ""
    made: list[FindingAction] = []
    if offers(rule, "stop") and running and last:
        made.append(_on(last, "stop", f"stop {last}, with a checkpoint", f"cockpit stop {last}"))
    if finding.change and last:
        made.append(
            _on(last, "draft", f"draft with {changed(finding)}", f"cockpit new --from-finding {finding.key}")
        )
    if offers(rule, "spot_check"):
        command = f"cockpit spot-check --experiment {last}" if last else "cockpit spot-check"
        made.append(_on(last, "spot_check", "spot check, side by side", command))
    if offers(rule, "verifier_reward"):
        made.append(_on("", "new", "a new experiment with the verifier as the reward", "cockpit new grpo"))
    if offers(rule, "compare") and len(about) > 1:
        made.append(_compare(about[-MOST_COMPARED:]))
    if offers(rule, "discard") and last and not running:
        made.append(_on(last, "discard", f"discard {last}", f"cockpit discard {last} --reason …"))
    if last:
        made.append(_on(last, "open", f"open {last}", f"cockpit show {last}"))
    return made


def changed(finding: Finding) -> str:
    """Return what its draft changes: `learning_rate = 1e-05, max_grad_norm = 1`."""
    return ", ".join(
        f"{name} = {value:g}"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else f"{name} = {value}"
        for name, value in finding.change.items()
    )


def _on(experiment: str, do: Do, label: str, command: str) -> FindingAction:
    return FindingAction(do, (experiment,) if experiment else (), label, command)


def _compare(few: Sequence[str]) -> FindingAction:
    return FindingAction(
        "compare", tuple(few), f"compare {', '.join(few)}", f"cockpit compare {' '.join(few)}"
    )
