"""Where things lie: the folders of a workspace, an experiment and an attempt. Paths only, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

EXPERIMENT_ID = re.compile(r"exp_\d{4,}")
BASELINE_ID = "exp_0000"
TRAINER_FOLDER = "cockpit"  # in a Trainer's output folder: the attempt that the callback for it writes
PIN = "pinned.txt"  # in a checkpoint's folder: the experiments that start from it, so that no rotation takes it away
PASSED_OVER = (
    "passed_over.txt"  # in a checkpoint's folder: why no resume goes on from it, until its step is done anew
)


@dataclass(frozen=True, slots=True)
class AttemptLayout:
    """The seam: one attempt's folder. Each file has one writer (docs/attempt-folder.md, "Files")."""

    root: Path

    @property
    def recipe(self) -> Path:
        """Every setting, fully resolved; written once by the launcher."""
        return self.root / "recipe.json"

    @property
    def process(self) -> Path:
        """Who runs, since when, how it ended; written by the supervisor."""
        return self.root / "process.json"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """The trainer's stdout and stderr, straight from the process."""
        return self.root / "logs" / "trainer.log"

    @property
    def supervisor_log(self) -> Path:
        return self.root / "logs" / "supervisor.log"

    @property
    def tracker(self) -> Path:
        """How far the reporting to an experiment tracker got; written by its own process."""
        return self.root / "tracker.json"

    @property
    def tracker_log(self) -> Path:
        return self.root / "logs" / "tracker.log"

    @property
    def samples(self) -> Path:
        return self.root / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def rows(self) -> Path:
        """The training rows as the trainer reads them, while it runs; what lasts of them is in the cache."""
        return self.root / ".rows"

    @property
    def best(self) -> Path:
        """A relative symbolic link to the best checkpoint, switched atomically."""
        return self.checkpoints / "best"

    @property
    def control(self) -> Path:
        return self.root / "control"

    @property
    def summary(self) -> Path:
        return self.root / "train_summary.json"

    @property
    def result(self) -> Path:
        return self.root / "result.json"

    @property
    def held_out(self) -> Path:
        """The full pass: `items.jsonl` and `score.json`."""
        return self.root / "held_out"

    @property
    def sampled(self) -> Path:
        """The same two files for several sampled answers an item, beside the score that counts."""
        return self.root / "sampled"

    @property
    def sealed(self) -> Path:
        """The same two files for the sealed held-out set, once it was opened."""
        return self.root / "sealed"

    @property
    def exports(self) -> Path:
        """One file an export: what it was made of, where it lies, what it scored; written by `cockpit export`."""
        return self.root / "exports"

    @property
    def mini_eval(self) -> Path:
        """The same two files for the mini-eval slice, written for the baseline."""
        return self.root / "mini_eval"

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint at `step` (optimizer steps)."""
        return self.checkpoints / f"step_{step:06d}"

    def sample_file(self, split: str, step: int) -> Path:
        """Where samples of `split` ("train", "eval") at `step` lie."""
        return self.samples / f"{split}_step_{step:06d}.jsonl"


@dataclass(frozen=True, slots=True)
class ExperimentLayout:
    """One experiment: the cockpit's own record, and its attempts."""

    root: Path

    @property
    def record(self) -> Path:
        return self.root / "experiment.json"

    @property
    def draft(self) -> Path:
        """The recipe before it is launched; editable."""
        return self.root / "recipe.draft.json"

    def attempt(self, number: int) -> AttemptLayout:
        return AttemptLayout(self.root / "attempts" / f"{number:03d}")

    @property
    def attempts(self) -> Path:
        return self.root / "attempts"


@dataclass(frozen=True, slots=True)
class WorkspaceLayout:
    """The folder with `cockpit.toml`, `methodlog.md` and `.cockpit/`."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "cockpit.toml"

    @property
    def methodlog(self) -> Path:
        return self.root / "methodlog.md"

    @property
    def private(self) -> Path:
        return self.root / ".cockpit"

    @property
    def experiments(self) -> Path:
        return self.private / "experiments"

    @property
    def data(self) -> Path:
        """Splits that the cockpit made, by content."""
        return self.private / "data"

    @property
    def cache(self) -> Path:
        return self.private / "cache"

    @property
    def spot_check(self) -> Path:
        """The newest spot check: its verdict (`matched`, `mismatched`) and on which content."""
        return self.private / "spot_check.json"

    @property
    def log(self) -> Path:
        """The cockpit's own log: tracebacks go here, never to the screen."""
        return self.private / "logs" / "cockpit.log"

    def experiment(self, experiment_id: str) -> ExperimentLayout:
        return ExperimentLayout(self.experiments / experiment_id)
