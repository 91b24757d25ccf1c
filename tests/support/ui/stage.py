"""A workspace on the disk for the screens to look at: real files in the real layout, at a frozen time.

stage = Stage(tmp_path)
stage.story()                                   # baseline, a failed SFT, a GRPO that runs
stage.experiment("exp_0003", "sft", state="draft")
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout, ExperimentLayout, WorkspaceLayout
from cockpit.contract.writer import AttemptWriter
from cockpit.services.system.processes import machine, start_time

NOW = 1_795_000_000.0
"""The frozen epoch second of the pictures: 2026-11-18."""
CONFIG = """\
name = "demo"

[model]
name_or_path = "tiny/base0"

[data]
train = "train.jsonl"
mini_eval = "mini.jsonl"
held_out = "held_out.jsonl"

[verifier]
spec = "tagged:answer"
"""
RECIPE_TRAINER = {"learning_rate": 3e-4, "max_steps": 60, "per_device_train_batch_size": 32, "seed": 7}


class Ticking:
    """A clock that the stage moves by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Stage:
    """Builds experiments in any state. Live ones are kept alive by the process that runs the test."""

    def __init__(self, root: Path, *, now: float = NOW) -> None:
        self.root = root
        self.now = now
        self.layout = WorkspaceLayout(root)
        root.mkdir(parents=True, exist_ok=True)
        self.layout.config.write_text(CONFIG)
        for name in ("train", "mini", "held_out"):
            rows = [{"prompt": f"{a}+{a + 1}=?", "answer": str(2 * a + 1)} for a in range(5)]
            (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    # -- the whole story -------------------------------------------------------------------------------------------

    def story(self, *, running: bool = True) -> None:
        """Baseline 0.32, an SFT that unlearned the format and was stopped early, a GRPO that gains."""
        self.baseline()
        self.sft_wrong_format()
        self.grpo(running=running)
        self.layout.methodlog.write_text(METHODLOG)

    def baseline(self) -> AttemptLayout:
        out, clock, layout = self.experiment("exp_0000", "baseline", hypothesis="the base model, untouched")
        for name in ("importing", "loading", "evaluating"):
            clock.now += 4
            out.stage(name)  # type: ignore[arg-type]
        self.score(layout, 64, 200, 188)
        out.held_out(score=0.32, passed=64, parsed=188, n=200, checkpoint=None, path="held_out/items.jsonl")
        clock.now += 9
        out.end("finished", "The held-out set is scored.")
        self.process(layout, started=clock.now - 30, ended=clock.now, exit_code=0)
        return layout

    def sft_wrong_format(self) -> AttemptLayout:
        out, clock, layout = self.experiment(
            "exp_0001", "sft", parent="exp_0000", hypothesis="demonstrations teach the arithmetic", ago=420
        )
        self._train(out, clock, steps=30, every=10, scores=[0.1, 0.0, 0.0], reward=False)
        out.end(
            "early_stopped", "no better mini-eval for 2 checkpoints", step=30, best_step=10, best_score=0.1
        )
        layout.log.parent.mkdir(parents=True, exist_ok=True)
        layout.log.write_text("loading tiny/base0\nstep 10 loss 0.31\nmini-eval 1 of 10\nearly stop\n")
        self.process(layout, started=clock.now - 60, ended=clock.now, exit_code=0)
        return layout

    def grpo(self, *, running: bool = True) -> AttemptLayout:
        out, clock, layout = self.experiment(
            "exp_0002", "grpo", parent="exp_0000", lora=True,
            hypothesis="the verifier as reward teaches format and sum at once", ago=95,
        )  # fmt: skip
        self._train(out, clock, steps=46, every=10, scores=[0.4, 0.6, 0.8, 0.7], reward=True)
        layout.log.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            "loading tiny/base0 with LoRA r=32",
            "tokenizing 700 rows",
            "UserWarning: pad token set to eos",
        ]
        lines += [f"step {n} reward {0.1 + n / 80:.3f} kl {n / 4000:.4f}" for n in range(1, 47)]
        layout.log.write_text("\n".join(lines) + "\n")
        if running:
            self.process(layout, started=self.now - 95)
        else:
            clock.now += 20
            self.score(layout, 161, 200, 199, seed=3)
            out.held_out(score=0.805, passed=161, parsed=199, n=200, path="held_out/items.jsonl")
            out.end("finished", "", step=46, best_step=30, best_score=0.8)
            self.process(layout, started=self.now - 95, ended=self.now - 2, exit_code=0)
        return layout

    # -- one experiment ----------------------------------------------------------------------------------------------

    def experiment(
        self,
        id_: str,
        technique: str,
        *,
        parent: str | None = None,
        hypothesis: str = "",
        lora: bool = False,
        ago: float = 600.0,
        decision: dict[str, Any] | None = None,
    ) -> tuple[AttemptWriter, Ticking, AttemptLayout]:
        """A record and a first attempt whose clock began `ago` seconds before now."""
        experiment = self.draft(id_, technique, parent=parent, hypothesis=hypothesis, lora=lora, ago=ago,
                                decision=decision)  # fmt: skip
        layout = experiment.attempt(1)
        layout.root.mkdir(parents=True)
        atomic.write_json(layout.recipe, self.recipe(id_, technique, parent, hypothesis, lora))
        clock = Ticking(self.now - ago)
        return AttemptWriter(layout.root, clock=clock), clock, layout

    def draft(
        self,
        id_: str,
        technique: str,
        *,
        parent: str | None = None,
        hypothesis: str = "",
        lora: bool = False,
        ago: float = 600.0,
        decision: dict[str, Any] | None = None,
    ) -> ExperimentLayout:
        experiment = self.layout.experiment(id_)
        experiment.root.mkdir(parents=True)
        record = {
            "v": 1, "id": id_, "parent": parent, "technique": technique, "lora": lora, "hypothesis": hypothesis,
            "model": "tiny/base0", "verifier": "tagged:answer", "created": self.now - ago, "decision": decision,
            "smoke": None,
        }  # fmt: skip
        atomic.write_json(experiment.record, record)
        atomic.write_json(experiment.draft, self.recipe(id_, technique, parent, hypothesis, lora))
        return experiment

    def recipe(
        self, id_: str, technique: str, parent: str | None, hypothesis: str, lora: bool
    ) -> dict[str, Any]:
        data = {name: str(self.root / f"{name}.jsonl") for name in ("train", "mini_eval", "held_out")}
        return {
            "v": 1, "experiment_id": id_, "attempt": 1, "parent": parent, "technique": technique,
            "hypothesis": hypothesis, "seed": 7, "model": {"name_or_path": "tiny/base0", "dtype": "float32"},
            "peft": {"r": 32, "lora_alpha": 64} if lora else None, "data": data, "verifier": "tagged:answer",
            "generation": {"max_new_tokens": 24, "temperature": 0.0}, "mid_eval": {"every_steps": 10, "patience": 2},
            "trainer": dict(RECIPE_TRAINER), "report_to": "none",
        }  # fmt: skip

    def run(
        self,
        id_: str,
        technique: str,
        *,
        steps: int,
        ended_ago: float,
        parent: str = "exp_0000",
        end: tuple[str, str] | None = None,
        passed: int | None = None,
    ) -> AttemptLayout:
        """A run whose last line is `ended_ago` seconds old; scored on the held-out set where `passed` is given."""
        reward = technique == "grpo"
        out, clock, layout = self.experiment(
            id_, technique, parent=parent, lora=reward, ago=ended_ago + steps + 11,
            hypothesis="the verifier as reward" if reward else "demonstrations",
        )  # fmt: skip
        self._train(out, clock, steps=steps, every=5, scores=[0.3, 0.5], reward=reward, step_s=1.0)
        if end is not None:
            out.end(end[0], end[1], step=steps, best_step=steps // 5 * 5)  # type: ignore[arg-type]
        if passed is not None:
            self.log(layout, f"step {steps}\n")
            self.score(layout, passed, 200, 199, seed=int(id_[4:]))
            self.process(layout, started=clock.now - steps, ended=clock.now, exit_code=0)
        return layout

    def log(self, layout: AttemptLayout, text: str) -> None:
        layout.log.parent.mkdir(parents=True, exist_ok=True)
        layout.log.write_text(text)

    def decide(self, id_: str, status: str, reason: str) -> None:
        """Commit or discard, as of a minute ago."""
        path = self.layout.experiment(id_).record
        record = json.loads(path.read_text())
        record["decision"] = {"status": status, "reason": reason, "time": self.now - 60}
        atomic.write_json(path, record)

    def relocate(self, root: str) -> None:
        """Have the recipes name their files under `root`: a picture is the same wherever the stage stands."""
        for path in self.root.rglob("recipe.json"):
            path.write_text(path.read_text().replace(str(self.root), root))

    def settle(self) -> None:
        """Date every file to the frozen present, so that no silence is measured against the real clock."""
        for path in self.root.rglob("*"):
            if path.is_file() and path.stat().st_mtime > self.now:
                os.utime(path, (self.now - 1, self.now - 1))

    def process(self, layout: AttemptLayout, *, started: float, **known: Any) -> None:
        """process.json: alive (as this very process) unless `ended` is given."""
        here = machine()
        me = {"pid": os.getpid(), "start_time": start_time(os.getpid())}
        gone = {"pid": 4_000_000, "start_time": 1.0}
        alive = "ended" not in known and not known.pop("dead", False)
        values = {
            "v": 1, "host": here.host, "boot_id": here.boot_id, "pid_namespace": here.pid_namespace,
            "launch": "0" * 16, "supervisor": me if alive else gone, "trainer": me if alive else gone,
            "argv": ["python", "-u", "-m", "trainers.sft"], "started": started, "ended": None, "exit_code": None,
            "outcome": "exited" if known.get("exit_code") is not None else None, "signal": None, "detail": "",
            "stop_reason": None, "stop_requested": None, "forced": False,
        }  # fmt: skip
        atomic.write_json(layout.process, values | known)

    def score(self, layout: AttemptLayout, passed: int, n: int, parsed: int, *, seed: int = 1) -> None:
        """held_out/: the score and its items."""
        order = sorted(range(n), key=lambda i: math.sin(i * 12.9898 + seed) * 43758.5453 % 1)
        right = set(order[:passed])
        rows = [answer_row(f"item-{i:03d}", i, i in right, None) for i in range(n)]
        layout.held_out.mkdir(parents=True, exist_ok=True)
        (layout.held_out / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        atomic.write_json(
            layout.held_out / "score.json",
            {
                "v": 1, "score": passed / n, "passed": passed, "parsed": parsed, "n": n, "verifier": "tagged:answer",
                "verifier_hash": "v" * 16, "held_out_hash": "h" * 16, "generation": {"temperature": 0.0},
                "checkpoint": "best", "model": "tiny/base0", "seconds": 4.2,
            },
        )  # fmt: skip

    def _train(
        self,
        out: AttemptWriter,
        clock: Ticking,
        *,
        steps: int,
        every: int,
        scores: list[float],
        reward: bool,
        step_s: float | None = None,
    ) -> None:
        for name, seconds in (("importing", 6), ("loading", 3), ("tokenizing", 1), ("training", 1)):
            out.stage(name)  # type: ignore[arg-type]
            clock.now += seconds
        best, best_step, since = -1.0, 0, 0
        if step_s is None:
            step_s = (self.now - 2 - clock.now) / steps if reward else 1.3
        for step in range(1, steps + 1):
            clock.now += step_s
            out.metrics(step, _metrics(step, reward))
            if step % every == 0 and step // every <= len(scores):
                score = scores[step // every - 1]
                better = score > best
                best, best_step, since = (score, step, 0) if better else (best, best_step, since + 1)
                rows = [answer_row(f"mini-{i}", i, i < score * 10, step) for i in range(10)]
                items = out.samples(step, "eval", rows)
                out.layout.checkpoint(step).mkdir(parents=True)
                out.checkpoint(step, best=better)
                out.mid_eval(
                    step, score, epoch=step / 40, passed=round(score * 10), parsed=10 if reward else 3, n=10,
                    best=better, best_score=best, best_step=best_step, since_best=since, baseline=0.4, items=items,
                )  # fmt: skip
            if reward and step % 15 == 0:
                out.samples(step, "train", rollouts(step))


def _metrics(step: int, reward: bool) -> dict[str, float]:
    wave = math.sin(step * 1.7) * 0.03
    if reward:
        return {
            "loss": 0.01 * math.sin(step), "reward": min(0.95, 0.12 + step / 62) + wave, "kl": step / 4000,
            "grad_norm": 0.9 + wave, "lr": 3e-4 * (1 - step / 80), "entropy": 1.4 - step / 60,
            "completions/mean_length": 11 + wave * 30,
        }  # fmt: skip
    return {"loss": 1.4 * math.exp(-step / 9) + 0.06 + abs(wave), "grad_norm": 1.1 + wave, "lr": 1e-3}


def answer_row(item: str, number: int, right: bool, step: int | None) -> dict[str, Any]:
    """One scored completion, as trainers write it."""
    a, b = number % 30, (number * 7) % 30
    said = str(a + b) if right else str(a + b + 1)
    text = f"<answer>{said}</answer>" if right or number % 3 else f"The answer is {a + b}."
    parsed = said if text.startswith("<") else None
    return {
        "item": item, "split": "eval", "step": step, "prompt": f"{a}+{b}=?", "completion": text,
        "answer": str(a + b), "parsed": parsed, "score": float(right), "passed": right,
        "why": "equal" if right else "no <answer> tag" if parsed is None else f"{said} is not {a + b}",
    }  # fmt: skip


def rollouts(step: int) -> list[dict[str, Any]]:
    """Two groups of four rollouts with their rewards."""
    rows: list[dict[str, Any]] = []
    for group in range(2):
        for sample in range(4):
            right = (step + sample + group) % 3 != 0
            row = answer_row(f"train-{group}", group * 5 + 3, right, step)
            row |= {
                "split": "train",
                "group": f"g{group}",
                "rewards": {"verifier": float(right), "format": 1.0},
            }
            rows.append(row)
    return rows


METHODLOG = """# Method log

- 2026-11-18 · target · tiny/base0 on held_out.jsonl (200 items), verifier tagged:answer <!-- k:target -->
- 2026-11-18 · verdict · exp_0000: baseline held-out 0.320 [0.259, 0.388] on 200 items <!-- k:verdict/exp_0000 -->
- 2026-11-18 · dataset · exp_0001: trains on train.jsonl sha256:9f2c6c1b7d2e4a10 <!-- k:dataset/exp_0001 -->
- 2026-11-18 · verdict · exp_0001: sft Stopped early at step 30 <!-- k:verdict/exp_0001 -->
- 2026-11-18 · technique · exp_0002: grpo, LoRA r=32, on tiny/base0 <!-- k:technique/exp_0002 -->
"""
