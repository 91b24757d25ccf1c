"""A workspace whose trainers are a stand-in interpreter: quick, and as broken as a test wants it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.services.experiments import lifecycle, setup
from cockpit.services.workspace.workspace import Workspace

# Stands for `python`: answers `-m trainers.spotcheck.render`, and does what a trainer and its scorer leave behind.
INTERPRETER = """#!{python}
import json, pathlib, sys
sys.path.insert(0, {home!r})
module, place = sys.argv[-2], sys.argv[-1]
if "trainers.evaluate" in sys.argv: module, place = "trainers.evaluate", sys.argv[4]
how = json.loads(pathlib.Path({how!r}).read_text())
if module == "trainers.spotcheck.render":
    print(json.dumps(how["render"])); sys.exit(0)
if "trainers.exports" in sys.argv:
    asked = json.loads(pathlib.Path(place).read_text())
    how = {{**how["export"].get("all", {{}}), **how["export"].get(module, {{}})}}
    for name, text in how.get("files", {{}}).items():
        (pathlib.Path(asked["out"]) / name).write_bytes(bytes.fromhex(text))
    print("noise that says nothing")
    print(json.dumps({{"stage": module}}), flush=True)
    if how.get("hangs"):
        import time; time.sleep(600)
    print(json.dumps(how["says"]), flush=True)
    if how.get("killed"):
        import os; os.kill(os.getpid(), how["killed"])
    sys.exit(how.get("code", 0))
from cockpit.contract import AttemptLayout, AttemptWriter
root = pathlib.Path(place)
layout, out = AttemptLayout(root), AttemptWriter(root)
out.stage("loading")
if how.get("load"):
    out.end("failed", how["load"]); sys.exit(1)
recipe = json.loads(layout.recipe.read_text())
rows = [json.loads(line) for line in open(recipe["data"]["held_out"])]
if module != "trainers.evaluate":
    out.stage("training")
    for step in range(1, how["steps"] + 1):
        out.metrics(step, {{"loss": how["losses"][step - 1], "step_time": 0.5}})
    if how.get("rollouts"):
        out.samples(1, "train", [{{"completion": "x", "parsed": "x", "score": float(ok), "passed": ok}}
                                 for ok in how["rollouts"]])
    if how["checkpoint"]:
        folder = layout.checkpoint(how["steps"]); folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(b"w" * 100)
if "--samples" in sys.argv:
    each, heat = int(sys.argv[sys.argv.index("--samples") + 1]), float(sys.argv[sys.argv.index("--temperature") + 1])
    out.rows(layout.sampled / "items.jsonl", [{{"item": str(i), "score": float((i + j) % 3 == 0), "sample": j}}
                                              for j in range(each) for i in range(len(rows))])
    (layout.sampled / "score.json").write_text(json.dumps(
        {{"score": 1 / 3, "n": len(rows), "samples": each, "generation": {{"temperature": heat}}}}))
elif "--sealed" in sys.argv:
    from cockpit.contract.reader import weights_key
    from cockpit.services.dataset.datasets import content_hash
    place = sys.argv[sys.argv.index("--sealed") + 1]
    n = len(open(place).read().splitlines())
    scores = (how["sealed"][layout.root.parts[-3]] * n)[:n]
    out.rows(layout.sealed / "items.jsonl", [{{"item": str(i), "score": s}} for i, s in enumerate(scores)])
    (layout.sealed / "score.json").write_text(json.dumps(
        {{"score": sum(scores) / n, "n": n, "held_out_hash": content_hash(place),
          "weights": weights_key(layout.best) if layout.best.exists() else None}}))
elif how["checkpoint"] and how["scores"] is not None:
    exported = any(word.endswith(".tmp") for word in root.parts) and "checkpoints" not in sys.argv[6]
    print("held-out set: 1/1", flush=True)
    scores = ((how["exported"] if exported and "exported" in how else how["scores"]) * 20)[: len(rows)]
    out.rows(layout.held_out / "items.jsonl", [
        {{"item": str(i), "completion": "said", "parsed": how["parsed"], "score": s, "passed": s >= 1}}
        for i, s in enumerate(scores)])
    (layout.held_out / "score.json").write_text(json.dumps({{"score": sum(scores) / len(scores), "n": len(scores)}}))
out.end("finished", "done", step=how["steps"])
"""
FINE: dict[str, Any] = {
    "render": {"contexts": [], "refused": [], "rows": [{}] * 10},
    "steps": 3, "losses": [2.0, 1.5, 1.0], "checkpoint": True, "scores": [1.0, 0.0], "parsed": "x",
}  # fmt: skip
Behave = Callable[..., None]


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """120 sums split by `init`, a model folder that is one by name, and the interpreter of `behave`."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    data = tmp_path / "sums.jsonl"
    rows = [{"prompt": f"{n}+1=" + "?" * (1 + n % 7), "answer": str(n + 1)} for n in range(120)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    python = tmp_path / "python"
    home = str(Path(__file__).resolve().parents[2])
    how = tmp_path / "how.json"
    python.write_text(INTERPRETER.format(python=sys.executable, home=home, how=str(how)))
    python.chmod(0o755)
    how.write_text(json.dumps(FINE))
    setup.init(tmp_path / "ws", name="ws", model=str(model), verifier="exact", train=data,
               sections={"resources": {"python": str(python)}})  # fmt: skip
    return Workspace(tmp_path / "ws")


@pytest.fixture
def behave(tmp_path: Path) -> Behave:
    """Say what the stand-in does from now on, beside what it does when all is well."""

    def change(**how: Any) -> None:
        (tmp_path / "how.json").write_text(json.dumps({**FINE, **how}))

    return change


@pytest.fixture
def draft(ws: Workspace) -> str:
    """An SFT experiment as a draft; gives its id."""
    return lifecycle.new(ws, "sft", hypothesis="it helps").id


@pytest.fixture
def given(tmp_path: Path, ws: Any) -> tuple[Path, str, str]:
    """A folder to be a workspace, a data file, a model folder."""
    return tmp_path / "fresh", str(tmp_path / "sums.jsonl"), str(tmp_path / "model")
