"""The shape of the house: no circle of files, small files, rooms of a size, and a sign at every door."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cockpit", "trainers")
LONGEST, MEDIAN = 400, 120
FEWEST, MOST = 3, 15
EXEMPT: Mapping[str, str] = {}
"""Packages of another size, each with the reason."""


def modules(root: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, Path]:
    """Every Python file below `root` that belongs to one of the packages, by its dotted name."""
    found: dict[str, Path] = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Every statement at any depth; expressions, which hold no import, are passed over: they are most of a tree."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, block, ())
            todo += inside if isinstance(inside, list) else ()  # a lambda's body is an expression
        if isinstance(node, ast.stmt):
            yield node


def imports(name: str, path: Path, known: Mapping[str, Path]) -> set[str]:
    """The known modules that a file imports: at its top, inside a function, or for its types alone."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {n if (n := f"{base}.{alias.name}") in known else base for alias in node.names}
    return {target for target in found if target in known} - {name}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which reaches every other: Tarjan's strongly connected components above one."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def graph_of(root: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, set[str]]:
    known = modules(root, packages)
    return {name: imports(name, path, known) for name, path in known.items()}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def rooms(root: Path, packages: tuple[str, ...] = PACKAGES) -> Iterator[tuple[str, Path]]:
    """Every package, by its path below `root`, with its `__init__.py`."""
    for path in modules(root, packages).values():
        if path.name == "__init__.py":
            yield path.parent.relative_to(root).as_posix(), path


def wrong_sizes(root: Path, packages: tuple[str, ...] = PACKAGES) -> list[str]:
    """Packages that hold too little (packages inside count as one thing each) or too many files."""
    found: list[str] = []
    for name, path in rooms(root, packages):
        files = len(list(path.parent.glob("*.py")))
        inside = len(list(path.parent.glob("*/__init__.py")))
        if name not in EXEMPT and not (files + inside >= FEWEST and files <= MOST):
            found.append(f"{name}: {files} files, {inside} packages")
    return found


def unsigned(root: Path, packages: tuple[str, ...] = PACKAGES) -> list[str]:
    """Packages whose docstring lacks one of its three parts."""
    found: list[str] = []
    for name, path in rooms(root, packages):
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        first = told.partition("\n")[0]
        there = {
            "what it is for": bool(first) and not first.startswith(("May import", "Start reading")),
            "May import": "May import: " in told,
            "Start reading at": "Start reading at " in told,
        }
        lacking = [part for part, is_there in there.items() if not is_there]
        if lacking:
            found.append(f"{name}: no {', no '.join(lacking)}")
    return found


# -- the house ---------------------------------------------------------------------------------------------------------


def test_no_circle_of_files() -> None:
    found = circles(graph_of(ROOT))
    assert not found, "\n".join(f"{len(circle)} files: {', '.join(circle)}" for circle in found)


def test_no_file_is_long() -> None:
    found = {name: n for name, path in modules(ROOT).items() if (n := lines(path)) > LONGEST}
    assert not found


def test_most_files_are_small() -> None:
    sizes = [lines(path) for path in modules(ROOT).values() if path.name != "__init__.py"]
    assert statistics.median(sizes) < MEDIAN


def test_a_package_is_seen_at_a_glance() -> None:
    found = wrong_sizes(ROOT)
    assert not found, "\n".join(found)


def test_every_package_says_what_it_is_for_what_it_may_import_and_where_to_start() -> None:
    found = unsigned(ROOT)
    assert not found, "\n".join(found)


def test_exemptions_are_of_packages_that_are_there_and_need_one() -> None:
    assert set(EXEMPT) <= {name for name, _ in rooms(ROOT)}
    assert all(EXEMPT.values())


# -- the tests of these tests ------------------------------------------------------------------------------------------

Tree = Mapping[str, str]


def plant(root: Path, tree: Tree) -> Path:
    """Write a tree of files; every folder on the way becomes a package."""
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"p/a.py": "import p.b", "p/b.py": "import p.a"}, [["p.a", "p.b"]]),
        ({"p/a.py": "from p import b", "p/b.py": "from p.a import x"}, [["p.a", "p.b"]]),
        ({"p/a.py": "from . import b", "p/b.py": "from .a import x"}, [["p.a", "p.b"]]),
        ({"p/q/a.py": "from ..b import x", "p/b.py": "from .q import a"}, [["p.b", "p.q.a"]]),
        (
            {
                "p/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import B",
                "p/b.py": "def f():\n    try:\n        pass\n    except OSError:\n        from p.c import C",
                "p/c.py": "from p.a import A",
            },
            [["p.a", "p.b", "p.c"]],
        ),
        ({"p/__init__.py": "from p.a import x", "p/a.py": "from p import x"}, [["p", "p.a"]]),
        ({"p/a.py": "import p.b", "p/b.py": "import p.c", "p/c.py": "import json, p.nothing"}, []),
        ({"p/__init__.py": "from p.a import x", "p/a.py": "from p import b", "p/b.py": ""}, []),
        (
            {
                "p/a.py": "import p.b",
                "p/b.py": "import p.a",
                "p/c.py": "import p.d",
                "p/d.py": "import p.c, p.a",
            },
            [["p.a", "p.b"], ["p.c", "p.d"]],
        ),
    ],
)
def test_circles_are_found_however_they_are_imported(
    tmp_path: Path, tree: Tree, expected: list[list[str]]
) -> None:
    assert sorted(circles(graph_of(plant(tmp_path, tree), ("p",)))) == expected


def test_rooms_of_a_wrong_size_are_found(tmp_path: Path) -> None:
    plant(tmp_path, {f"p/big/f{n}.py": "" for n in range(MOST)})
    plant(tmp_path, {"p/small/a.py": "", "p/right/a.py": "", "p/right/b.py": ""})
    plant(tmp_path, {"p/holds/a.py": "", "p/holds/x/a.py": "", "p/holds/x/b.py": ""})
    found = wrong_sizes(tmp_path, ("p",))
    assert sorted(found) == ["p/big: 16 files, 0 packages", "p/small: 2 files, 0 packages"]


@pytest.mark.parametrize(
    ("told", "lacking"),
    [
        ('"""What it holds.\n\nMay import: nothing.\nStart reading at `a.py`.\n"""', ""),
        ('"""What it holds."""', "no May import, no Start reading at"),
        ('"""May import: nothing.\nStart reading at `a.py`."""', "no what it is for"),
        ("", "no what it is for, no May import, no Start reading at"),
    ],
)
def test_a_missing_sign_is_found(tmp_path: Path, told: str, lacking: str) -> None:
    plant(tmp_path, {"p/__init__.py": told, "p/a.py": ""})
    (tmp_path / "p" / "__init__.py").write_text(told)
    assert unsigned(tmp_path, ("p",)) == ([f"p: {lacking}"] if lacking else [])
