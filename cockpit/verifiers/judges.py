"""Verifiers whose judgement needs a process: mathematics, JSON schemas, and a function of the user's own.

Each finds the answer in the completion (a `Format`), and judges it against the item.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from cockpit.contract.errors import CockpitError
from cockpit.verifiers.formats import FENCE
from cockpit.verifiers.processes.sandbox import Worker
from cockpit.verifiers.verdict import Found, Verdict, stripped

MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_TRIES = 64  # brackets at which a value is looked for
_DECODER = json.JSONDecoder()


class Judge(Protocol):
    """Judges an answer against an item."""

    @property
    def version(self) -> str:
        """What its verdicts depend on besides the spec: a library's version, a file's content."""
        ...

    def judge(self, found: Found, item: Mapping[str, Any], gold: str) -> Verdict: ...

    def gold(self, item: Mapping[str, Any]) -> str | None:
        """What it judges by; None leaves that to the gold column."""
        ...

    def perfect(self, item: Mapping[str, Any], gold: str) -> str | None:
        """A completion that must pass, for the self-check; None where there is none."""
        ...


def verdict_of(answer: Mapping[str, Any], found: Found) -> Verdict:
    """A worker's answer as a verdict. Raises CockpitError where the fault is the judge's or the item's."""
    if "error" in answer:
        return Verdict(0.0, False, None, f"could not be judged: {str(answer['error'])[:200]}")
    score = float(answer["score"])
    if score != score:
        return Verdict(0.0, False, None, "could not be judged: the score is NaN")
    score = min(1.0, max(0.0, score))
    parsed = bool(answer.get("parsed", True))
    said = answer.get("answer")
    shown = str(said) if said is not None else found.answer
    why = str(answer.get("why") or ("as wanted" if score >= 1 else f"scored {score:.3g}"))
    return Verdict(score, parsed, shown if parsed else None, why, found.span if parsed else None)


@cache
def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


# -- mathematics -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MathFormat:
    """The answer is wherever math-verify finds it: in a box, in LaTeX, or the last number."""

    wanted: str = "a mathematical answer, \\boxed{…}"

    def find(self, text: str) -> Found | None:
        """Take the whole text: the library looks for the answer itself."""
        found = stripped(text, 0, len(text))
        return found if found.answer else None

    def write(self, answer: str) -> str:
        """Write the answer in a box."""
        return f"\\boxed{{{answer}}}"


@dataclass(frozen=True)
class MathJudge:
    """math-verify (the field's checker of MATH, AIME and the like), in a process of its own: it works by signals."""

    worker: Worker = field(default_factory=lambda: Worker("math"), compare=False)

    @property
    def version(self) -> str:
        """The library's version: its verdicts change with it."""
        return _installed("math-verify")

    def judge(self, found: Found, item: Mapping[str, Any], gold: str) -> Verdict:
        """Equal as mathematics."""
        if self.version == "missing":
            raise CockpitError("the verifier math needs math-verify", "pip install math-verify.")
        answer = self.worker.ask(found.answer, {"gold": gold})
        if "score" in answer and "why" not in answer:
            said = f"found {str(answer.get('answer'))[:60]!r}"
            answer = {
                **answer,
                "why": f"{said}, as wanted" if answer["score"] else f"{said}, wanted {gold[:60]!r}",
            }
        return verdict_of(answer, found)

    def gold(self, item: Mapping[str, Any]) -> str | None:
        """The gold column's."""
        return None

    def perfect(self, item: Mapping[str, Any], gold: str) -> str:
        """The gold answer in a box."""
        return f"\\boxed{{{gold}}}"


# -- JSON --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer is JSON: all there is, in a fence, from the first bracket to the last, or the text's last value."""

    wanted: str = "JSON"

    def find(self, text: str) -> Found | None:
        """Find the last value that can be read."""
        spans = [(0, len(text)), *(m.span(2) for m in reversed(list(FENCE.finditer(text))))]
        for opening, closing in ("{}", "[]"):
            first, last = text.find(opening), text.rfind(closing)
            if 0 <= first < last:
                spans.append((first, last + 1))
        for start, end in spans:
            found = stripped(text, start, end)
            try:
                json.loads(found.answer)
            except (ValueError, RecursionError):
                continue
            return found
        return self._last_value(text)

    def _last_value(self, text: str) -> Found | None:
        """Find the last object or list among words and other brackets; one that holds an object before `[1]`."""
        best: Found | None = None
        at = tries = 0
        for match in re.finditer(r"[\[{]", text):
            tries += match.start() >= at
            if match.start() < at or tries > _TRIES:
                continue
            try:
                _, end = _DECODER.raw_decode(text, match.start())
            except (ValueError, RecursionError):
                continue
            at = end
            if best is None or "{" in text[match.start() : end] or "{" not in best.answer:
                best = stripped(text, match.start(), end)
        return best

    def write(self, answer: str) -> str:
        """Write the value alone."""
        return answer


@dataclass(frozen=True)
class SchemaJudge:
    """The answer fits a JSON schema: of a file, or of the item's column `schema`."""

    file: Path | None
    schema: Any = field(default=None, compare=False)
    worker: Worker = field(default_factory=lambda: Worker("schema"), compare=False)

    @classmethod
    def load(cls, name: str) -> SchemaJudge:
        """Read the schema's file. Raises CockpitError."""
        if not name:
            return cls(None)
        path = find_file(name)
        if path is None:
            raise CockpitError(
                f"there is no schema file {name!r}", "Write json-schema:FILE, or give each item a schema."
            )
        try:
            return cls(path, json.loads(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise CockpitError(f"the schema can't be read: {error}", "Mend it.", file=path) from None

    @property
    def version(self) -> str:
        """The schema's content."""
        return hashlib.sha256(json.dumps(self.schema, sort_keys=True).encode()).hexdigest()

    def judge(self, found: Found, item: Mapping[str, Any], gold: str) -> Verdict:
        """Validate; and where the item has a JSON answer of its own, be equal to it."""
        schema = self.schema if self.file is not None else _json(item.get("schema"))
        if schema is None:
            raise CockpitError(
                "the item has no schema", "Write json-schema:FILE, or give each item a column `schema`."
            )
        verdict = verdict_of(self.worker.ask(found.answer, {"schema": schema}), found)
        wanted = _json(gold)
        if verdict.passed and isinstance(wanted, dict | list) and json.loads(found.answer) != wanted:
            return Verdict(0.0, True, found.answer, "fits the schema, but is not the answer", found.span)
        return verdict

    def gold(self, item: Mapping[str, Any]) -> str | None:
        """The item's answer, if any: the schema alone may decide."""
        return str(item.get("answer") or "{schema}")

    def perfect(self, item: Mapping[str, Any], gold: str) -> str | None:
        """The item's answer where it is JSON."""
        return gold if isinstance(_json(gold), dict | list) else None


def _json(value: object) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


# -- a function of the user's own --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WholeFormat:
    """The whole completion is handed over."""

    wanted: str = "what your function reads"

    def find(self, text: str) -> Found | None:
        """Take the text as it is."""
        return Found(text, (0, len(text)))

    def write(self, answer: str) -> str:
        """Write the answer alone."""
        return answer


@dataclass(frozen=True)
class ModuleJudge:
    """`module:function`, called as `function(completion, item)`; gives a bool, a score, or (score, parsed, why)."""

    name: str
    source: Path
    worker: Worker = field(compare=False)

    @classmethod
    def load(cls, name: str) -> ModuleJudge:
        """Find the module's file without running it. Raises CockpitError where there is none."""
        module = name.partition(":")[0]
        parts = module.split(".")
        for root in search_path():
            for place in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
                if place.is_file():
                    return cls(
                        name, place, Worker("module", name, path=os.pathsep.join(map(str, search_path())))
                    )
        raise CockpitError(
            f"there is no module {module!r} for the verifier {name!r}",
            f"Put {module.replace('.', '/')}.py beside cockpit.toml, or on PYTHONPATH.",
        )

    @property
    def version(self) -> str:
        """The file's content: a changed function is another verifier."""
        return hashlib.sha256(self.source.read_bytes()).hexdigest()

    def judge(self, found: Found, item: Mapping[str, Any], gold: str) -> Verdict:
        """Call it in its process."""
        return verdict_of(self.worker.ask(found.answer, item), found)

    def gold(self, item: Mapping[str, Any]) -> str | None:
        """The item's answer, if any: the function may not need one."""
        return str(item.get("answer") if item.get("answer") is not None else "{item}")

    def perfect(self, item: Mapping[str, Any], gold: str) -> str | None:
        """The item's answer as it stands."""
        return str(item["answer"]) if item.get("answer") is not None else None


def search_path() -> list[Path]:
    """Where a user's modules and schemas are looked for: here, the workspace's folder, PYTHONPATH."""
    places = [Path.cwd()]
    for start in (Path.cwd(), Path(os.environ.get("COCKPIT_ATTEMPT_DIR") or ".").resolve()):
        places += [folder for folder in (start, *start.parents) if (folder / "cockpit.toml").is_file()][:1]
    places += [Path(part) for part in sys.path if part and Path(part).is_dir()]
    return list(dict.fromkeys(places))


def find_file(name: str) -> Path | None:
    """A file by its path, or by its name on the search path."""
    given = Path(name).expanduser()
    if given.is_absolute():
        return given if given.is_file() else None
    return next((root / given for root in search_path()[:3] if (root / given).is_file()), None)
