"""What a spot check leaves: its verdict on the disk, in the records of the experiments, and a line in the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.values import mapping
from cockpit.core.methodlog import Entry
from cockpit.core.spotcheck.mismatch import of_objective
from cockpit.services.dataset import datasets
from cockpit.services.workspace import methodlog_writer

if TYPE_CHECKING:
    from cockpit.core.spotcheck.spot import SpotCheck
    from cockpit.services.workspace.workspace import ExperimentView, Workspace


def store(ws: Workspace, check: SpotCheck) -> None:
    """Keep the verdict: `.cockpit/spot_check.json`, each experiment with the same two sides, and a line in the log.

    `experiment.json` gets `spot_check: {"verdict": "matched" | "mismatched", "kinds": […], "time": …}` for every
    experiment that trains on the same content, which is what the fourth diagnostic waits for; of a mismatch also what
    to say of it (`says`, `mend`, `of_objective`), so that findings say the same. A `matched` that only
    looked at the data is not kept: the tokens may say otherwise.
    """
    if check.verdict == "matched" and not check.rendered:
        return
    record = record_of(check, ws.clock())
    atomic.write_json(ws.layout.spot_check, record)
    short = {"verdict": check.verdict, "kinds": record["kinds"], "time": record["time"]}
    worst = next((mismatch for mismatch in check.mismatches if mismatch.is_serious), None)
    if worst is not None:
        aims = of_objective(check.mismatches, check.shares.share)
        passing = (
            f"; {check.shares.passed:,} of {check.shares.judged:,} targets pass"
            if check.shares.judged
            else ""
        )
        short |= {"says": f"{worst.headline}{passing}", "mend": worst.fix, "of_objective": aims}
    for view in ws.experiments():
        data = trained_on(ws, view)
        if data is not None and data == (record["train_hash"], check.technique):
            ws.update_record(view.id, {"spot_check": short})
    kinds = ", ".join(record["kinds"]) or "no difference"
    passing = f", {check.shares.passed} of {check.shares.judged} targets pass" if check.shares.judged else ""
    entry = Entry(
        "verdict",
        f"spot check {check.verdict}: {kinds}{passing} ({Path(check.train_file or '').name} against {check.verifier})",
        experiment=check.experiment or "",
        key=f"spot/{str(record['train_hash'])[:16]}/{str(record['eval_hash'])[:8]}/{check.verifier}/{check.verdict}/{kinds}",
    )
    methodlog_writer.record(ws, [entry])


def record_of(check: SpotCheck, now: float) -> dict[str, Any]:
    """What is kept of a check: the verdict, on which content, and the mismatches without the texts."""
    return {
        "v": 1, "verdict": check.verdict, "time": now, "experiment": check.experiment, "technique": check.technique,
        "train": check.train_file, "train_hash": _hash(check.train_file), "eval": check.eval_file,
        "eval_hash": _hash(check.eval_file), "verifier": check.verifier, "model": check.model,
        "rendered": check.rendered, "pass_share": check.shares.share, "rows": check.shares.rows,
        "kinds": [mismatch.kind for mismatch in check.mismatches],
        "mismatches": [
            {"kind": m.kind, "share": round(m.share, 4), "headline": m.headline, "mend": m.fix,
             "serious": m.is_serious}
            for m in check.mismatches
        ],
    }  # fmt: skip


def latest(ws: Workspace) -> dict[str, Any] | None:
    """The newest stored check of this workspace, or None."""
    return atomic.read_object(ws.layout.spot_check)


def trained_on(ws: Workspace, view: ExperimentView) -> tuple[str | None, str] | None:
    """The content that an experiment trains on, and by which technique; None for one that trains on nothing."""
    fields = ws.recipe_of(view)
    data = mapping(fields.get("data"))
    if not data.get("train"):
        return None
    return data.get("train_hash") or _hash(str(data["train"])), str(fields.get("technique"))


def _hash(path: str | None) -> str | None:
    if path is None or not Path(path).is_file():
        return None
    return datasets.content_hash(path)
