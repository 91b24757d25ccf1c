"""`cockpit overlap TRAIN HELD_OUT`: is the held-out set in the training data, and where."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, reading_shown, say
from cockpit.contract.errors import CockpitError

if TYPE_CHECKING:
    from cockpit.core.overlap.paraphrase import Paraphrases
    from cockpit.core.overlap.summary import Overlap


SHOWN, IN_JSON = 5, 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "train", metavar="TRAIN", help="what is trained on: JSONL, JSON, CSV, Parquet, text, a folder"
    )
    parser.add_argument("held_out", metavar="HELD_OUT", help="what must not be in it")
    parser.add_argument(
        "--most",
        type=int,
        metavar="N",
        help=f"show the N most damning pairs ({SHOWN}; {IN_JSON} with --json)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="look at the first N training rows only")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="read a column as prompt, answer, text …",
    )
    parser.add_argument(
        "--paraphrases",
        action="store_true",
        help="look for items in other words, too, by a local sentence-embedding model (minutes)",
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.core.overlap.paraphrase import Paraphrases
    from cockpit.core.rules.tree_rules.leaks import of_overlap, of_paraphrases
    from cockpit.services.dataset import overlap, paraphrases

    columns = named_columns(options.column)
    began = time.monotonic()
    with reading_shown():
        found = overlap.compare(
            options.train,
            options.held_out,
            train_columns=columns,
            held_out_columns=columns,
            limit=options.limit,
        )
    seconds = time.monotonic() - began
    if found.unread == found.rows:
        raise CockpitError(
            "no row of the training set has a text in a column that is known, so nothing could be compared",
            "Say which column it is: --column NAME=prompt.",
            file=options.train,
        )
    seen = (
        paraphrases.look(
            options.train, options.held_out, columns=columns, limit=options.limit, cache=_cache()
        )
        if options.paraphrases
        else Paraphrases(why="--paraphrases was not given")
    )
    told = [*of_overlap(found, options.train), *of_paraphrases(seen, found.items, options.train)]
    if options.json:
        print_json(
            {
                "train": options.train,
                "held_out": options.held_out,
                **found.as_dict(IN_JSON if options.most is None else max(0, options.most)),
                "paraphrases": seen.as_dict(),
                "findings": [finding.as_dict() for finding in told],
                "seconds": round(seconds, 2),
                "rows_per_s": round(found.rows / max(seconds, 1e-6)),
            }
        )
    else:
        most = SHOWN if options.most is None else max(0, options.most)
        say(as_text(found, options.train, options.held_out, most, seconds))
        if options.paraphrases:
            say(_paraphrased(seen, most))
    return FAILED if found.leaked else OK


def _cache() -> Path | None:
    """The workspace's, where this is one."""
    from cockpit.contract.errors import CockpitError
    from cockpit.services.workspace import caching
    from cockpit.services.workspace import open as open_workspace

    try:
        return caching.root(open_workspace.find(None))
    except CockpitError:
        return None


def named_columns(given: list[str]) -> dict[str, str]:
    """Read `THEIRS=OURS` pairs. Raises CockpitError for what is none."""
    from cockpit.contract.errors import CockpitError

    made: dict[str, str] = {}
    for pair in given:
        theirs, equals, ours = pair.partition("=")
        if not equals or not theirs or not ours:
            raise CockpitError(f"--column {pair!r} is no THEIRS=OURS", "For instance --column frage=prompt.")
        made[theirs] = ours
    return made


def as_text(found: Overlap, train: str, held_out: str, most: int, seconds: float) -> str:
    """The counts, then the pairs side by side, most damning first."""
    shown = found.as_dict(most)
    n = found.tally.ngrams
    lines = [
        f"{found.rows:,} training rows of {train} beside {found.items:,} held-out items of {held_out} "
        f"({seconds:.1f} s).",
        *(
            [
                f"  {found.unread:,} training rows have no text in a column that is known: they were not compared "
                "(--column NAME=prompt says which it is)."
            ]
            if found.unread
            else []
        ),
        *_counts(shown),
    ]
    if any(n.values()):
        by_size = ", ".join(f"{n[size]} items by {size} words" for size in sorted(n) if n[size])
        lines += [f"  Sharing a run of words with a training prompt: {by_size} (phrases included)."]
    for match in found.matches[:most]:
        common = ", a common phrase" if match.common else ""
        lines += [
            "",
            f"training line {match.train_line:,} ({match.part}) {match.says} as held-out line "
            f"{match.held_out_line:,}{common}",
            f"  training  {_one_line(match.train_text)}",
            f"  held-out  {_one_line(match.held_out_text)}",
        ]
        lines += [f"  shared    {match.run} words: {_one_line(match.shared)}"] if match.run > 1 else []
    if len(found.matches) > most:
        left = len(found.matches) - most
        lines += [
            "",
            f"… and {left:,} more pair{'s' if left > 1 else ''}: --most {len(found.matches)} shows all.",
        ]
    if found.tally.phrases:
        lines += ["", "Common phrases, which count for little:"]
        lines += [f"  {rows:>8,} rows  {words}" for words, rows, _ in found.tally.phrases]
    lines += ["", _verdict(found)]
    return "\n".join(lines)


def _counts(shown: Mapping[str, object]) -> list[str]:
    """A line for each way in which items were found; what was not found has none."""
    kinds = (
        ("exact", "word for word"),
        ("contained", "inside a longer text"),
        ("near_duplicates", "but for a few words"),
    )
    told = ", ".join(f"{shown[name]} {words}" for name, words in kinds if shown[name])
    lines = [f"  In the training data: {shown['leaked']} items: {told}."] if told else []
    lines += [f"  With other names or numbers: {shown['renamed']} items."] if shown["renamed"] else []
    same = shown["same_answers"]
    return lines + ([f"  The same answer under another question: {same} items."] if same else [])


def _paraphrased(seen: Paraphrases, most: int) -> str:
    lines = ["", seen.sentence]
    for twin in seen.twins[:most]:
        lines += [
            f"training line {twin.train_line:,} as held-out line {twin.held_out_line:,}: cosine {twin.cosine:.2f}, the "
            f"nearest other item {twin.next_item:.2f}",
            f"  training  {_one_line(twin.train_text)}",
            f"  held-out  {_one_line(twin.held_out_text)}",
        ]
    if len(seen.twins) > most:
        lines += [f"… and {len(seen.twins) - most:,} more pairs: --most {len(seen.twins)} shows all."]
    return "\n".join(lines)


def _verdict(found: Overlap) -> str:
    if found.leaked:
        return "The held-out set is in the training data: take those rows out before anything is trained or scored."
    if found.lines("renamed"):
        return "No held-out item is in the training data; look at the twins with other names or numbers."
    if found.same_answers:
        return "No held-out question is in the training data; look at the answers that are."
    return "No held-out item is in the training data."


def _one_line(text: str) -> str:
    from cockpit.core.safe_text import clip

    return clip(" ".join(text.split()), 400)
