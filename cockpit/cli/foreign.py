"""`cockpit watch PATH`: runs that others made, live and read-only, with the readings applied to them."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.services.workspace import open as open_workspace
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place",
        metavar="PATH",
        help="a Trainer's folder, TensorBoard events, mlflow.db, an MLflow address, *.wandb, trackio's, evo's, "
        "or HOST:PATH by ssh",
    )
    parser.add_argument(
        "--once", action="store_true", help="print one snapshot instead of opening the screens"
    )
    parser.add_argument(
        "--ask",
        choices=("stop", "checkpoint", "evaluate"),
        help="ask the run for it, where the cockpit's callback is in its Trainer",
    )


def run(options: argparse.Namespace) -> int:
    if (Path(options.place) / "cockpit.toml").is_file():
        raise CockpitError(
            f"{options.place} is a workspace of the cockpit's own", f"`cockpit --dir {options.place}`."
        )
    if (Path(options.place) / ".evo").is_dir():
        return _evo(options)
    from cockpit.services.foreign import find
    from cockpit.services.foreign.mirror import Mirror
    from cockpit.services.foreign.remote import Remote, split

    far = split(options.place)
    with ExitStack() as ends:
        remote = Remote(*far) if far else None
        if remote:
            ends.callback(remote.close)
        place = str(remote.root) if remote else options.place
        mirror = Mirror(
            find(place),
            options.place,
            look=partial(find, place),
            trouble=lambda: remote.trouble if remote else "",
        )
        ends.callback(mirror.close)
        mirror.poll()
        ws = Workspace(mirror.root)
        if options.ask:
            return _ask(ws, options)
        if options.json or options.once or not sys.stdout.isatty():
            return _snapshot(ws, options)
        from cockpit.ui.watched import run as open_screens

        if remote:
            remote.start()
        mirror.start()
        return open_screens(mirror.root, options.place)


def _ask(ws: Workspace, options: argparse.Namespace) -> int:
    from cockpit.services.foreign import asking

    able = [
        (view, AttemptLayout(view.attempt_dir))
        for view in ws.experiments()
        if view.attempt_dir and asking.answers(AttemptLayout(view.attempt_dir))
    ]
    if not able:
        raise CockpitError(
            f"no run at {options.place} answers requests",
            "Give its Trainer the callback: from cockpit.contract.hf import Cockpit; callbacks=[Cockpit()].",
        )
    living = [(view, attempt) for view, attempt in able if view.attempt and view.attempt.live]
    if len(living) > 1:
        names = ", ".join(view.hypothesis for view, _ in living)
        raise CockpitError(
            f"several runs at {options.place} are alive: {names}", "Name the output folder of one."
        )
    view, attempt = (living or able)[0]
    done = asking.ask(attempt, options.ask, live=bool(living))
    if options.json:
        print_json({"place": options.place, "name": view.hypothesis, "asked": options.ask})
    else:
        say(f"{view.hypothesis}: {done}")
    return OK


def watch(place: str) -> int:
    """Open the screens on the runs at `place`."""
    return run(argparse.Namespace(place=place, once=False, ask=None, json=False))


def _evo(options: argparse.Namespace) -> int:
    """An evo workspace is shown as it lies there, read only: the screens read it live."""
    place = Path(options.place)
    ws = open_workspace.at(place)
    if not ws.read_only:
        raise CockpitError(f"there is no evo workspace at {place}", "`evo init` makes one.")
    if not (options.json or options.once) and sys.stdout.isatty():
        from cockpit.ui.app import run as open_screens

        return open_screens(place.resolve())
    from cockpit.services.rules import run_findings

    rows = [
        (
            view,
            run_findings.without_drafts(run_findings.for_attempt(view.attempt_dir))
            if view.attempt_dir
            else [],
        )
        for view in ws.experiments()
    ]
    if options.json:
        runs = [
            {
                "name": view.id,
                "kind": "evo",
                "place": str(view.attempt_dir or place),
                "parent": view.parent,
                "technique": view.technique,
                "hypothesis": view.hypothesis,
                "status": view.status,
                "state": view.attempt.state if view.attempt else None,
                "step": view.attempt.step if view.attempt else None,
                "score": view.score.value if view.score else None,
                "note": view.note,
                "findings": [finding.as_dict() for finding in found],
            }
            for view, found in rows
        ]
        print_json({"place": options.place, "runs": runs})
        return OK
    for view, found in rows:
        score = f"  {view.score.value:.4g}" if view.score else ""
        say(f"{'  ' * view.depth}{view.id}  {view.technique}  {view.status}{score}  {view.hypothesis}")
        for finding in found:
            say(f"  ! {finding.headline}\n      next: {finding.next_step}")
    return OK


def _snapshot(ws: Workspace, options: argparse.Namespace) -> int:
    from cockpit.services.rules import run_findings

    rows = [
        (view, run_findings.for_attempt(view.attempt_dir)) for view in ws.experiments() if view.attempt_dir
    ]
    if options.json:
        runs = [
            _as_dict(view) | {"findings": [finding.as_dict() for finding in found]} for view, found in rows
        ]
        print_json({"place": options.place, "runs": runs})
        return OK
    for view, found in rows:
        say(f"{view.hypothesis}  {view.technique}  {view.attempt.sentence if view.attempt else ''}")
        for name, (step, value) in sorted(_latest(view).items()):
            say(f"    {name:<32} {value:.5g}  (step {step})")
        for finding in found:
            say(f"  ! {finding.headline}\n      next: {finding.next_step}")
    return FAILED if any(view.status == "failed" for view, _ in rows) else OK


def _as_dict(view: ExperimentView) -> dict[str, Any]:
    assert view.attempt_dir is not None
    from cockpit.contract import atomic

    recipe: Any = atomic.read_json(AttemptLayout(view.attempt_dir).recipe) or {}
    return {
        "name": view.hypothesis,
        "kind": recipe.get("watched", {}).get("kind"),
        "place": recipe.get("watched", {}).get("place"),
        "technique": view.technique,
        "state": view.attempt.state if view.attempt else None,
        "step": view.attempt.step if view.attempt else None,
        "settings": recipe.get("trainer", {}),
        "metrics": {name: {"step": step, "value": value} for name, (step, value) in _latest(view).items()},
    }


def _latest(view: ExperimentView) -> dict[str, tuple[int, float]]:
    """The newest finite value of every metric."""
    from cockpit.contract.reader import read_rows

    assert view.attempt_dir is not None
    newest: dict[str, tuple[int, float]] = {}
    for row in read_rows(AttemptLayout(view.attempt_dir).metrics):
        for name, value in row.items():
            if name not in ("step", "time", "nonfinite") and isinstance(value, int | float):
                newest[name] = (int(row["step"]), float(value))
    return newest
