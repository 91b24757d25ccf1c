"""`cockpit compare EXP EXP …`: scores with intervals, only the settings that differ, items won and lost.

`cockpit compare LOG LOG` does the same for two evaluation logs from elsewhere.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError

if TYPE_CHECKING:
    from cockpit.core.tree.comparing import Comparison, Pair, Side


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "experiments",
        metavar="EXP",
        nargs="+",
        help="two to six, the first is the reference; or two evaluation logs: Inspect's .eval or .json, lm-eval's "
        "samples_*.jsonl, a JSONL of items",
    )
    parser.add_argument("--metric", metavar="NAME", help="of two logs: which of their scores")
    parser.add_argument("--cluster", metavar="COLUMN", help="of two logs: the column that groups their items")
    parser.add_argument(
        "--x", choices=("step", "tokens", "time"), default="step", help="what the curves run over"
    )
    parser.add_argument("--items", type=int, default=5, metavar="N", help="show N items won and N lost (5)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as Markdown tables")
    form.add_argument("--csv", action="store_true", help="as one table, an experiment a column")


def run(options: argparse.Namespace) -> int:
    from cockpit.core.tree.comparing import as_csv, as_markdown
    from cockpit.services.workspace import comparing

    whole = _logs(options) or comparing.of(workspace(options), options.experiments, options.x)
    if options.json:
        print_json(whole.as_dict())
    elif options.markdown:
        say(as_markdown(whole, items=max(0, options.items)).rstrip("\n"))
    elif options.csv:
        print(as_csv(whole), end="")
    else:
        say(as_text(whole, max(0, options.items)))
    return OK


def _logs(options: argparse.Namespace) -> Comparison | None:
    """The comparison of two files; None where experiments are named. Raises CockpitError for one of each."""
    from cockpit.services.foreign import eval_logs

    files = [word for word in options.experiments if eval_logs.is_log(word)]
    if not files:
        if options.metric is None and options.cluster is None:
            return None
        raise CockpitError("--metric and --cluster are for two evaluation logs", "Name two files.")
    if len(files) != len(options.experiments):
        raise CockpitError(
            "an experiment is not compared with a file",
            "Name two files: an experiment's own items are in its attempt's held_out/items.jsonl.",
        )
    from cockpit.services.foreign import eval_pairs

    return eval_pairs.of(files, options.metric, options.cluster)


def as_text(whole: Comparison, items: int) -> str:
    """The same for a person."""
    from cockpit.core.tree.comparing import HELD_OUT_CAUTION, score_text

    against = {pair.other: pair for pair in whole.pairs}
    rows: list[list[str]] = []
    for side in whole.sides:
        pair = against.get(side.id)
        said = pair.delta.sentence if pair and pair.delta else "the reference" if pair is None else "-"
        rows.append([side.id, side.technique, side.status, score_text(side.score), said])
    ids = [side.id for side in whole.sides]
    sampled = [f"{pair.other}: {pair.passes.sentence()}" for pair in whole.pairs if pair.passes]
    lines = [table(["id", "technique", "status", "held-out", f"against {ids[0]}"], rows), *sampled, ""]
    lines += list(whole.notes)
    if whole.settings:
        lines.append(table(["setting", *ids], [[name, *values] for name, values in whole.settings.items()]))
    elif any(side.recipe for side in whole.sides):
        lines.append("No setting differs.")
    by_id = {side.id: side for side in whole.sides}
    shown = False
    for pair in whole.pairs:
        told = _items(pair, by_id, items)
        lines += told
        shown = shown or bool(told)
    return "\n".join([*lines, *(["", HELD_OUT_CAUTION] if shown else [])])


def _items(pair: Pair, by_id: dict[str, Side], items: int) -> list[str]:
    from cockpit.core.dataset.chat_templates import asked
    from cockpit.core.safe_text import clip

    lines: list[str] = []
    first, other = by_id[pair.first], by_id[pair.other]
    for names in (pair.won, pair.lost):
        if not names:
            continue
        now, was = ("right", "wrong") if names is pair.won else ("wrong", "right")
        said = f"is {now}, where {pair.first} was {was}"
        if pair.graded:
            said = f"is {'better' if names is pair.won else 'worse'} than {pair.first}"
        lines += ["", f"{pair.other} {said}: {len(names)} items"]
        for name in names[:items]:
            a, b = first.answers[name], other.answers[name]
            lines += [
                f"  {clip(name, 24)}  {clip(asked(b.prompt), 70)}  (gold {clip(b.gold, 24)})",
                f"      {pair.first}  {clip(a.completion, 90)}",
                f"      {pair.other}  {clip(b.completion, 90)}",
            ]
    return lines
