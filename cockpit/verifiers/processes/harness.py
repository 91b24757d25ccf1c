"""Runs one foreign program: `python -I harness.py`, the request on stdin, the verdict as the last line of stdout.

Stands alone: it is run by path, without the cockpit on its path.
"""

import ast
import contextlib
import ctypes
import itertools
import json
import os
import resource
import sys
from typing import Any, cast

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def deny_network() -> bool:
    """Move into a network namespace of one's own, with nothing in it; False where the OS refuses."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWNET) == 0
    except (OSError, AttributeError):
        return False


def limit(seconds: float, memory_mb: int) -> None:
    """No more than this of processor time, memory, file sizes, open files and processes; no core dumps."""
    wanted = [
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_FSIZE, 16 << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ]
    for kind, value in wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NPROC, (64, 64))


def main() -> int:
    request = json.loads(sys.stdin.buffer.read())
    token, program = request["token"], request["program"]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    deny_network()
    limit(request["seconds"], request["memory_mb"])
    verdict = "passed"
    try:
        tree = guarded(program, request["tests_from"], f"same_{token}")
        exec(compile(tree, "completion.py", "exec"), {"__name__": "__main__", f"same_{token}": same})
    except SystemExit:
        verdict = "it called exit before its tests were done"
    except AssertionError as error:
        verdict = f"a test fails{_where(error, program)}: {str(error)[:120]}".rstrip(": ")
    except BaseException as error:  # noqa: BLE001 - whatever foreign code raises is its verdict
        verdict = f"{type(error).__name__}{_where(error, program)}: {str(error)[:120]}".rstrip(": ")
    print("\n" + token + " " + verdict.replace("\n", " "), file=out, flush=True)
    os._exit(0)  # no atexit handler of foreign code has a say


def guarded(program: str, tests_from: int, name: str) -> ast.Module:
    """The program with each `==` and `!=` of its tests (from that line on) going through `same` first."""

    class Guard(ast.NodeTransformer):
        def visit_Compare(self, node: ast.Compare) -> ast.AST:
            self.generic_visit(node)
            if node.lineno < tests_from or not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                return node
            sides = [node.left, *node.comparators]
            seen: list[ast.expr] = [ast.Call(ast.Name(name, ast.Load()), [side], []) for side in sides]
            return ast.Compare(seen[0], node.ops, seen[1:])

    return ast.fix_missing_locations(Guard().visit(ast.parse(program, "completion.py")))


def same(value: Any, depth: int = 0) -> Any:
    """The value as it is. Raises AssertionError for one that equals even what nobody has: it would pass any test."""
    kind = cast("type[Any]", type(value))
    if issubclass(kind, (list, tuple, set, frozenset, dict)) and depth < 4:
        held: Any = value.values() if issubclass(kind, dict) else value
        for item in itertools.islice(held, 1000):
            same(item, depth + 1)
    elif kind.__module__ == "__main__":
        unknown, equal = object(), False
        with contextlib.suppress(Exception):  # an ordinary `__eq__` that reads the other's fields
            equal = (value == unknown) is True or (value != unknown) is False
        if equal:
            raise AssertionError("its result equals everything")
    return value


def _where(error: BaseException, program: str) -> str:
    """The line of the program that it came from, as it is written."""
    trace, line = error.__traceback__, getattr(error, "lineno", None)
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "completion.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    lines = program.splitlines()
    return f" at {lines[line - 1].strip()[:80]!r}" if line and 0 < line <= len(lines) else ""


if __name__ == "__main__":
    sys.exit(main())
