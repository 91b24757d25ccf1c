"""Tests of whole programs: what one prints for what it is given, as competition problems are judged."""

from __future__ import annotations

from typing import Any, cast

from cockpit.verifiers.code import standins


def read(tests: Any) -> dict[str, Any] | None:
    """Inputs and outputs of APPS's kind (`inputs`, `outputs`, perhaps `fn_name`); None for anything else."""
    if not isinstance(tests, dict):
        return None
    told = cast("dict[str, Any]", tests)
    if not (isinstance(told.get("inputs"), list) and isinstance(told.get("outputs"), list)):
        return None
    inputs: list[Any] = told["inputs"]
    outputs: list[Any] = told["outputs"]
    if not inputs or len(inputs) != len(outputs):
        return None
    return {"inputs": inputs, "outputs": outputs, "fn_name": told.get("fn_name") or ""}


def as_tests(program: dict[str, Any], code: str) -> str:
    """The same as test code, where a function is asked for by `fn_name` (or a method of `Solution`)."""
    name = str(program["fn_name"])
    called = name if f"def {name}" in code and "class Solution" not in code else f"Solution().{name}"
    cases = list(zip(program["inputs"], program["outputs"], strict=True))
    return (
        f"for given_, wanted_ in {cases!r}:\n    got_ = {called}(*given_)\n"
        "    got_ = list(got_) if isinstance(got_, tuple) else got_\n    assert got_ == wanted_ or [got_] == wanted_\n"
    )


def judge(asker: standins.Asker, program: dict[str, Any]) -> None:
    """Run the program for each input. Raises AssertionError where it doesn't give what is wanted."""
    for number, (given, wanted) in enumerate(zip(program["inputs"], program["outputs"], strict=True), 1):
        said, code, unstarted = asker.ask("program", _text(given))
        if unstarted:
            raise standins.Refused(f"it could not be judged: the program doesn't start here ({unstarted})")
        if code != 0:
            raise AssertionError(f"test {number}: the program ended with {code}")
        if not isinstance(said, str) or _lines(said) != _lines(_text(wanted)):
            raise AssertionError(
                f"test {number}: it prints {str(said).strip()[:60]!r}, wanted {_text(wanted).strip()[:60]!r}"
            )


def _text(value: Any) -> str:
    return "\n".join(map(str, cast("list[Any]", value))) if isinstance(value, list) else str(value)


def _lines(text: str) -> list[list[str]]:
    """Words by lines: blanks at the ends and empty lines at the end say nothing."""
    return [line.split() for line in text.strip().splitlines()]
