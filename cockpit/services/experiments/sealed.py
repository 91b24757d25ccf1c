"""The sealed held-out set: opened once, for one experiment against the base, with its line in the method log first.

Whatever was chosen by a held-out set is overfitted to it (Dwork et al. 2015, Science 349:636); a set that nothing was
chosen by is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, GateClosed
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.reader import weights_key
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.core.scores import Delta, Score, compare
from cockpit.services.dataset import datasets
from cockpit.services.experiments import catch_up, lifecycle
from cockpit.services.experiments.lifecycle import Tick
from cockpit.services.runs import attempts
from cockpit.services.workspace import item_slices, methodlog_writer
from cockpit.services.workspace.workspace import ExperimentView, Workspace


@dataclass(frozen=True, slots=True)
class Opened:
    """What the sealed set says: the base's score, the experiment's, and their difference."""

    experiment: str
    file: str
    base: Score
    score: Score
    delta: Delta


def unseal(ws: Workspace, experiment_id: str, tick: Tick, *, although: str | None = None) -> Opened:
    """Score the base and the experiment on the sealed set and write down what came of it; waits for both.

    Raises CockpitError; GateClosed where the set was opened before, which `although` overrides.
    """
    ws.refuse_moves()
    catch_up.before_move(ws)
    path = ws.config.sealed
    if path is None:
        raise CockpitError(
            "this workspace has no sealed set",
            'Put one under [data], `sealed = "FILE"`, before anybody has looked at it.',
            file=ws.layout.config,
        )
    digest = datasets.content_hash(path)
    base, view = ws.experiment(BASELINE_ID), ws.experiment(experiment_id)
    _check(base, view)
    _open(ws, path, digest, view, although)
    scores = [_scored(ws, one, path, digest, tick) for one in (base, view)]
    groups, _ = item_slices.groups_of(str(path), ws.config.cluster)
    before, now = (score.grouped(groups) for score in scores)
    delta = compare(now, before)
    text = f"sealed set {now.text(3)} on {now.over()}, {base.id} {before.text(3)}. {delta.sentence}"
    key = f"sealed-verdict/{digest[:16]}/{view.id}/{view.attempts}/{now.value:.4f}-{before.value:.4f}"
    methodlog_writer.record(ws, [Entry("verdict", text, experiment=view.id, key=key)])
    return Opened(view.id, str(path), before, now, delta)


def _check(base: ExperimentView, view: ExperimentView) -> None:
    """Refuse what can't be scored before the seal is broken. Raises CockpitError."""
    if view.id == base.id:
        raise CockpitError("the base is scored beside an experiment", "Name the experiment to be claimed.")
    if view.technique == "reward":
        raise CockpitError(f"{view.id} is a reward model: it answers no items", "Name another experiment.")
    for one in (base, view):
        if one.score is None or one.status == "running":
            raise CockpitError(
                f"{one.id} has no held-out score yet", f"Score it first: `cockpit score {one.id}`."
            )
    if view.attempt_dir is None or not AttemptLayout(view.attempt_dir).best.exists():
        raise CockpitError(f"{view.id} has no checkpoint to score", f"`cockpit logs {view.id}` may say why.")


def _open(ws: Workspace, path: Path, digest: str, view: ExperimentView, although: str | None) -> None:
    """Write down that the set is opened. Raises GateClosed where it was, and no reason is given.

    None is asked for where the last opening was for this attempt, and came to no verdict: the scoring goes on.
    """
    mark = f"sealed/{digest[:16]}/"
    with methodlog_writer.held(ws) as add:
        known = methodlog.keys(methodlog_writer.text_of(ws))
        before = sorted((key for key in known if key.startswith(mark)), key=_number)
        judged = any(
            key.startswith(f"sealed-verdict/{digest[:16]}/{view.id}/{view.attempts}/") for key in known
        )
        goes_on = not judged and bool(before) and before[-1].startswith(f"{mark}{view.id}/{view.attempts}/")
        reason = (although or "").strip()
        if before and not goes_on and not reason:
            whom = ", ".join(dict.fromkeys(key.split("/")[2] for key in before))
            told = f"the sealed set was opened before, for {whom}"
            raise GateClosed(
                told,
                "Draw a fresh one; or say why a second look is no choice by it (--although REASON).",
                closed=(told,),
                instead="Draw a fresh one.",
            )
        text = f"opened the sealed set {path} sha256:{digest[:16]} for {view.id} against {BASELINE_ID}"
        text += f" (attempt {view.attempts}, weights sha256:{_weights(view)[:16]})"
        why = reason or "that came to no verdict"
        text += f", although it had been opened {len(before)} time(s): {why}" if before else ""
        key = f"{mark}{view.id}/{view.attempts}/{len(before) + 1}"
        add([Entry("sealed", text, experiment=view.id, key=key, file=str(path))])


def _number(key: str) -> int:
    """Which opening it was."""
    last = key.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdecimal() else 0


def _weights(view: ExperimentView) -> str:
    """The digest of the checkpoint that is scored; empty for the base model."""
    best = AttemptLayout(view.attempt_dir).best if view.attempt_dir else None
    return weights_key(best.resolve()) if best is not None and best.exists() else ""


def _known(view: ExperimentView, digest: str) -> Score | None:
    """The attempt's score on this very file with the weights that it has now, where it was made."""
    if view.attempt_dir is None:
        return None
    attempt = AttemptLayout(view.attempt_dir)
    score = attempts.read_score(attempt, "sealed")
    if score is None or score.held_out_hash != digest:
        return None
    made_with = (atomic.read_object(attempt.sealed / "score.json") or {}).get("weights")
    return score if (made_with or "") == _weights(view) else None


def _scored(ws: Workspace, view: ExperimentView, path: Path, digest: str, tick: Tick) -> Score:
    known = _known(view, digest)
    why: CockpitError | None = None
    if known is None:
        settled = lifecycle.settled(ws, view.id)
        try:
            lifecycle.again(
                ws, view.id, settled, module="trainers.evaluate", arguments=("--sealed", str(path))
            )
            known = _known(lifecycle.wait(ws, view.id, tick), digest)
        except CockpitError as error:  # one that ends at once is told by the launcher
            why = error
    if known is None:
        raise CockpitError(
            f"{view.id} could not be scored on the sealed set" + (f": {why.title}" if why else ""),
            f"`cockpit logs {view.id}` says why; the same command then goes on.",
        ) from why
    return known
