"""The table of techniques in docs, measured: each one, LoRA and full weights, on the tiny model; and SmolLM2-135M.

    python -m tests.bench.techniques                       # all on the tiny model, about ten minutes on two cores
    python -m tests.bench.techniques --only dpo ppo        # some
    python -m tests.bench.techniques --smollm2             # SFT-LoRA and GRPO on SmolLM2-135M, a few steps
    python -m tests.bench.techniques --write               # put what was measured so far into the docs

Runs are real: a workspace, `cockpit new`, `cockpit launch`, the held-out pass. What was measured is kept in --dir, so
that the table can be made in several sittings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.core.scores import Score
from cockpit.services.experiments import lifecycle, scoring, setup
from cockpit.services.system import environments
from cockpit.services.system.paths import cache_dir
from cockpit.services.workspace.workspace import Workspace
from scripts import doc_blocks
from tests.support.tiny_settings import TINY, settings, training_file

# CPU seconds: the runs have one thread each, and the clock on the wall says more about what else the machine does.
HEAD = (
    "model",
    "technique",
    "weights",
    "steps",
    "CPU seconds",
    "peak memory",
    "baseline",
    "held out [95 %]",
    "against it",
)
NO_CADENCE = {"mid_eval.every_steps": 1000, "mid_eval.every_epochs": 1000.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.techniques", description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "cockpit-techniques")
    parser.add_argument("--only", nargs="*", choices=list(TINY), help="these techniques")
    parser.add_argument("--smollm2", action="store_true", help="SmolLM2-135M instead of the tiny model")
    parser.add_argument("--write", action="store_true", help="write the table into the docs and run nothing")
    options = parser.parse_args()
    kept = options.dir / "measured.json"
    rows: dict[str, dict[str, Any]] = atomic.read_json(kept) or {}  # type: ignore[assignment]
    if options.write:
        doc_blocks.put("techniques", table(rows))
        return 0
    runs = _smollm2(options.dir) if options.smollm2 else _tiny(options.dir, options.only or list(TINY))
    for name, row in runs:
        rows[name] = row
        kept.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(kept, rows)
        print(json.dumps(row), flush=True)
    print(table(rows))
    return 0


def _tiny(root: Path, wanted: Sequence[str]) -> Any:
    base = [sys.executable, "-m", "trainers.tiny", str(cache_dir())]
    subprocess.run(base, check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run(
        [*base, "--data", str(root / "data"), "--json"], check=True, capture_output=True, text=True
    )
    facts = json.loads(told.stdout.splitlines()[-1])
    ws = _workspace(root / "tiny", facts["model"], facts["files"], {"max_new_tokens": 16, "batch_size": 64})
    judges: dict[bool, str] = {}
    for technique in sorted(wanted, key=list(TINY).index):
        for lora in (True, False):
            asked = settings(technique, lora=lora) | NO_CADENCE
            if technique == "ppo":
                environments.add(ws.root, "ppo", say=lambda text: print(text, flush=True))
                asked["reward_model_path"] = judges.get(lora) or _newest(ws, "reward", lora)
            id_ = _fly(ws, technique, Path(facts["files"][training_file(technique)]), asked, lora)
            if technique == "reward":
                judges[lora] = id_
            yield f"tiny/{technique}/{lora}", _row(ws, id_, "tiny, 124 k")


def _smollm2(root: Path) -> Any:
    told = subprocess.run(
        [sys.executable, "-m", "trainers.tiny", str(cache_dir()), "--data", str(root / "data"), "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    files = json.loads(told.stdout.splitlines()[-1])["files"]
    some = {
        **files,
        "held_out": _first(files["held_out"], 24, root),
        "mini_eval": _first(files["mini_eval"], 5, root),
    }
    model = root / "smollm2-135m"
    if not (model / "model.safetensors").is_file():
        subprocess.run([sys.executable, "-m", "tests.bench.smollm2", str(model)], check=True)
    ws = _workspace(root / "smollm2", str(model), some, {"max_new_tokens": 16, "batch_size": 8})
    few: dict[str, dict[str, Any]] = {
        "sft": {"per_device_train_batch_size": 4, "max_length": 128, "max_steps": 3, "learning_rate": 5e-4},
        "grpo": {"per_device_train_batch_size": 4, "num_generations": 4, "max_completion_length": 24, "max_steps": 2,
},
    }  # fmt: skip
    for technique, asked in few.items():
        train = Path(files["sft" if technique == "sft" else "train"])
        id_ = _fly(
            ws,
            technique,
            train,
            {"gradient_accumulation_steps": 1, "warmup_steps": 0, **asked, **NO_CADENCE},
            True,
        )
        yield f"smollm2/{technique}", _row(ws, id_, "SmolLM2-135M-Instruct")


def _first(path: str, count: int, root: Path) -> str:
    target = root / "data" / f"first_{count}_{Path(path).name}"
    target.write_text("".join(Path(path).read_text().splitlines(keepends=True)[:count]))
    return str(target)


def _workspace(root: Path, model: str, files: Mapping[str, str], generation: Mapping[str, Any]) -> Workspace:
    if not (root / "cockpit.toml").exists():
        root.mkdir(parents=True, exist_ok=True)
        setup.init(
            root,
            name=root.name,
            model=model,
            verifier="tagged:answer",
            random_score=0.0,
            train=Path(files["train"]),
            mini_eval=Path(files["mini_eval"]),
            held_out=Path(files["held_out"]),
            sections={"generation": dict(generation), "resources": {"omp_num_threads": 1}},
        )
    ws = Workspace(root)
    if ws.experiment("exp_0000").score is None:
        lifecycle.launch(ws, "exp_0000")
        lifecycle.wait(ws, "exp_0000", lambda _: None)
    return ws


def _fly(ws: Workspace, technique: str, train: Path, asked: Mapping[str, Any], lora: bool) -> str:
    view = lifecycle.new(
        ws, technique, hypothesis="measured for the docs", train=train, overrides=asked, lora=lora
    )
    print(f"{view.id}: {technique}, {'LoRA' if lora else 'full weights'}", flush=True)
    lifecycle.launch(ws, view.id)
    view = lifecycle.wait(ws, view.id, lambda _: None)
    if view.score is None and view.status != "failed":
        scoring.score(ws, view.id)
        lifecycle.wait(ws, view.id, lambda _: None)
    return view.id


def _newest(ws: Workspace, technique: str, lora: bool) -> str:
    found = [
        v.id for v in ws.experiments() if v.technique == technique and v.lora is lora and v.score is not None
    ]
    if not found:
        raise SystemExit(f"{technique} has to be measured first: --only {technique} ppo")
    return max(found)


def _row(ws: Workspace, experiment: str, model: str) -> dict[str, Any]:
    view = ws.experiment(experiment)
    attempt = ws.attempt_dir(experiment)
    assert attempt is not None
    told: Any = atomic.read_json(attempt.summary) or {}
    base = ws.experiment("exp_0000").score
    score = view.score
    return {
        "model": model,
        "technique": view.technique,
        "lora": view.lora,
        "steps": told.get("steps"),
        "seconds": told.get("cpu_time_s"),
        "peak_mb": told.get("peak_rss_mb"),
        "baseline": None if view.technique == "reward" or base is None else base.value,
        "score": None if score is None else [score.value, score.lo, score.hi, score.n],
        "verdict": _verdict(view.technique, score, view.delta),
    }


def _verdict(technique: str, score: Score | None, delta: Any) -> str:
    if score is None:
        return "no score"
    return "order of held-out pairs" if technique == "reward" else delta.short if delta else ""


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The measured runs as a Markdown table, the tiny model first."""
    order = {name: place for place, name in enumerate(TINY)}
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "|".join("---" for _ in HEAD) + "|"]
    for row in sorted(
        rows.values(), key=lambda r: (r["model"][0] != "t", order[r["technique"]], not r["lora"])
    ):
        score = row["score"]
        cells = (
            row["model"],
            row["technique"].upper() if row["technique"] != "reward" else "reward model",
            "LoRA" if row["lora"] else "full",
            str(row["steps"]),
            f"{row['seconds']:.0f}",
            f"{row['peak_mb']:,.0f} MB",
            "-" if row["baseline"] is None else f"{row['baseline']:.2f}",
            "-" if score is None else f"{score[0]:.2f} [{score[1]:.2f}, {score[2]:.2f}] of {score[3]}",
            row["verdict"],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
