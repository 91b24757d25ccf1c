"""Every state that a run or a workspace can be in, as stages: what the snapshots show and `look` opens by hand.

python -m tests.support.ui.gallery NAME DIR       # builds one at the present time, keeps its runs alive till ctrl+c
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cockpit.contract import control
from tests.support.ui.stage import Stage

Face = Callable[[Stage], None]
TRACEBACK = """loading tiny/base0
Traceback (most recent call last):
  File "trainers/grpo.py", line 54, in main
    trainer.train(resume_from_checkpoint=resume)
ValueError: The global train batch size (32) must be evenly divisible by num_generations (7)
"""


def empty(stage: Stage) -> None:
    """A workspace without an experiment."""


def draft(stage: Stage) -> None:
    stage.baseline()
    stage.draft("exp_0001", "grpo", parent="exp_0000", lora=True, hypothesis="the verifier as reward")


def story(stage: Stage) -> None:
    stage.story()


def finished(stage: Stage) -> None:
    stage.story(running=False)


def decided(stage: Stage) -> None:
    """A tree of several generations, with decisions."""
    stage.story(running=False)
    stage.decide("exp_0001", "discarded", "the format, not the recipe")
    stage.decide("exp_0002", "committed", "gained outside the noise")
    stage.draft("exp_0003", "sft", parent="exp_0002", hypothesis="demonstrations in the right format on top")
    stage.draft("exp_0004", "grpo", parent="exp_0002", lora=True, hypothesis="twice the rollouts a prompt")


def queued(stage: Stage) -> None:
    stage.baseline()
    stage.experiment("exp_0001", "sft", parent="exp_0000", ago=3, hypothesis="demonstrations")


def _starting(stage: Stage, *stages: tuple[str, float]) -> None:
    stage.baseline()
    out, clock, layout = stage.experiment(
        "exp_0001", "sft", parent="exp_0000", ago=60, hypothesis="demonstrations"
    )
    for name, ago in stages:
        clock.now = stage.now - ago
        out.stage(name)  # type: ignore[arg-type]
    stage.log(layout, "".join(f"{name} …\n" for name, _ in stages))
    stage.process(layout, started=stage.now - 60)


def starting(stage: Stage) -> None:
    _starting(stage)


def importing(stage: Stage) -> None:
    _starting(stage, ("importing", 12))


def loading(stage: Stage) -> None:
    _starting(stage, ("importing", 50), ("loading", 34))


def tokenizing(stage: Stage) -> None:
    _starting(stage, ("importing", 50), ("loading", 34), ("tokenizing", 21))


def no_step_yet(stage: Stage) -> None:
    _starting(stage, ("importing", 50), ("loading", 34), ("tokenizing", 21), ("training", 4))


def _ended(
    stage: Stage, log: str, *, silent: float = 40, end: tuple[str, str] | None = None, **process: object
) -> None:
    """A GRPO run of 12 steps that came to an end (or fell silent) `silent` seconds ago."""
    stage.baseline()
    layout = stage.run("exp_0001", "grpo", steps=12, ended_ago=silent, end=end)
    stage.log(layout, log)
    stage.process(layout, started=stage.now - silent - 60, **process)


def stalled(stage: Stage) -> None:
    _ended(stage, "step 12 reward 0.31\n", silent=320)


def stopping(stage: Stage) -> None:
    _ended(stage, "step 12 reward 0.31\n", silent=2)
    layout = stage.layout.experiment("exp_0001").attempt(1)
    asked = control.request(layout, "stop", now=stage.now - 14)
    os.utime(asked, (stage.now - 14, stage.now - 14))


def stopped(stage: Stage) -> None:
    _ended(
        stage, "stop: checkpoint written\n", end=("stopped", "asked to"), ended=stage.now - 39, exit_code=0
    )


def early_stopped(stage: Stage) -> None:
    """SFT on data in another answer format: its finding is in sight."""
    stage.baseline()
    stage.sft_wrong_format()


def failed(stage: Stage) -> None:
    _ended(stage, TRACEBACK, ended=stage.now - 39, exit_code=1)


def out_of_memory(stage: Stage) -> None:
    _ended(stage, "step 12 reward 0.31\n", ended=stage.now - 39, exit_code=-9, outcome="oom_killed", signal="SIGKILL",
           detail="The kernel log names it: 23.1 of 24 GB were its own.")  # fmt: skip


def killed(stage: Stage) -> None:
    _ended(
        stage,
        "step 12 reward 0.31\n",
        ended=stage.now - 39,
        exit_code=-15,
        outcome="signaled",
        signal="SIGKILL",
    )


def lost(stage: Stage) -> None:
    _ended(stage, "step 12 reward 0.31\n", silent=300, dead=True)


def never_started(stage: Stage) -> None:
    stage.baseline()
    _, _, layout = stage.experiment(
        "exp_0001", "custom", parent="exp_0000", ago=30, hypothesis="a loop of one's own"
    )
    stage.process(layout, started=stage.now - 30, ended=stage.now - 30, outcome="spawn_failed",
                  detail="/no/such/trainer: no such file")  # fmt: skip


def elsewhere(stage: Stage) -> None:
    """Its host is another machine that shares the folder."""
    _ended(stage, "step 12 reward 0.31\n", silent=25, host="gpu-box-7")


def broken_config(stage: Stage) -> None:
    stage.story(running=False)
    stage.layout.config.write_text('[model]\nname_or_path = "tiny/base0"\n')


def crowded(stage: Stage) -> None:
    """Thirty experiments, as a returning researcher has them."""
    stage.baseline()
    for number in range(1, 31):
        parent = f"exp_{max(0, number - 1 - number % 3):04d}"
        technique = ("sft", "grpo", "dpo")[number % 3]
        if number % 4 == 0:
            stage.draft(
                f"exp_{number:04d}",
                technique,
                parent=parent,
                hypothesis=f"idea number {number}",
                ago=40 - number,
            )
        else:
            stage.run(f"exp_{number:04d}", technique, steps=8, parent=parent, ended_ago=40 - number,
                      end=("finished", ""), passed=60 + number * 4)  # fmt: skip


FACES: dict[str, Face] = {
    face.__name__: face
    for face in (
        empty, draft, story, finished, decided, queued, starting, importing, loading, tokenizing, no_step_yet,
        stalled, stopping, stopped, early_stopped, failed, out_of_memory, killed, lost, never_started,
        elsewhere, broken_config, crowded,
    )
}  # fmt: skip


def build(name: str, root: Path, *, now: float | None = None) -> Stage:
    """The face `name` in `root`, at the frozen time unless `now` is given."""
    stage = Stage(root) if now is None else Stage(root, now=now)
    FACES[name](stage)
    stage.settle()
    return stage


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]), now=time.time())
    print(f"{sys.argv[2]}: built; its runs live until this is interrupted", flush=True)
    time.sleep(86400)
