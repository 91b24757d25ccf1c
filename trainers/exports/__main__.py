"""Run one step of an export in a process of its own: `python -m trainers.exports STEP REQUEST.json`.

Says what it does as `{"stage": …}`, a line each. The last line is `{"done": …}`, or `error`, `mend` and `file`.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from cockpit.contract.atomic import read_object

STEPS = ("weights", "gguf", "push")


def main(argv: list[str]) -> int:
    step, file = argv
    if step not in STEPS:
        raise SystemExit(f"there is no step {step}")
    request = read_object(Path(file)) or {}
    try:
        say(done=importlib.import_module(f"trainers.exports.{step}").run(request, stage))
    except CockpitError as error:
        say(error=error.title, mend=error.fix, file=str(error.file or "") or None)
        return 1
    except OSError as error:
        traceback.print_exc()
        say(
            error=f"{step}: {error.strerror or error}", mend="Make room, or look at the folder's permissions."
        )
        return 1
    return 0


def stage(text: str) -> None:
    """Say what is done now."""
    say(stage=text)


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
