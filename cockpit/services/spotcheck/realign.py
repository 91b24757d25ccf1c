"""Repair a mismatch: write the training data in the verifier's form to a new file in the cache; keep the original.

The realigned rows differ from the original's in the answer's marker alone, each is fed to the verifier before it is
kept, and the file is named by its content. Source: "Realign the training data format to the verifier's expected
output, OR change the eval prompt (if rules allow)".
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import SAMPLING
from cockpit.core.dataset.answer_writing import realigned, write_answer
from cockpit.core.methodlog import Entry
from cockpit.core.spotcheck.sides import target_of
from cockpit.data.rows import value as value_of
from cockpit.services.dataset import datasets
from cockpit.services.spotcheck import rows as spot_rows
from cockpit.services.spotcheck.subject import Subject
from cockpit.services.workspace import methodlog_writer
from cockpit.verifiers import Verifier, name_of

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import Workspace

PREVIEWED = 5
ASK = {
    "boxed": "Put your final answer within \\boxed{}.",
    "hashes": "End with a line that holds #### and the answer.",
    "exact": "Answer with the result alone.",
    "numeric": "End with the number that is the answer.",
    "choice": "End with the letter of your choice.",
    "tool-call": "Call a tool: give its name and arguments as JSON between <tool_call> and </tool_call>.",
}
"""What an eval prompt says to ask for a verifier's form."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row's target before and after."""

    row: int
    before: str
    after: str

    @property
    def diff(self) -> list[str]:
        """The lines that differ, as `diff` shows them: `-` before, `+` after, two lines around."""
        lines = difflib.unified_diff(self.before.split("\n"), self.after.split("\n"), lineterm="", n=1)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@dataclass(frozen=True, slots=True)
class Realigned:
    """What realigning does: `changed` rows get another ending, `kept` pass already, `left` can't be put right by it."""

    changed: int
    kept: int
    left: int
    changes: tuple[Change, ...]
    left_rows: tuple[int, ...]
    train: str
    verifier: str
    path: Path | None = None
    digest: str = ""

    @property
    def sentence(self) -> str:
        """What was, or would be, done."""
        tail = f", {self.left:,} can't be realigned and are left out" if self.left else ""
        return f"{self.changed:,} targets put into the form that {self.verifier} reads, {self.kept:,} had it{tail}"

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        return {
            "changed": self.changed, "kept": self.kept, "left_out": self.left, "left_out_rows": list(self.left_rows),
            "train": self.train, "verifier": self.verifier, "path": str(self.path) if self.path else None,
            "sha256": self.digest or None,
            "preview": [{"row": c.row, "before": c.before, "after": c.after, "diff": c.diff} for c in self.changes],
        }  # fmt: skip


def realign(about: Subject, folder: Path | None) -> Realigned:
    """Realign the subject's training file; with a `folder` the new file is written there. Raises CockpitError."""
    verifier = about.verifier
    if about.train is None or verifier is None:
        raise CockpitError("realigning needs a training file and a verifier", "Name both.")
    if about.technique in SAMPLING:
        raise CockpitError(
            f"{about.technique} trains on the model's own answers, so there is nothing to realign",
            "Look at the eval prompt instead.",
        )
    made: list[Mapping[str, Any]] = []
    changes: list[Change] = []
    left: list[int] = []
    changed = kept = 0
    for number, (row, columns) in enumerate(spot_rows.rows(about.train, about.technique, about.columns), 1):
        fresh, change = _row(number, row, columns, verifier, about)
        if fresh is None:
            left.append(number)
            continue
        made.append(fresh)
        kept += change is None
        changed += change is not None
        if change is not None and len(changes) < PREVIEWED:
            changes.append(change)
    if not changed:
        raise CockpitError(
            "no training target could be realigned" if left else "every training target passes already",
            "Choose a verifier that reads this form." if left else "There is nothing to mend here.",
            file=about.train,
        )
    path, digest = _write(folder, about, made) if folder is not None else (None, "")
    return Realigned(
        changed, kept, len(left), tuple(changes), tuple(left[:50]), about.train, verifier.spec, path, digest
    )


def adopt(ws: Workspace, about: Subject, made: Realigned, *, reason: str = "") -> str:
    """Let the next experiments train on the realigned file: `cockpit.toml`, and the decision in the log.

    Gives the sentence that says so. Raises CockpitError where nothing was written.
    """
    if made.path is None:
        raise CockpitError("the realigned file has not been written", "Write it first.")
    _set(ws, "data", "train", _shown(made.path, ws))
    text = (
        f"train on {made.path.name} sha256:{made.digest[:16]} from now on, realigned from {Path(made.train).name} "
        f"(spot check: {made.sentence})" + (f": {reason}" if reason.strip() else "")
    )
    methodlog_writer.record(ws, [Entry("decision", text, key=f"realigned/{made.digest[:16]}")])
    return f"The next experiments train on {made.path.name}. The original stays as it is."


def ask_for(verifier: Verifier) -> str:
    """The sentence that asks for what the verifier reads."""
    name = name_of(verifier.spec)
    if name == "tagged":
        return f"Put your final answer between {verifier.wanted.replace('…', ' and ')}."
    if name in ASK:
        return ASK[name]
    example = write_answer(verifier, "18")
    if example is None:
        raise CockpitError(
            f"no sentence is known that asks for {verifier.wanted}", "Give one: --prompt \"…\"."
        )  # fmt: skip
    return f"End with your answer written like this: {example}"


def prompt_change(ws: Workspace, verifier: Verifier, *, reason: str, text: str = "") -> str:
    """Change the eval prompt, where the rules allow it, by the system prompt that stands before both sides' prompts.

    `reason` says why it is allowed, and goes into the log with the change. Scores of before and after must not be
    compared: the target is another one. Raises CockpitError without a reason.
    """
    if not reason.strip():
        raise CockpitError(
            "changing the eval prompt needs the reason why the rules allow it",
            "Say it in a line (--allowed).",
        )
    said = text.strip() or ask_for(verifier)
    before = ws.config.sections["data"].get("system_prompt")
    whole = f"{before} {said}" if before and said not in str(before) else said
    _set(ws, "data", "system_prompt", whole)
    entry = Entry(
        "decision",
        f"the eval prompt now says “{said}” (system prompt, in training and eval alike), allowed because: {reason}. "
        "Scores from before are of another prompt: score the baseline anew",
        key=f"eval-prompt/{datasets.rows_hash([{'prompt': whole}])[:16]}",
    )
    methodlog_writer.record(ws, [entry])
    return f"The system prompt of both sides now says: {whole}"


def fix(ws: Workspace, about: Subject, choice: str, reason: str) -> str:
    """Carry out a mend: `realign` (write, adopt, and check the new file) or `prompt`. Says what was done."""
    from cockpit.services.spotcheck import check as spotcheck

    if choice == "prompt":
        assert about.verifier is not None
        return prompt_change(ws, about.verifier, reason=reason)
    made = realign(about, folder_of(ws))
    sentence = adopt(ws, about, made, reason=reason)
    check = spotcheck.run(spotcheck.SpotCheckRequest(train=str(made.path), technique=about.technique), ws)
    return f"{sentence} Checked: {check.verdict}."


def folder_of(ws: Workspace) -> Path:
    """Where realigned files lie: the workspace's cache."""
    return ws.layout.cache / "datasets"


# -- one row -----------------------------------------------------------------------------------------------------


def _row(
    number: int, row: dict[str, Any], columns: Mapping[str, str], verifier: Verifier, about: Subject
) -> tuple[Mapping[str, Any] | None, Change | None]:
    """The row as it shall be, and what changed; (None, None) where no way of writing its answer passes."""
    target = spot_rows.naming(str(about.train), target_of, number, row, columns, verifier, about.technique)
    if target.text is None or (target.verdict is not None and target.verdict.passed):
        return row, None
    truth = target.gold if target.gold is not None else target.stated.answer if target.stated else None
    if truth is None or target.raw is not None:
        return None, None
    item = {**row, verifier.gold_key: truth}
    text = realigned(target.text, verifier, item)
    if text is None and target.gold is not None:
        # The target states its answer in a way that isn't understood; its row's gold answer is put below it.
        written = write_answer(verifier, verifier.gold(item))
        below = f"{target.text.rstrip()}\n{written}" if written is not None else ""
        text = below if below and verifier(below, item).passed else None
    if text is None:
        return None, None
    fresh = _with_target(row, columns, target.text, text)
    return (None, None) if fresh is None else (fresh, Change(number, target.text, text))


def _with_target(
    row: dict[str, Any], columns: Mapping[str, str], before: str, after: str
) -> dict[str, Any] | None:
    """The row with its target replaced where it stands: the last assistant turn, the completion or the answer."""
    fresh = copy.deepcopy(row)
    for ours in ("chosen", "messages", "completion", "answer"):
        value = value_of(fresh, ours, columns)
        name = next((key for key, held in fresh.items() if held is value), None)
        if name is None or value is None:
            continue
        if isinstance(value, list):
            turn = _last_turn(cast("list[Any]", value), before)
            if turn is None:
                continue
            turn["content" if "content" in turn else "value"] = after
            return fresh
        if str(value) == before:
            fresh[name] = after
            return fresh
    return None


def _last_turn(turns: list[Any], text: str) -> dict[str, Any] | None:
    for turn in reversed(turns):
        if isinstance(turn, dict):
            fields = cast("dict[str, Any]", turn)
            if text in (fields.get("content"), fields.get("value")):
                return fields
    return None


def _write(folder: Path, about: Subject, rows: list[Mapping[str, Any]]) -> tuple[Path, str]:
    """Write the rows under a name of their content, with a card that says where they are from."""
    key = datasets.rows_hash(rows)[:16]
    path = folder / f"{Path(str(about.train)).stem}-realigned-{key}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            datasets.write_rows(path, rows)
        digest = datasets.content_hash(path)
        source = Path(str(about.train))
        atomic.write_json(path.with_suffix(".json"), {
            "v": 1, "made": "realigned", "from": str(about.train), "sha256": digest, "rows": len(rows),
            "from_sha256": datasets.content_hash(source) if source.is_file() else None,
            "verifier": about.verifier.spec if about.verifier else None,
        })  # fmt: skip
    except OSError as error:
        raise CockpitError(
            f"the realigned file can't be written: {error.strerror or error}", "Free some space, or check the rights.",
            file=folder,
        ) from error  # fmt: skip
    return path, digest


def _set(ws: Workspace, section: str, key: str, value: str) -> None:
    """Change one value of `cockpit.toml`, everything else of it kept as the user wrote it. Raises CockpitError."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = ws.layout.config
    try:
        document = tomlkit.parse(path.read_text("utf-8"))
        cast("dict[str, Any]", document.setdefault(section, tomlkit.table()))[key] = value
        atomic.write_text(path, tomlkit.dumps(document))
    except (OSError, TOMLKitError) as error:
        raise CockpitError(
            f"cockpit.toml can't be changed: {error}", "Check its rights.", file=path
        ) from error


def _shown(path: Path, ws: Workspace) -> str:
    root = ws.root.resolve()
    place = path.resolve()
    return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)
