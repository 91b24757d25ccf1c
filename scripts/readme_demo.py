"""Write the result of a demo into the README, between its `<!-- demo-table -->` marks.

    python -m scripts.readme_demo DEMO_DIR      (make readme-demo DEMO_DIR=…)

Every figure is read from the workspace that `cockpit demo` left; nothing is typed by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.services.workspace import open as open_workspace
from cockpit.services.workspace.workspace import ExperimentView
from scripts import doc_blocks

TITLES = {
    "baseline": "the base model, untouched",
    "sft": "SFT on another answer format",
    "grpo": "GRPO, the verifier as reward",
}


def main(argv: list[str]) -> int:
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        views = open_workspace.find(Path(argv[0])).experiments()
        doc_blocks.put("demo-table", table(views))
    except CockpitError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def table(views: list[ExperimentView]) -> str:
    """A Markdown table, a row an experiment. Raises CockpitError for one without a held-out score."""
    lines = [
        "| run | steps, seconds | training | best mini-eval | held-out score [95 %] | against the baseline |",
        "|---|---|---|---|---|---|",
    ]
    for view in views:
        if view.score is None or view.attempt_dir is None:
            raise CockpitError(f"{view.id} has no held-out score", "Let `cockpit demo` run to its end.")
        attempt = AttemptLayout(view.attempt_dir)
        score = f"{view.score.value:.3f} [{view.score.lo:.3f}, {view.score.hi:.3f}] of {view.score.n}"
        mini = "" if view.mini_best is None else f"{view.mini_best:.1f}"
        delta = "" if view.delta is None else f"{view.delta.value:+.3f}, {view.delta.kind}"
        title = TITLES.get(view.technique, view.technique)
        lines.append(f"| {title} | {_effort(attempt)} | {_moved(attempt)} | {mini} | {score} | {delta} |")
    return "\n".join(lines)


def _effort(attempt: AttemptLayout) -> str:
    """`42, 19 s`: optimizer steps, and wall time from the first event to the end of the run."""
    events = list(read_rows(attempt.events))
    end = next(row for row in events if row.get("kind") == "end")
    seconds = f"{end['time'] - events[0]['time']:.0f} s"
    return f"{end['step']}, {seconds}" if end.get("step") else seconds


def _moved(attempt: AttemptLayout) -> str:
    """`loss 0.21 to 0.03`; of RL the reward, whose loss says little."""
    rows = list(read_rows(attempt.metrics))
    for name in ("reward", "loss"):
        values = [row[name] for row in rows if isinstance(row.get(name), float)]
        if values:
            return f"{name} {values[0]:.2f} to {values[-1]:.2f}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
