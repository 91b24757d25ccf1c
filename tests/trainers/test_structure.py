"""The trainers can be read: few files a run, no circles, no reading of others' source, no class made at run time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / "trainers").rglob("*.py")
}
MODULES = {name.removesuffix(".__init__"): path for name, path in FILES.items()}
MOST = 44
"""Modules of trainers that an SFT run on one process imports, packages among them."""
STRATEGIES = {
    "trainers.distributed",
    "trainers.rollouts",
    "trainers.report.evo",
    "trainers.report.trackers",
    "trainers.scoring.pair_scoring",
    "trainers.scoring.served",
    "trainers.scoring.served_engine",
}
"""What is nothing for such a run, so that it may not be imported either."""


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The modules of trainers that these nodes import."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in (whole if whole in MODULES else node.module,) if name in MODULES)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


def at_import(module: str) -> set[str]:
    """What importing `module` imports at once, the packages that it lies in among it."""
    found = set(imported(iter(tree(module).body)))
    return {".".join(name.split(".")[:n]) for name in {module, *found} for n in range(1, name.count(".") + 2)}


def of_a_run(script: str) -> set[str]:
    """What a run imports: all that its script names, inside `train` too, and what that imports at once."""
    found, todo = set[str](), [script, *imported(ast.walk(tree(script)))]
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo += at_import(module)
    return found


def test_a_run_of_sft_is_few_modules_and_no_strategy() -> None:
    modules = of_a_run("trainers.sft")
    assert len(modules) <= MOST, sorted(modules)
    strays = {m for m in modules for s in STRATEGIES if m == s or m.startswith(s + ".")}
    assert strays == set()


def test_no_circles_of_files() -> None:
    graph = {module: set(imported(ast.walk(tree(module)))) - {module} for module in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_nobody_reads_source_or_makes_classes_at_run_time() -> None:
    tricks: list[str] = []
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                tricks += (
                    [f"{module}:{node.lineno} {name}"] if name in ("getsource", "getsourcelines") else []
                )
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type":
                tricks += [f"{module}:{node.lineno} type(…)"] if len(node.args) > 1 else []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = [child for child in ast.walk(node) if isinstance(child, ast.ClassDef)]
                tricks += [f"{module}:{child.lineno} class {child.name}" for child in inner]
    assert tricks == []
