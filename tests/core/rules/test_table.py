"""The table of rules is the only place that knows a rule, and the code and the table name the same ones."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import cockpit
import trainers
from cockpit.core.rules import run_rules
from cockpit.core.rules.run_rules import judge
from cockpit.core.rules.table import RULES, count, found, limit, rule, sourced
from cockpit.core.runs.run_record import Run
from tests.core.rules.test_run_preference import DISPLACED, HACKED, NOT_APART, STALE
from tests.core.rules.test_run_rules import FIRES as loud_runs
from tests.core.rules.test_run_rules import QUIET as quiet_runs
from tests.core.rules.test_silent_faults import FIRES as faults
from tests.core.rules.test_silent_faults import QUIET as near_faults

IDS = {rule.id for rule in RULES}
COCKPIT, TRAINERS = Path(cockpit.__file__).parent, Path(trainers.__file__).parent
CORE = COCKPIT / "core"


def nodes(*folders: Path) -> Iterator[tuple[Path, ast.AST]]:
    for folder in folders:
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield path, node


def called(node: ast.AST, *names: str) -> list[object] | None:
    """The constant arguments of a call to one of these names; None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    func = node.func
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    return [getattr(arg, "value", None) for arg in node.args] if name in names else None


def test_every_rule_stands_once() -> None:
    assert len(IDS) == len(RULES)


def test_the_code_and_the_table_name_the_same_rules() -> None:
    made = {args[0] for _, node in nodes(CORE) if (args := called(node, "found"))}
    reported = {args[0] for _, node in nodes(TRAINERS) if (args := called(node, "finding"))}
    assert all(isinstance(id_, str) for id_ in made | reported), (
        "an id is written out where a finding is made"
    )
    assert made | reported == IDS
    assert reported == {rule.id for rule in RULES if rule.by_trainer}


def test_a_finding_is_made_through_the_table_alone() -> None:
    direct = {
        path.relative_to(COCKPIT).as_posix()
        for path, node in nodes(COCKPIT)
        if called(node, "Finding") is not None
    }
    assert direct == {"core/rules/table.py"}
    with pytest.raises(KeyError):
        found("no-such-rule", "warn", "x")


def test_whoever_asks_for_a_rule_asks_for_one_that_is_there() -> None:
    asked: set[object] = set()
    for _, node in nodes(COCKPIT):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Attribute)
            and node.left.attr == "rule"
        ):
            asked |= {getattr(side, "value", None) for side in node.comparators}
    named = {id_ for id_ in asked if isinstance(id_, str)}
    assert named
    assert named <= IDS


def test_every_threshold_is_read_and_every_one_read_is_there() -> None:
    read = {
        tuple(args) for _, node in nodes(CORE) if (args := called(node, "limit", "count")) and len(args) == 2
    }
    written = {(rule.id, name) for rule in RULES for name in rule.thresholds}
    assert {pair for pair in read if None not in pair} == written
    assert limit("no-gain", "moves") == count("no-gain", "moves") == 3


def test_every_module_of_run_rules_that_makes_findings_is_judged_by() -> None:
    modules = [
        importlib.import_module(f"{run_rules.__name__}.{info.name}")
        for info in pkgutil.iter_modules(run_rules.__path__)
    ]
    makes = {path.stem for path, node in nodes(Path(run_rules.__path__[0])) if called(node, "found")}
    assert makes <= {m.__name__.rpartition(".")[2] for m in judge.MODULES}
    assert {m.__name__ for m in modules if m is not judge and hasattr(m, "RULES")} == {
        m.__name__ for m in judge.MODULES
    }


@pytest.mark.parametrize("module", judge.MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_public_rule_of_a_module_is_in_its_rules(module: ModuleType) -> None:
    assert public_rules(module) == {rule.__name__ for rule in module.RULES}


def test_every_rule_over_a_run_has_cases_that_set_it_off_and_near_ones_that_do_not() -> None:
    """Near: a run that is left in peace though it logs all that the loud one does, so that the rule could judge it."""
    made = {args[0] for _, node in nodes(Path(run_rules.__path__[0])) if (args := called(node, "found"))}
    loud: dict[object, list[Run]] = {}
    quiet = [case[1] for case in (*quiet_runs, *near_faults)]
    for case in (*loud_runs, *faults):
        loud.setdefault(case[2], []).append(case[1])
    for rule_, cases in (
        ("pairs-not-told-apart", NOT_APART), ("chosen-less-likely", DISPLACED), ("reward-hacked", HACKED),
        ("stale-samples", STALE),
    ):  # fmt: skip
        loud[rule_] = [run for _, run, fires in cases if fires]
        quiet += [run for _, run, fires in cases if not fires]
    assert set(loud) == made
    near = {
        rule_ for rule_, runs in loud.items() for run in runs for other in quiet if logs(run) <= logs(other)
    }
    assert made - near == set()


def logs(run: Run) -> set[str]:
    """What a run has to be judged by, whatever the parts of its reward are called."""
    others = ("mid_evals", "held_out", "train_reward", "groups", "nonfinite", "stalled")
    return {re.sub("rewards/[^/]+/", "rewards/…/", name) for name in run.metrics} | {
        name for name in others if getattr(run, name)
    }


@pytest.mark.parametrize("row", RULES, ids=lambda row: row.id)
def test_a_rule_is_named_by_a_test_of_its_own_and_by_the_docs(row) -> None:  # type: ignore[no-untyped-def]
    tests = Path(__file__).parents[2]
    folders = ("core/rules", "core/overlap", "trainers/real", "trainers/data")
    cases = [
        path for folder in folders for path in (tests / folder).glob("test_*.py") if path != Path(__file__)
    ]
    named = {row.id, row.id.replace("-", "_")}
    assert any(name in path.read_text("utf-8") for path in cases for name in named)
    docs = (COCKPIT.parent / "docs" / "judgement.md").read_text("utf-8")
    told = docs.partition(f"#### {row.id}\n")[2].partition("####")[0]
    assert all(part in told for part in (row.means, row.advice, row.source)), "`python -m scripts.fill_docs`"
    assert all(threshold.means in told for threshold in row.thresholds.values())


def public_rules(module: ModuleType) -> set[str]:
    """The module's own public functions from a run to findings, whatever they call the run."""
    return {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and [p.annotation for p in inspect.signature(value).parameters.values()] == ["Run"]
        and inspect.signature(value).return_annotation == "list[Finding]"
    }


def test_a_rule_that_nobody_lists_is_seen() -> None:
    module = ModuleType("made_up")
    exec(
        "from __future__ import annotations\n"
        "def listed(run: Run) -> list[Finding]: ...\n"
        "def forgotten(record: Run) -> list[Finding]: ...\n"
        "def _helper(run: Run) -> list[Finding]: ...\n"
        "def measure(run: Run) -> float: ...\n",
        vars(module),
    )
    assert public_rules(module) == {"listed", "forgotten"}


@pytest.mark.parametrize("row", RULES, ids=lambda row: row.id)
def test_a_row_says_what_it_means_and_what_to_do(row) -> None:  # type: ignore[no-untyped-def]
    assert row.means.endswith(".")
    assert row.advice.endswith((".", "?"))
    assert row.source
    assert all(threshold.means for threshold in row.thresholds.values())


def test_a_trainers_finding_gets_its_rules_source() -> None:
    told = found("template-drift", "alarm", "x")
    bare = type(told)("template-drift", "alarm", "x")
    assert sourced(bare).source == told.source != ""
    assert sourced(type(told)("mine", "warn", "x")).source == ""
    assert rule("mine") is None
