"""What the runs ran with, as far as it is known: versions and GPUs of this machine; never the name of a host."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Sequence

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.values import mapping
from cockpit.core.report.facts import Facts
from cockpit.services.system import stack
from cockpit.services.system.gpus import Gpus
from cockpit.services.system.processes import machine
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def of(ws: Workspace, views: Sequence[ExperimentView]) -> Facts:
    """Versions and GPUs as they are here now (a run records neither), and which runs they don't speak for."""
    ran = [view for view in views if view.attempt_dir is not None]
    elsewhere = [view.id for view in ran if _host(view) not in ("", machine().host)]
    apart = [view.id for view in ran if mapping(ws.recipe_of(view).get("resources")).get("python")]
    versions = [f"{name} {found}" for name in stack.TESTED if (found := stack.version(name))]
    rows = [
        ("as of", "this report, on the machine that made it; a run records no versions"),
        ("Python", platform.python_version()),
        ("libraries", ", ".join(versions) or "no training stack is installed here"),
        ("GPUs", _gpus()),
    ]
    if elsewhere:
        rows.append(("ran on another machine", ", ".join(elsewhere)))
    if apart:
        rows.append(("ran in an environment of its own", ", ".join(apart)))
    return tuple(rows)


def without_host(text: str, view: ExperimentView) -> str:
    """The text with the name of the machine that the run was on left out."""
    host = _host(view)
    return re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "its machine", text) if host else text


def _host(view: ExperimentView) -> str:
    record = atomic.read_object(AttemptLayout(view.attempt_dir).process) if view.attempt_dir else None
    return str((record or {}).get("host") or "")


def _gpus() -> str:
    looker = Gpus(None)
    counts = Counter(gpu.name for gpu in looker.look(frozenset()))
    looker.close()
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "none that can be seen"
