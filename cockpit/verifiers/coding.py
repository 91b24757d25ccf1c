"""The verifier `tests`: finds the code in a completion, and has it judged by the item's unit tests."""

from __future__ import annotations

import ast
import builtins
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.verifiers.code import programs
from cockpit.verifiers.code.run import lacking, run
from cockpit.verifiers.formats import FENCE
from cockpit.verifiers.verdict import Found, Verdict

TESTS_COLUMNS = ("tests", "test_list", "test", "unit_tests", "input_output", "answer")
SOLUTION_COLUMNS = ("canonical_solution", "solution", "code", "reference_solution")
SETUP_COLUMNS = ("test_imports", "setup_code", "test_setup_code")
TEST_SECONDS = 5.0
_TESTING = re.compile(r"\bassert|\bdef check\b|\bunittest\b")  # a gold answer without any tests nothing


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """The answer is Python: the last fenced block that defines what is asked for, else the last, else all."""

    wanted: str = "Python, in a ```python fence"
    names: frozenset[str] = frozenset()
    """What is asked for: a usage example below the function is no answer."""

    def find(self, text: str) -> Found | None:
        """Find code that can be compiled, a block before the whole."""
        fences = [
            m.span(2) for m in FENCE.finditer(text) if m.group(1).lower() in ("", "python", "py", "python3")
        ]
        blocks = [
            (start, end, tree) for start, end in fences if (tree := _tree(text[start:end])) and tree.body
        ]
        if not blocks:
            tree = _tree(text)
            return Found(text, (0, len(text))) if tree and tree.body else None
        most = max(len(self.names & _defined(tree)) for _, _, tree in blocks)
        start, end = [(s, e) for s, e, tree in blocks if len(self.names & _defined(tree)) == most][-1]
        return Found(text[start:end], (start, end))

    def write(self, answer: str) -> str:
        """Write the code in a fence."""
        return f"```python\n{answer}\n```"


@dataclass(frozen=True)
class TestsJudge:
    """The answer passes the item's unit tests: HumanEval's (`test`, `entry_point`), MBPP's (`test_list`), `tests`."""

    @property
    def version(self) -> str:
        """The interpreter that runs them."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    def judge(self, found: Found, item: Mapping[str, Any], gold: str) -> Verdict:
        """Run the answer in one process and the tests in another. Raises CockpitError where no wall is round them."""
        code, entry = found.answer, str(item.get("entry_point") or "")
        base = entry.partition("(")[0].partition(".")[0].strip()
        prompt = str(item.get("prompt") or "") if base else ""
        if base and base not in _defined(_tree(code) or ast.Module([], [])):
            code = f"{prompt}\n{code}"  # a completion of the prompt's function, as HumanEval asks for
        parts = [prompt, *(_text(item.get(name)) for name in SETUP_COLUMNS)]
        program = programs.read(_json(gold))
        tests = programs.as_tests(program, code) if program and program["fn_name"] else gold
        asked: dict[str, Any] = {
            "tests": tests, "call": f"check({entry})" if entry and "def check" in gold else "", "entry": base,
            "defines": sorted(_solution_names(item)), "program": program if program and tests is gold else None,
        }  # fmt: skip
        outcome = run(
            code, asked, setup="\n".join(part for part in parts if _tree(part)), seconds=TEST_SECONDS
        )
        return Verdict(float(outcome.passed), True, found.answer, outcome.why, found.span)

    def lacking(self) -> str:
        """What this machine can't keep from the code. Raises CockpitError where none may run."""
        return lacking()

    def names(self, item: Mapping[str, Any], gold: str) -> frozenset[str]:
        """What the completion is to define: the item's entry point, else what its solution or its tests name."""
        entry = str(item.get("entry_point") or "").partition("(")[0].partition(".")[0].strip()
        if entry:
            return frozenset({entry})
        tree = _tree(gold) or ast.Module([], [])
        loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        solved = _solution_names(item) & loaded
        own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        return frozenset(solved or loaded - own - _defined(tree) - set(dir(builtins)))

    def gold(self, item: Mapping[str, Any]) -> str | None:
        """The tests. Raises CockpitError where the item has none."""
        for name in TESTS_COLUMNS:
            value = item.get(name)
            if isinstance(value, Mapping) and programs.read(dict(cast("Mapping[str, Any]", value))):
                return json.dumps(value, default=str)
            if isinstance(value, list):
                return _text(cast("object", value))
            if isinstance(value, str) and value.strip() and (name != "answer" or _TESTING.search(value)):
                return value
        raise CockpitError("the item has no unit tests", f"Give it one of {', '.join(TESTS_COLUMNS)}.")

    def perfect(self, item: Mapping[str, Any], gold: str) -> str | None:
        """The reference solution, where the item has one."""
        for name in SOLUTION_COLUMNS:
            value = item.get(name)
            if isinstance(value, str) and value.strip():
                return f"```python\n{value if _tree(value) else str(item.get('prompt', '')) + value}\n```"
        return None


def _solution_names(item: Mapping[str, Any]) -> set[str]:
    for name in SOLUTION_COLUMNS:
        tree = _tree(str(item.get(name) or ""))
        if tree and tree.body:
            return _defined(tree)
    return set()


def _defined(tree: ast.Module) -> set[str]:
    """The names that the code's own statements bind, definitions and assignments alike."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif not isinstance(node, ast.Expr):
            found |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return found


def _tree(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _text(value: object) -> str:
    return "\n".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value or "")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
