"""What the log says before a launch: a silent swap, an ablation that was run already, a constraint that would break.

Source text, "Surviving session compaction": re-read the log before the next train move; it prevents silent dataset
swaps between experiments and re-running ablations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cockpit.core.methodlog import Entry
from cockpit.core.recipe import constraints

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

SOURCE = 'source text, "Surviving session compaction"'
Rule = Literal["swap", "already run", "constraint"]
_CONTENT = re.compile(r"(?:content|data)/([a-z_]+)/([0-9a-f]{8,})")
_NAMES = {
    "held_out": "held-out set",
    "mini_eval": "mini-eval",
    "train": "training data",
    "model": "base model",
    "template": "chat template",
    "verifier": "verifier",
}
TARGET = ("model", "template", "verifier", "held_out", "mini_eval")
"""What makes a target: where one of them changes, scores of before and after can't be compared."""


@dataclass(frozen=True, slots=True)
class PrelaunchCheck:
    """Something that the log says against a launch. `shows`: an experiment whose result answers it, or empty."""

    rule: Rule
    headline: str
    fix: str
    shows: str = ""
    source: str = SOURCE


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier experiment: the fingerprint of its settings and data, how it ended, what it scored."""

    id: str
    fingerprint: str
    status: str
    result: str


def known_contents(entries: Sequence[Entry]) -> dict[str, str]:
    """What the log says last of each content: name -> the digest's beginning."""
    found: dict[str, str] = {}
    for entry in entries:
        match = _CONTENT.fullmatch(entry.key)
        if match:
            found[match[1]] = match[2]
    return found


def swaps(entries: Sequence[Entry], now: Mapping[str, str]) -> list[PrelaunchCheck]:
    """Contents of the target that differ from what the log names; training data is judged file by file elsewhere."""
    known = known_contents(entries)
    made: list[PrelaunchCheck] = []
    for name in TARGET:
        before, today = known.get(name), now.get(name)
        if before and today and not (today.startswith(before) or before.startswith(today)):
            what = _NAMES[name]
            made.append(
                PrelaunchCheck(
                    "swap",
                    f"The {what} is not the one that methodlog.md names: {today[:12]} now, {before[:12]} there",
                    f"Put the old {what} back, or begin a new workspace: scores of before and after can't be compared.",
                )
            )
    return made


def swapped_training(entries: Sequence[Entry], path: str, digest: str) -> PrelaunchCheck | None:
    """The training file's name stands in the log with another content, and never with this one."""
    named = [
        entry.key.rpartition("/")[2] if entry.file == path else _digest_in_words(entry, path)
        for entry in entries
        if entry.kind == "dataset" and entry.file in (path, "")
    ]
    told = [known for known in named if known]
    if not told or any(digest.startswith(known) for known in told):
        return None
    return PrelaunchCheck(
        "swap",
        f"{path} has another content than methodlog.md names: {digest[:12]} now, {told[-1][:12]} there",
        "Name the new content as a file of its own, so that runs on the old one stay comparable.",
    )


def _digest_in_words(entry: Entry, path: str) -> str:
    """Read the digest from a line of an older log: it names the file and its content in its sentence alone."""
    match = re.search(r"sha256:([0-9a-f]{8,})", entry.text) if f" {path} " in f" {entry.text} " else None
    return match[1] if match else ""


def already_run(fingerprint: str, past: Sequence[Past]) -> PrelaunchCheck | None:
    """The same settings on the same data were run before: its result answers the question."""
    same = next(
        (p for p in past if p.fingerprint == fingerprint and p.status not in ("draft", "smoked")), None
    )
    if same is None:
        return None
    return PrelaunchCheck(
        "already run",
        f"{same.id} had the same settings and the same data; it is {same.status}: {same.result}",
        "Use its result, or change one thing (another seed tells how large the noise is).",
        shows=same.id,
    )


def against_constraints(texts: Sequence[str], recipe: Recipe) -> list[PrelaunchCheck]:
    """Constraints of the user's that this recipe would break."""
    return [
        PrelaunchCheck(
            "constraint",
            f"It breaks your constraint {b.constraint!r}: {b.why}",
            "Keep to it, or change it in the log.",
        )
        for b in constraints.broken(texts, recipe)
    ]
