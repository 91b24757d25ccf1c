"""Everything about one experiment in one answer: what `cockpit show` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.events import STANDING, mini_evals
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.values import mapping
from cockpit.core.dataset.chat_templates import asked
from cockpit.core.safe_text import clip
from cockpit.services.recipe import attempt_limit
from cockpit.services.workspace.view import red_smoke
from cockpit.services.workspace.workspace import ExperimentView, Workspace

_MID_EVAL = ("step", "score", "passed", "parsed", "n", "best", "baseline", "items")
_ITEM = ("item", "prompt", "completion", "answer", "parsed", "score", "passed", "why")
SHOWN_ITEMS = 5


def of(ws: Workspace, view: ExperimentView, *, items: bool = False) -> dict[str, Any]:
    """The recipe, mid-evals, checkpoints, findings and (with `items`) every held-out answer of `view`."""
    from cockpit.services.rules import run_findings

    layout = ws.layout.experiment(view.id)
    if view.attempt_dir is None:
        return {"recipe": atomic.read_json(layout.draft), "mid_evals": [], "checkpoints": [], "findings": []}
    attempt = AttemptLayout(view.attempt_dir)
    events = [
        row for row in read_rows(attempt.events) if row.get("kind") in (*STANDING, "checkpoint", "notice")
    ]
    answer: dict[str, Any] = {
        "recipe": atomic.read_json(attempt.recipe),
        "process": atomic.read_json(attempt.process),
        "mid_evals": [_some(row, _MID_EVAL) for row in mini_evals(events)],
        "checkpoints": [
            _some(row, ("step", "path", "best", "reason")) for row in events if row["kind"] == "checkpoint"
        ],
        "notices": [_some(row, ("level", "text")) for row in events if row["kind"] == "notice"],
        "findings": run_findings.for_attempt(view.attempt_dir),
    }
    limit = None if items else SHOWN_ITEMS
    answer["items"] = [_some(row, _ITEM) for row in read_rows(attempt.held_out / "items.jsonl", limit)]
    return answer


def _some(row: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: row.get(key) for key in keys}


def as_text(view: ExperimentView, facts: Mapping[str, Any]) -> str:
    """The same for a person, about a screen long."""
    lines = [f"{view.id}  {view.technique}{' lora' if view.lora else ''}  {view.status}"]
    if view.hypothesis:
        lines.append(f"  hypothesis  {view.hypothesis}")
    if view.parent:
        lines.append(f"  parent      {view.parent}")
    if view.start:
        lines.append(f"  starts from {view.start}")
    lines.append(f"  model       {view.model}")
    lines.append(f"  verifier    {view.verifier}")
    if view.smoke:
        colour = "green" if view.smoke.green else f"red at {view.smoke.stage}"
        lines.append(f"  smoke run   {colour}: {view.smoke.headline}")
        lines += [f"      next: {view.smoke.fix}"] if view.smoke.fix else []
    if view.attempt:
        lines.append(f"  run         {view.attempt.sentence}")
    if view.score:
        score = view.score
        lines.append(f"  held-out    {score.text(3)} on {score.over()}, {score.parsed} parsed")
    if view.passes:
        lines.append(f"  sampled     {view.passes.sentence()}")
    if view.note and view.note != red_smoke(view.smoke):
        lines.append(f"  note        {view.note}")
    if view.delta:
        lines.append(f"  delta       {view.delta.sentence}")
        if view.delta.kind == "lost" and view.decision is None:
            lines.append(f"  next        {attempt_limit.next_move(view)}")
    if view.decision:
        lines.append(f"  decision    {view.decision.status}: {view.decision.reason}")
    lines += _settings(facts.get("recipe"))
    lines += _mid_evals(facts["mid_evals"])
    lines += [f"  ! {finding.headline}\n      next: {finding.next_step}" for finding in facts["findings"]]
    lines += _answers(facts.get("items") or [])
    return "\n".join(lines)


def _settings(recipe: object) -> list[str]:
    fields = mapping(recipe)
    trainer = mapping(fields.get("trainer"))
    lines = [
        f"    {name} = {json.dumps(value)}" for name, value in sorted(trainer.items()) if value is not None
    ]
    peft = fields.get("peft")
    if isinstance(peft, dict):
        lines.append(f"    peft = {json.dumps(peft)}")
    return ["  settings", *lines] if lines else []


def _mid_evals(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    best = next((row for row in reversed(rows) if row["best"]), None)  # each was the best when it was made
    cells = [
        f"{row['step']}:{row['score']:.2f}{'*' if row is best else ''}"
        for row in rows
        if row["score"] is not None
    ]
    return ["  mid-evals   " + "  ".join(cells) + "   (* best)"]


def _answers(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = ["  held-out answers"] if rows else []
    graded = any(0 < (row["score"] or 0) < 1 for row in rows)
    for row in rows:
        mark = f"{row['score'] or 0:.2f}" if graded else "pass" if row["passed"] else "fail"
        prompt = clip(asked(str(row["prompt"])), 40)
        completion = clip(str(row["completion"]), 50)
        lines.append(
            f"    {mark}  {prompt} -> {completion}  (gold {clip(str(row['answer']), 20)}; {row['why']})"
        )
    return lines
