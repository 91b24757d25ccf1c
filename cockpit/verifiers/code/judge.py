"""The tests' side: runs the tests with stand-ins for what the completion defines, and says how they went."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import io
import json
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

from cockpit.verifiers.code import programs, standins, wire

_SHOWN = 120
_PURE = frozenset(
    ("sorted", "len", "sum", "list", "set", "tuple", "dict", "min", "max", "abs", "reversed", "range", "str", "int",
     "float", "bool", "round", "zip", "map")
)  # fmt: skip
"""What a test reckons with: these change nothing."""


def main(pipe: wire.Pipe, report: int, request: dict[str, Any]) -> None:
    """Wait for the completion, run the tests, write the outcome to `report`."""
    outcome: dict[str, Any] = {"passed": False, "why": "", "gone": False}
    try:
        ready = wire.receive(pipe)
        if ready is None:
            outcome["gone"] = True
        elif "refused" in ready:
            outcome["refused"] = ready["refused"]
        else:
            outcome["walls"] = ready["walls"]
            judging = Judging(pipe, request)
            outcome["why"] = judging.outcome(ready)
            outcome["passed"] = judging.passed
    except standins.Gone:
        outcome["gone"] = True
    except wire.Unreadable as error:
        outcome["why"] = f"what it defines can't be judged: {error}"
    os.write(report, json.dumps(outcome)[:4000].encode())


class Judging:
    """One set of tests over one completion."""

    def __init__(self, pipe: wire.Pipe, request: dict[str, Any]) -> None:
        self.request = request
        self.code = str(request["code"])
        self.module = types.ModuleType("tests")
        self.space = self.module.__dict__
        self.asker = standins.Asker(pipe, {})
        self.later: list[ast.stmt] = []
        self.passed = False
        """Set where the tests have come to their end, and nowhere else."""

    def outcome(self, ready: dict[str, Any]) -> str:
        """Run the tests, and say why it does not pass: `passed` alone says whether it does."""
        if "raised" in ready:
            return self.raised(self.asker.error(ready["raised"]))
        sys.modules["tests"] = sys.modules["__main__"] = self.module
        sys.stdout = sys.stderr = io.StringIO()
        sys.argv = ["tests"]
        try:
            if isinstance(self.request.get("program"), dict):
                programs.judge(self.asker, self.request["program"])
            else:
                self.run(ready["names"])
        except standins.Refused as error:
            return str(error)
        except SystemExit as error:
            if hasattr(error, "of_completion") or error.code:
                return self.raised(error)
        except standins.Gone:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the tests raise is the verdict
            return self.raised(error)
        self.passed = self.asker.asked > 0
        return "" if self.passed else "the tests ask nothing of the code"

    def run(self, names: dict[str, Any]) -> None:
        """Run the tests; where they only define test cases, functions or `check`, run those."""
        tests = str(self.request["tests"])
        tree = ast.parse(tests, "tests.py")
        self.set_up(str(self.request["setup"]))
        self.take_in(names, tree)
        for node in self.later:
            with contextlib.suppress(Exception):
                exec(compile(ast.Module([node], []), "setup.py", "exec"), self.space)
        exec(compile(_ordered(tree), "tests.py", "exec"), self.space)
        if self.request.get("call"):
            exec(compile(str(self.request["call"]), "tests.py", "exec"), self.space)
        if self.asker.asked == 0:
            self.run_defined()

    def set_up(self, setup: str) -> None:
        """Run what the item itself gives: its imports, helpers and classes are the tests', whatever the code defines.

        What the completion is to define is none of them.
        """
        entry = str(self.request.get("entry") or "")
        for node in _tree(setup).body:
            if getattr(node, "name", None) == entry or isinstance(node, ast.Expr):
                continue
            try:
                exec(compile(ast.Module([node], []), "setup.py", "exec"), self.space)
            except Exception:  # noqa: BLE001 - it may build on what the completion is to define
                self.later.append(node)
        for name, value in self.space.items():
            if isinstance(value, type) and value.__module__ == "tests":
                self.asker.classes[name] = value

    def take_in(self, names: dict[str, Any], tree: ast.Module) -> None:
        """Put the completion's names where the tests find them, unless they are the item's, a module's or a builtin."""
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for more in (_tree(str(self.request.get("call") or "")), *self.later):
            used |= {node.id for node in ast.walk(more) if isinstance(node, ast.Name)}
        bases = {
            n.value.id
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
        called = {
            n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        imported = dict(_imported(_tree(self.code)))
        others = (used & set(names)) - set(imported) - set(dir(builtins)) - {"candidate"}
        for name in sorted(used):
            if name in self.space:
                continue
            if (
                name in sys.stdlib_module_names
                and name in bases - called
                and (name in names or name in imported)
            ):
                self.space[name] = importlib.import_module(name)
            elif name in imported:
                with contextlib.suppress(ImportError, AttributeError):
                    self.space[name] = imported[name]()
            elif name in names and (not hasattr(builtins, name) or self._own_builtin(name, others)):
                self.space[name] = wire.decode(names[name], self.asker.known)
                self.asker.asked += standins.number_of(self.space[name]) is None

    def _own_builtin(self, name: str, others: set[str]) -> bool:
        """Whether a function by the name of a builtin is what was asked for: nothing else is tested then."""
        wanted = self.request.get("entry") or self.request.get("defines")
        return name in wanted if wanted else not others

    def run_defined(self) -> None:
        """Run the test cases of unittest and the functions `test…` that the tests define and never called."""
        unittest = sys.modules.get("unittest")  # takes a while to import: it is there where the tests use it
        values = list(self.space.values())
        cases = [v for v in values if unittest and isinstance(v, type) and issubclass(v, unittest.TestCase)]
        if unittest and cases:
            suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases))
            result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
            for _, trace in [*result.failures, *result.errors]:
                raise AssertionError(trace.strip().splitlines()[-1])
            if not result.testsRun or result.skipped:
                raise AssertionError("none of its test cases ran to its end")
        for name, value in list(self.space.items()):
            if (
                name.startswith("test")
                and isinstance(value, types.FunctionType)
                and not value.__code__.co_argcount
            ):
                value()

    def raised(self, error: BaseException) -> str:
        """What an exception says about the completion, with the line that it came from."""
        line: int = getattr(error, "of_completion", 0)
        where = _line(self.code, line)
        if isinstance(error, SystemExit):
            return "it called exit before its tests were done"
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "tests.py":
                where = where or _line(str(self.request["tests"]), trace.tb_lineno)
            trace = trace.tb_next
        text = " ".join(str(error)[:_SHOWN].split())
        if isinstance(error, AssertionError) and not line:
            return f"a test fails{where}: {text}".rstrip(": ")
        if isinstance(error, standins.Refused):
            return text
        name = type(error).__name__.strip()
        return f"{name or 'it raised an exception'}{where}: {text}".rstrip(": ")


def _line(text: str, line: int) -> str:
    lines = text.splitlines()
    return f" at {lines[line - 1].strip()[:80]!r}" if 0 < line <= len(lines) else ""


def _tree(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _imported(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """What the code's own import statements bind and nothing else in it does: the tests get the real thing."""
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {
        n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                target = alias.name if alias.asname else name
                if name not in bound:
                    yield name, lambda target=target: importlib.import_module(target)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                name = alias.asname or alias.name
                if name not in bound:
                    yield name, lambda m=node.module, n=alias.name: getattr(importlib.import_module(m), n)


def _ordered(tree: ast.Module) -> ast.Module:
    """The tests with the right side of `f(x) == sorted(x)` reckoned first: what f does to x doesn't change it."""

    class Order(ast.NodeTransformer):
        def visit_Compare(self, node: ast.Compare) -> ast.AST:
            self.generic_visit(node)
            right = node.comparators[0]
            if len(node.ops) > 1 or not isinstance(node.ops[0], (ast.Eq, ast.NotEq)) or not _reckoned(right):
                return node
            name = "__equal__" if isinstance(node.ops[0], ast.Eq) else "__unequal__"
            return ast.Call(ast.Name(name, ast.Load()), [right, node.left], [])

    made = ast.fix_missing_locations(Order().visit(tree))
    head = ast.parse(
        "def __equal__(right, left): return left == right\ndef __unequal__(right, left): return left != right"
    ).body
    made.body[:0] = head
    return made


def _reckoned(node: ast.expr) -> bool:
    """Whether an expression calls something, and nothing but plain builtins."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    return bool(calls) and all(isinstance(n.func, ast.Name) and n.func.id in _PURE for n in calls)
