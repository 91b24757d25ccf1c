"""`cockpit inspect FILE`: look at the data before anything is trained on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from cockpit.cli import OK
from cockpit.cli.output import print_json, reading_shown, say
from cockpit.contract.errors import CockpitError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="JSONL, JSON, CSV, Parquet, text, a `datasets` folder, or a hub id (default: the workspace's data)",
    )
    parser.add_argument(
        "--tokenizer", metavar="DIR", help="a model folder or tokenizer.json, to count tokens"
    )
    parser.add_argument(
        "--max-length", type=int, metavar="N", help="say what a maximum of N tokens would cut"
    )
    parser.add_argument("--split", metavar="NAME", help="of a folder or hub data set with several")
    parser.add_argument("--limit", type=int, metavar="N", help="look at the first N rows only")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.dataset import inspect

    for name in ("max_length", "limit"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise CockpitError(
                f"--{name.replace('_', '-')} {value} makes no sense", "Give a number from 1 up."
            )
    file, tokenizer = _defaults(options)
    with reading_shown():
        seen = inspect.inspect(
            file,
            tokenizer=tokenizer,
            max_length=options.max_length,
            split=options.split,
            limit=options.limit,
        )
    if options.json:
        print_json(inspect.as_dict(seen))
    else:
        from cockpit.services.dataset.inspect_text import as_text

        say(as_text(seen))
    return OK


def _defaults(options: argparse.Namespace) -> tuple[str, str | None]:
    """File and tokenizer; the workspace's own where they aren't named."""
    from cockpit.services.workspace import open as open_workspace

    if options.file and options.tokenizer:
        return options.file, options.tokenizer
    try:
        config = open_workspace.find(Path(options.dir) if options.dir else None).config
    except CockpitError:
        if not options.file:
            raise CockpitError("which file?", "Name one: `cockpit inspect FILE`.") from None
        return options.file, options.tokenizer
    file = options.file or (str(config.train) if config.train else None)
    if file is None:
        raise CockpitError("the workspace has no training file", "Name one: `cockpit inspect FILE`.")
    local = Path(config.model) / "tokenizer.json"
    return file, options.tokenizer or (str(local) if local.is_file() else None)
