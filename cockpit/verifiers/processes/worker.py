"""The other side of `sandbox`: a process of its own that judges by rules which may hang, signal or crash.

    python -m cockpit.verifiers.processes.worker math
    python -m cockpit.verifiers.processes.worker schema
    python -m cockpit.verifiers.processes.worker module rewards:score

A request a line on stdin, an answer a line on the real stdout; what the judge prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any, cast

Answer = dict[str, Any]
Judge = Callable[[str, dict[str, Any]], Answer]
READY = "ready"


def main(argv: list[str]) -> int:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a print of the judge's must not look like an answer
    try:
        judge = _JUDGES[argv[0]](*argv[1:])
    except Exception as error:  # noqa: BLE001 - told to the other side, which says it to a person
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=out, flush=True)
        return 1
    print(json.dumps({"ok": READY}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = judge(request["completion"], request["item"])
        except Exception as error:  # noqa: BLE001 - one bad completion must not end the worker
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), file=out, flush=True)
    return 0


def _math() -> Judge:
    from cockpit.verifiers.processes import mathematics

    library = mathematics.strict()
    parse, verify = library.parse, library.verify

    def judge(completion: str, item: dict[str, Any]) -> Answer:
        gold_text = str(item["gold"])
        wrapped = gold_text if "$" in gold_text or "\\boxed" in gold_text else f"${gold_text}$"
        gold = parse(wrapped) or parse(gold_text)  # bare LaTeX is only read in dollars: 2x would be 2
        if not gold:
            return {"error": f"the gold answer {gold_text[:60]!r} is no mathematics"}
        found = parse(completion)
        if not found:
            return {"score": 0.0, "parsed": False, "why": "no mathematical answer"}
        said = str(found[-1])
        right = bool(verify(gold, found))
        if (
            right
            and said != str(gold[-1])
            and not all(mathematics.is_whole(str(side[-1])) for side in (gold, found))
        ):
            return {
                "score": 0.0,
                "parsed": True,
                "answer": said,
                "why": f"{said[:60]!r} can't be read to its end",
            }
        return {"score": float(right), "parsed": True, "answer": said}

    return judge


def _schema() -> Judge:
    jsonschema: Any = importlib.import_module("jsonschema")
    unresolvable: Any = importlib.import_module("referencing.exceptions").Unresolvable
    # Nothing is fetched: the drafts' own schemas, and what the schema itself holds.
    known: Any = importlib.import_module("jsonschema_specifications").REGISTRY

    def judge(completion: str, item: dict[str, Any]) -> Answer:
        schema: Any = item["schema"]
        kind: Any = jsonschema.validators.validator_for(schema)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            return {"error": f"the schema is none: {error.message}"}
        try:
            errors: list[Any] = sorted(
                kind(schema, registry=known).iter_errors(json.loads(completion)), key=_place
            )
        except unresolvable as error:
            return {"error": f"the schema refers to {str(error.ref)[:80]!r}, which it does not hold; nothing is "
                    "fetched: put it into the schema's $defs"}  # fmt: skip
        if not errors:
            return {"score": 1.0, "parsed": True, "why": "fits the schema"}
        first = errors[0]
        where = "/".join(map(str, first.absolute_path)) or "the whole"
        more = f"; and {len(errors) - 1} more" if len(errors) > 1 else ""
        return {"score": 0.0, "parsed": True, "why": f"{where}: {str(first.message)[:160]}{more}"}

    return judge


def _place(error: Any) -> list[str]:
    return [str(part) for part in error.path]


def _module(name: str) -> Judge:
    module, _, function = name.partition(":")
    sys.path[:0] = [path for path in os.environ.get("COCKPIT_VERIFIER_PATH", "").split(os.pathsep) if path]
    called = getattr(importlib.import_module(module), function)
    return lambda completion, item: _answer(called(completion, item))


def _answer(value: Any) -> Answer:
    """A verdict from what a user's function gave: a bool, a number, (score, parsed, why), or a mapping."""
    if isinstance(value, dict):
        told = cast("dict[str, Any]", value)
        return {"parsed": True, **told, "score": float(told["score"])}
    if isinstance(value, tuple | list):
        parts = cast("list[Any]", list(value))  # pyright: ignore[reportUnknownArgumentType]
        named = dict(zip(("score", "parsed", "why"), parts, strict=False))
        return {"parsed": True, **named, "score": float(named["score"])}
    if value is None:
        return {"score": 0.0, "parsed": False, "why": "the function says that nothing could be parsed"}
    return {"score": float(value), "parsed": True}


_JUDGES: dict[str, Callable[..., Judge]] = {"math": _math, "schema": _schema, "module": _module}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
