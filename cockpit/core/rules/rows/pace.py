"""Rules of the pace: stalled, crawling, waiting for data, or training with an idle device."""

from __future__ import annotations

from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.rules.rule import Rule, Threshold

ROWS: tuple[Rule, ...] = (
    Rule(
        "stalled-run",
        "pace",
        "No step came for several typical step times, or something makes the steps slow.",
        "Look at the log's end and at the machine; stop and resume from the last checkpoint if nothing moves.",
        'source text, "Configure for training, not inference": it looks like it is working, and crawls',
        changes={"dataloader_num_workers": TECHNIQUES},
        instead="The machine is at fault: `cockpit logs` and `cockpit doctor` show where.",
        offers=("stop",),
        thresholds={
            "slower": Threshold(2.5, "times slower than the run's first half"),
            "points": Threshold(40, "points; fewer say nothing"),
            "idle": Threshold(10.0, "per cent of the device's utilisation"),
            "waiting": Threshold(0.5, "share of a step spent on the next batch"),
        },
        by_trainer=True,
    ),
)
