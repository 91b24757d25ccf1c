"""The folder in which a part of an export lies until it is whole, signed by the process that it is of."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.core.runs.evidence import Pid
from cockpit.services.runs.record import ProcessFile, read_facts
from cockpit.services.system import processes

_NAME = re.compile(r"\..+\.(\d+)\.tmp", re.DOTALL)
_LAUNCH = "export"  # in the signature: no run signs so


@contextmanager
def apart(out: Path) -> Generator[Path]:
    """Make a folder beside `out` for a part of an export; what a killed export left there is removed."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for path in out.parent.glob(".*.tmp"):
            if _left(path):
                shutil.rmtree(path, ignore_errors=True)
        part = out.with_name(f".{out.name}.{os.getpid()}.tmp")
        part.mkdir()
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        if (error := sign(part)) is not None:
            raise _unwritable(out, error) from error
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sign(folder: Path) -> OSError | None:
    """Write into `folder` which process it is of, as a run's supervisor does; None where it worked."""
    pid = os.getpid()
    me = Pid(pid, processes.start_time(pid) or 0.0)
    file = AttemptLayout(folder).process
    return ProcessFile.begin(file, launch=_LAUNCH, now=time.time(), supervisor=me).write()


def _left(path: Path) -> bool:
    """Whether this is a part of an export whose process is gone; another machine's is never known to be."""
    named = _NAME.fullmatch(path.name)
    facts = None if named is None or path.is_symlink() else read_facts(AttemptLayout(path).process)
    if named is None or facts is None or facts.launch != _LAUNCH or facts.supervisor is None:
        return False
    if facts.host != processes.machine().host or facts.supervisor.pid != int(named[1]):
        return False
    seen = processes.liveness(facts)
    return seen.where != "elsewhere" and not seen.supervisor


def _unwritable(out: Path, error: OSError) -> CockpitError:
    return CockpitError(
        f"the export can't be written: {error.strerror or error}",
        "Name another folder with --out.",
        file=out,
    )
