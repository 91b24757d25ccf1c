"""The tests' side: runs the tests with stand-ins for what the completion defines, and says how they went."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import io
import json
import os
import symtable
import sys
import types
from typing import Any, cast

from cockpit.verifiers.code import programs, standins, wire

_SHOWN = 120


def main(pipe: wire.Pipe, report: int, request: dict[str, Any]) -> None:
    """Wait for the completion, run the tests, write the outcome to `report`."""
    outcome: dict[str, Any] = {"passed": False, "why": "", "gone": False}
    sys.setrecursionlimit(wire.FRAMES)
    judging = Judging(pipe, request)
    try:
        ready = wire.receive(pipe)
        if ready is None:
            raise standins.Gone
        outcome["why"] = judging.outcome(ready)
        outcome["passed"] = judging.passed
    except standins.Gone:
        outcome["gone"] = True
    except BaseException as error:  # noqa: BLE001 - whatever it sent, this is a verdict
        outcome["why"] = f"what it defines can't be judged: {str(error)[:_SHOWN] or type(error).__name__}"
    outcome["why"] = outcome["why"][:400]
    os.write(report, json.dumps(outcome).encode())


class Judging:
    """One set of tests over one completion."""

    def __init__(self, pipe: wire.Pipe, request: dict[str, Any]) -> None:
        self.request = request
        self.code = str(request["code"])
        self.module = types.ModuleType("tests")
        self.space = self.module.__dict__
        self.asker = standins.Asker(pipe, {})
        self.later: list[ast.stmt] = []
        self.theirs: set[str] = {"candidate"}
        """The completion's names in the tests, and the one that `check` gives its function."""
        self.passed = False
        """Set where the tests have come to their end, and nowhere else."""

    def outcome(self, ready: dict[str, Any]) -> str:
        """Run the tests, and say why it does not pass: `passed` alone says whether it does."""
        if "raised" in ready:
            return self.raised(self.asker.error(ready["raised"]))
        names: object = ready.get("names")
        if not isinstance(names, dict):
            return "what it defines can't be judged: it doesn't say what that is"
        sys.modules["tests"] = sys.modules["__main__"] = self.module
        sys.stdout = sys.stderr = io.StringIO()
        sys.argv = ["tests"]
        try:
            if isinstance(self.request.get("program"), dict):
                programs.judge(self.asker, self.request["program"])
            else:
                self.run(cast("dict[str, Any]", names))
        except standins.Refused as error:
            return str(error)
        except standins.Gone:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the tests raise is the verdict
            return self.raised(error)
        self.passed = self.asker.asked > 0
        return "" if self.passed else "the tests ask nothing of the code"

    def run(self, names: dict[str, Any]) -> None:
        """Run the tests, and the test cases and functions `test…` that they define and don't run themselves."""
        tests = str(self.request["tests"])
        tree = _without_end(ast.parse(tests, "tests.py"))
        self.set_up(str(self.request["setup"]))
        self.take_in(names, tree)
        for node in self.later:
            with contextlib.suppress(Exception):
                exec(compile(ast.Module([node], []), "setup.py", "exec"), self.space)
        exec(compile(_ordered(tree, self.theirs), "tests.py", "exec"), self.space)
        if self.request.get("call"):
            exec(compile(str(self.request["call"]), "tests.py", "exec"), self.space)
        self.run_defined(tree)

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
        """Put stand-ins for the completion's names where the tests find them, and values where they ask for one.

        No name of the item's, of a module or of a builtin becomes the completion's.
        """
        asked = [tree, _tree(str(self.request.get("call") or "")), ast.Module(self.later, [])]
        used, own = _globals("\n".join(map(ast.unparse, asked)))
        used -= set(self.space)
        modules = {name: found for name in sorted(used & set(names)) if (found := _module(name, tree))}
        self.space.update(modules)
        builtin = {name for name in used if hasattr(builtins, name)}
        free = used - own - builtin - set(modules)
        for name in sorted((used & set(names)) - set(modules)):
            if name in builtin and not self._own_builtin(name, builtin, free):
                continue
            if names[name] is not None:
                self.theirs.add(name)
                self.space[name] = wire.decode(names[name], self.asker.known)
            elif name not in own:
                self.space[name] = self.asker.ask("name", name)

    def _own_builtin(self, name: str, builtin: set[str], free: set[str]) -> bool:
        """Whether a function by the name of a builtin is what was asked for: by name, or as nothing else can be."""
        wanted = {str(self.request.get("entry") or "")} - {""} or set(self.request.get("defines") or ())
        if wanted:
            return name in wanted
        return not free and {n for n in builtin if not _is_error(n)} == {name}

    def run_defined(self, tree: ast.Module) -> None:
        """Run the test cases of unittest and the functions `test…` that the tests define and never name."""
        named = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        unittest = sys.modules.get("unittest")  # takes a while to import: it is there where the tests use it
        values = list(self.space.values())
        cases = [v for v in values if unittest and isinstance(v, type) and issubclass(v, unittest.TestCase)]
        if unittest and cases:
            suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases))
            result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
            for _, trace in [*result.failures, *result.errors]:
                raise AssertionError(trace.strip().splitlines()[-1])
            if result.skipped or not (result.testsRun or self.asker.asked):
                raise AssertionError("none of its test cases ran to its end")
        for name, value in list(self.space.items()):
            if (
                name.startswith("test")
                and name not in named
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


_SHORT = {
    "np": "numpy",
    "numpy": "numpy",
    "pd": "pandas",
    "pandas": "pandas",
    "scipy": "scipy",
    "sympy": "sympy",
}
"""Modules that tests use without importing them, by the names that everybody gives them."""


def _module(name: str, tree: ast.Module) -> Any:
    """The module that the tests mean by a name: what they take from it is there. None where they mean no module."""
    meant = _SHORT.get(name) or (name if name in sys.stdlib_module_names else "")
    taken = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    taken = [n for n in taken if isinstance(n.value, ast.Name) and n.value.id == name]
    if not (meant and taken) or len(taken) < sum(
        isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree)
    ):
        return None
    try:
        found = importlib.import_module(meant)
    except ImportError:
        return None
    return found if all(hasattr(found, n.attr) for n in taken) else None


def _globals(text: str) -> tuple[set[str], set[str]]:
    """Names that a text takes from its globals, and those that it puts there itself."""
    used: set[str] = set()
    own: set[str] = set()
    tables = [symtable.symtable(text, "tests.py", "exec")]
    for table in tables:
        tables += table.get_children()
        top = table.get_type() == "module"
        there = [symbol for symbol in table.get_symbols() if top or symbol.is_global()]
        used |= {symbol.get_name() for symbol in there if symbol.is_referenced()}
        own |= {s.get_name() for s in there if s.is_assigned() or s.is_imported() or s.is_namespace()}
    return used, own


def _is_error(name: str) -> bool:
    found: object = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _without_end(tree: ast.Module) -> ast.Module:
    """The tests without a last line that runs test cases or exits: both are done here, and an exit is a failure."""
    if tree.body and isinstance(last := tree.body[-1], ast.Expr) and isinstance(last.value, ast.Call):
        called = ast.unparse(last.value.func)
        given = [node.value for node in last.value.args if isinstance(node, ast.Constant)]
        exits = called in ("sys.exit", "exit", "quit") and given in ([], [0], [None])
        if called == "unittest.main" or exits:
            tree.body.pop()
    return tree


_TURNED = """
def __kept__(value):
    from copy import deepcopy
    return deepcopy(value) if type(value) in (list, dict, set, bytearray) else value
def __turned__(right, left):
    return left, right
"""


def _ordered(tree: ast.Module, theirs: set[str]) -> ast.Module:
    """The tests with what they expect reckoned first: `f(x) == x[::-1]` doesn't change with what f does to x.

    `theirs`: the completion's names, which what is expected must not ask.
    """

    class Order(ast.NodeTransformer):
        def visit_Compare(self, node: ast.Compare) -> ast.AST:
            self.generic_visit(node)
            if len(node.ops) > 1 or not _late(node.left, node.comparators, theirs):
                return node
            made = ast.parse("(lambda pair: pair[0] == pair[1])(0)", mode="eval").body
            for inner in ast.walk(made):
                if isinstance(inner, ast.Compare):
                    inner.ops = node.ops
            assert isinstance(made, ast.Call)
            made.args = [_turned(node.left, node.comparators[0])]
            return _placed(made, node)

        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            if (
                len(node.args) < 2
                or _names(node.func) & theirs
                or not _late(node.args[0], node.args[1:2], theirs)
            ):
                return node
            node.args[:2] = [ast.Starred(_turned(node.args[0], node.args[1]), ast.Load())]
            return _placed(node, node)

    made = ast.fix_missing_locations(Order().visit(tree))
    made.body[:0] = ast.parse(_TURNED).body
    return made


def _late(left: ast.expr, right: list[ast.expr], theirs: set[str]) -> bool:
    """Whether the left side asks the completion, and the right one is reckoned from what the left one is given."""
    if isinstance(right[0], (ast.Name, ast.Constant, ast.Starred, ast.Lambda)) or isinstance(
        left, ast.Starred
    ):
        return False
    asks = any(isinstance(n, ast.Call) and _names(n.func) & theirs for n in ast.walk(left))
    bound = {
        n.value for n in ast.walk(left) if isinstance(n, ast.Attribute)
    }  # `calls.append` is no list that changes
    given = {n.id for n in ast.walk(left) if isinstance(n, ast.Name) and n not in bound}
    reckoned = _names(right[0])
    return asks and not reckoned & (theirs | {"next"}) and bool(reckoned & given)


def _turned(left: ast.expr, right: ast.expr) -> ast.expr:
    kept = ast.Call(ast.Name("__kept__", ast.Load()), [right], [])
    return ast.Call(ast.Name("__turned__", ast.Load()), [kept, left], [])


def _placed(made: ast.expr, node: ast.expr) -> ast.expr:
    """The new node where the old one stood: an error is shown with its line."""
    for inner in ast.walk(made):
        if isinstance(inner, ast.expr | ast.arg) and not hasattr(inner, "lineno"):
            ast.copy_location(inner, node)
    return ast.fix_missing_locations(ast.copy_location(made, node))


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
