"""`cockpit export EXP[@STEP]`: the model leaves the house: adapter, merged weights, GGUF, Ollama; scored again."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import Any

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say, size_text
from cockpit.cli.place import workspace
from cockpit.cli.recipe import export_config


def arguments(parser: argparse.ArgumentParser) -> None:
    from cockpit.services.export import forms

    parser.add_argument("experiment", metavar="EXP[@STEP]", help="its best checkpoint, or the one at STEP")
    told = "; ".join(f"{form.name}: {form.says}" for form in forms.FORMS.values())
    told += f"; {', '.join(export_config.FORMATS)}: the recipe, as their YAML"
    known = (*forms.FORMS, *export_config.FORMATS)
    parser.add_argument("--format", choices=known, default="merged", help=told)
    parser.add_argument(
        "--type", default="f16", metavar="TYPE", help="numbers of a GGUF: f32, f16, bf16, q8_0; q4_k_m and others with "
        "llama.cpp's llama-quantize in the PATH"
    )  # fmt: skip
    parser.add_argument(
        "--out",
        "-o",
        type=Path,
        metavar="PLACE",
        help="a new folder (default: in exports/ of the workspace), or the recipe's file (default: printed)",
    )
    parser.add_argument("--push", metavar="OWNER/NAME", help="to the hub, with HF_TOKEN of the environment")
    parser.add_argument(
        "--public", action="store_true", help="a repository that everybody sees (default: private)"
    )
    parser.add_argument("--no-score", action="store_true", help="don't score what was exported")


def run(options: argparse.Namespace) -> int:
    if options.format in export_config.FORMATS:
        return export_config.run(options)
    from cockpit.services.export import export

    asked = export.Asked(
        options.experiment, options.format, options.type.lower(), options.out, options.push, options.public,
        not options.no_score,
    )  # fmt: skip
    tell = _quiet if options.json else say
    before = signal.signal(signal.SIGTERM, _interrupted)  # no part of an export is left, however it is ended
    try:
        made = export.export(workspace(options), asked, tell)
    finally:
        signal.signal(signal.SIGTERM, before)
    if options.json:
        print_json({**_plain(made), "sound": made.sound})
    else:
        say(told(made))
    return OK if made.sound else FAILED


def told(made: Any) -> str:
    """What was made, what it scores, and what speaks against it."""
    lines = [f"{made.experiment} as {made.form}: {made.folder} ({size_text(made.size)})."]
    if made.checkpoint is not None:
        lines.append(f"The checkpoint scored {made.checkpoint.text(3)} on {made.checkpoint.over()}.")
    if made.score is not None:
        lines.append(f"The export scores  {made.score.text(3)}, loaded by the runtime that it is for.")
    for finding in made.findings:
        lines.append(f"  ! {finding.headline}. {finding.next_step}")
    if made.url:
        lines.append(f"Pushed: {made.url}")
    return "\n".join(lines)


def _plain(made: Any) -> dict[str, object]:
    def score(value: Any) -> object:
        return None if value is None else {"value": value.value, "n": value.n, "lo": value.lo, "hi": value.hi}

    return {
        "experiment": made.experiment, "format": made.form, "folder": made.folder, "bytes": made.size,
        "score": score(made.score), "checkpoint": score(made.checkpoint),
        "findings": [finding.as_dict() for finding in made.findings], "url": made.url or None,
    }  # fmt: skip


def _quiet(_: str) -> None:
    return


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
