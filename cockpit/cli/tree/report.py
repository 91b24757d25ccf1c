"""`cockpit report [EXP …] --html FILE`: everything about the experiments on one page, for those who weren't there.

`--md` gives the same in short for a pull request.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.cli import OK
from cockpit.cli.output import print_json, reading_shown, say, size_text
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiments", metavar="EXP", nargs="*", help="which (default: all that have run)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--html", metavar="FILE", type=Path, help="one page that stands alone, with curves and answers"
    )
    form.add_argument(
        "--md",
        metavar="FILE",
        type=Path,
        nargs="?",
        const=Path("-"),
        help="in short, as Markdown for a pull request (default: to standard output)",
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.core.report.markdown import as_markdown
    from cockpit.core.report.page import page
    from cockpit.services.report import gather, write

    ws = workspace(options)
    file: Path | None = options.html or (options.md if options.md != Path("-") else None)
    if file is not None:
        _refuse_experiment(ws, file)
        write.check(file)
    with reading_shown():
        report = gather.of(ws, options.experiments)
    text = page(report) if options.html else as_markdown(report)
    told = [one.id for one in report.told]
    size = write.write(file, text) if file else len(text.encode("utf-8", "backslashreplace"))
    if options.json:
        said = {} if file else {"markdown": text}
        print_json({"file": file.absolute() if file else None, "size": size, "experiments": told, **said})
    elif file:
        say(f"{file}: {size_text(size)} about {', '.join(told) or 'no experiment: none has run yet'}.")
    else:
        say(text.rstrip("\n"))
    return OK


def _refuse_experiment(ws: Workspace, file: Path) -> None:
    """`--md exp_0003` takes the experiment for the file's name. Raises CockpitError."""
    from cockpit.services.workspace.workspace import normal_id

    if normal_id(str(file)) in ws.experiment_ids():
        raise CockpitError(
            f"{file} is an experiment, and stands where the report's file is named",
            f"`cockpit report {file} --md`.",
        )
