"""Verifiers that judge in processes of their own: right, wrong, unparsed, hostile; each says which and why."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.verifiers import load, selfcheck
from cockpit.verifiers.processes.sandbox import Worker

# -- mathematics -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mathematics() -> Any:
    pytest.importorskip("math_verify", reason="math-verify is not installed")
    return load("math")


@pytest.mark.parametrize(
    ("completion", "gold", "passes", "parsed"),
    [
        ("So it is \\boxed{\\frac{1}{2}}.", "0.5", True, True),
        ("The answer is $\\frac{2}{4}$.", "\\frac{1}{2}", True, True),
        ("\\boxed{x^2 + 2x + 1}", "(x+1)^2", True, True),
        ("\\boxed{\\{1, 2\\}}", "\\{2, 1\\}", True, True),
        ("\\boxed{18}", "… #### 18", True, True),
        ("\\boxed{17}", "18", False, True),
        ("I don't know.", "18", False, False),
        ("", "18", False, False),
        # math-verify calls these equal: small differences, and beginnings of what it can't read
        ("$\\frac{1}{2^{98}}$", "\\frac{1}{2^{99}}", False, True),
        ("$2^{-99}$", "\\frac{1}{2^{99}}", True, True),
        ("$1/2006!$", "1/2004!", False, True),
        ("$1+1/e$", "1-1/e", False, True),
        ("$\\pi+10^{-20}$", "\\pi", False, True),
        ("$0.00000013$", "0.00000012", False, True),
        ("$0.0000001$", "0", False, True),
        ("$[0, \\frac{1}{2^{98}}]$", "[0, \\frac{1}{2^{99}}]", False, True),
        ("$\\{\\frac{1}{2^{98}}\\}$", "\\{\\frac{1}{2^{99}}\\}", False, True),
        ("$x=\\frac{1}{2^{98}}$", "x=\\frac{1}{2^{99}}", False, True),
        ("$10^{-31}x$", "10^{-30}x", False, True),
        ("$4\\sqrt(2)$", "4", False, True),
        ("$4\\sqrt[3](2)$", "4", False, True),
        # and these are equal
        ("$0.333333$", "\\frac13", True, True),
        ("$1+\\sqrt2$", "\\sqrt{3+2\\sqrt2}", True, True),
        ("$2\\sin x\\cos x$", "\\sin(2x)", True, True),
        ("$50\\%$", "0.5", True, True),
        ("$50$", "50\\%", True, True),
        ("\\boxed{18 \\text{ apples}}", "18", True, True),
        ("The answer is **73**.", "73", True, True),
        ("$[3,\\infty)$", "x \\geq 3", True, True),
        ("<think>\\boxed{18}</think> \\boxed{17}", "18", False, True),
    ],
)
def test_mathematics(mathematics: Any, completion: str, gold: str, passes: bool, parsed: bool) -> None:
    verdict = mathematics(completion, {"answer": gold})
    assert (verdict.passed, verdict.parsed) == (passes, parsed), verdict.why
    assert verdict.why


def test_mathematics_checks_its_gold_answers(mathematics: Any) -> None:
    told = selfcheck(mathematics, [{"answer": "\\frac{3}{4}"}, {"answer": "7"}, {"answer": "2x"}])
    assert told.ok, told.sentence()


# -- JSON schemas ------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "required": ["name", "age"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    path = tmp_path_factory.mktemp("schema") / "person.json"
    path.write_text(json.dumps(SCHEMA))
    return load(f"json-schema:{path}")


@pytest.mark.parametrize(
    ("completion", "passes", "parsed", "why"),
    [
        ('{"name": "Ada", "age": 36}', True, True, "fits the schema"),
        ('Here it is:\n```json\n{"name": "Ada", "age": 36}\n```\nDone.', True, True, "fits"),
        ('Sure: {"name": "Ada", "age": 36} - anything else?', True, True, "fits"),
        ('See [1]: {"name": "Ada", "age": 36} {smile} [2]', True, True, "fits"),
        ("{'name': 'Ada', 'age': 36}", False, False, "no answer"),
        ('{"name": "Ada", "age": 36, "age": "x"}', False, True, "age"),
        ('{"name": "Ada", "age": -1}', False, True, "age: -1 is less than the minimum"),
        ('{"name": "Ada"}', False, True, "'age' is a required property"),
        ('{"name": "Ada", "age": ', False, False, "no answer of the form 'JSON'"),
        ("no json at all", False, False, "no answer"),
        ("[" * 100_000, False, False, "no answer"),
    ],
)
def test_schemas(schema: Any, completion: str, passes: bool, parsed: bool, why: str) -> None:
    verdict = schema(completion, {})
    assert (verdict.passed, verdict.parsed) == (passes, parsed)
    assert why in verdict.why


def test_a_schema_of_the_items_own_and_an_answer_to_be_equal_to(schema: Any) -> None:
    verifier = load("json-schema")
    item = {"schema": SCHEMA, "answer": '{"name": "Ada", "age": 36}'}
    assert verifier('{"age": 36, "name": "Ada"}', item).passed
    assert "is not the answer" in verifier('{"age": 37, "name": "Ada"}', item).why
    assert selfcheck(verifier, [item]).ok
    with pytest.raises(CockpitError, match="no schema"):
        verifier("{}", {"answer": "{}"})


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_schema_fetches_nothing_and_says_what_it_lacks(scheme: str, tmp_path: Path) -> None:
    pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    there = tmp_path / "there.json"
    there.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        place = f"http://127.0.0.1:{server.getsockname()[1]}/x.json" if scheme == "http" else there.as_uri()
        verdict = load("json-schema")("{}", {"schema": {"$ref": place}})
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not verdict.parsed
    assert "nothing is fetched" in verdict.why
    assert place[:20] in verdict.why
    held = {"$ref": "#/$defs/x", "$defs": {"x": {"type": "object"}}}
    assert load("json-schema")("{}", {"schema": held}).passed


def test_a_missing_schema_file_is_named() -> None:
    with pytest.raises(CockpitError, match=r"there is no schema file 'gone\.json'"):
        load("json-schema:gone.json")


# -- unit tests --------------------------------------------------------------------------------------------------

MBPP = {"prompt": "Add two numbers.", "test_list": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"],
        "code": "def add(a, b):\n    return a + b"}  # fmt: skip
HUMANEVAL = {
    "prompt": "def add(a, b):\n    '''Add.'''\n",
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
GOOD = "```python\ndef add(a, b):\n    return a + b\n```"


@pytest.mark.parametrize(
    ("completion", "passes", "parsed", "why"),
    [
        (GOOD, True, True, "all tests pass"),
        ("First:\n```python\nx = 1\n```\nbetter:\n" + GOOD + "\nThere.", True, True, "all tests pass"),
        ("def add(a, b):\n    return a + b", True, True, "all tests pass"),
        (
            "```python\ndef add(a, b):\n    return a - b\n```",
            False,
            True,
            "a test fails at 'assert add(1, 2) == 3'",
        ),
        ("```python\ndef plus(a, b):\n    return a + b\n```", False, True, "NameError"),
        ("```python\ndef add(a, b) return\n```", False, False, "no answer of the form"),
        ("I can't do that", False, False, "no answer of the form"),
        ("```python\nimport sys\nsys.exit(0)\n```", False, True, "it called exit"),
        ("```python\nimport os\nos._exit(0)\n```", False, True, "ended before its tests"),
        ("```python\nimport os\nos.kill(os.getpid(), 9)\n```", False, True, "SIGKILL"),
        ("```python\nprint('passed')\nraise SystemExit\n```", False, True, "it called exit"),
        ("```python\nx = 'a' * (4 << 30)\n```", False, True, "MemoryError"),
        (
            "```python\nopen('/etc/passwd-cockpit', 'w')\nopen('big','w').write('x' * (64 << 20))\n```",
            False,
            True,
            "",
        ),
    ],
)
def test_unit_tests(completion: str, passes: bool, parsed: bool, why: str) -> None:
    verdict = load("tests")(completion, MBPP)
    assert (verdict.passed, verdict.parsed) == (passes, parsed), verdict.why
    assert why in verdict.why


def test_a_completion_of_the_prompts_function_is_put_below_it() -> None:
    verifier = load("tests")
    assert verifier("    return a + b\n", HUMANEVAL).parsed is False, "indented code alone is no program"
    assert verifier(GOOD, HUMANEVAL).passed
    assert selfcheck(verifier, [HUMANEVAL, MBPP]).ok
    unsolved = selfcheck(verifier, [{"tests": "assert f() == 1"}])
    assert (unsolved.checked, unsolved.unchecked) == (0, 1)


def test_many_are_judged_side_by_side() -> None:
    verdicts = load("tests").many([(GOOD, MBPP), ("nothing", MBPP), (GOOD, HUMANEVAL)])
    assert [verdict.passed for verdict in verdicts] == [True, False, True]


def test_an_item_without_tests_is_named() -> None:
    with pytest.raises(CockpitError, match="no unit tests"):
        load("tests")(GOOD, {"prompt": "x"})


# -- a function of the user's own --------------------------------------------------------------------------------

OWN = """
import os, time
print("hello from the module")

def exact(completion, item):
    print("a print is no answer")
    return completion.strip() == str(item["answer"])

def graded(completion, item):
    return 0.25, True, "a quarter"

def told(completion, item):
    return {"score": 1, "parsed": True, "answer": "x", "why": "because"}

def none(completion, item):
    return None

def raises(completion, item):
    raise ValueError("not today")

def dies(completion, item):
    os._exit(3)

def hangs(completion, item):
    time.sleep(60)

def nan(completion, item):
    return float("nan")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize(
    ("function", "score", "parsed", "why"),
    [
        ("exact", 1.0, True, "as wanted"),
        ("graded", 0.25, True, "a quarter"),
        ("told", 1.0, True, "because"),
        ("none", 0.0, False, "nothing could be parsed"),
        ("raises", 0.0, False, "ValueError: not today"),
        ("dies", 0.0, False, "died on it"),
        ("nan", 0.0, False, "NaN"),
    ],
)
def test_a_function_of_ones_own(own: str, function: str, score: float, parsed: bool, why: str) -> None:
    verdict = load(f"{own}:{function}")(" 42 ", {"answer": "42"})
    assert (verdict.score, verdict.parsed) == (score, parsed)
    assert why in verdict.why


def test_a_function_that_hangs_is_ended_and_the_next_answer_comes(own: str) -> None:
    worker = Worker("module", f"{own}:hangs", path=str(Path.cwd()), seconds=0.5)
    for _ in range(2):
        assert "longer than 0.5 s" in worker.ask("x", {})["why"]


def test_a_changed_function_is_another_verifier(own: str) -> None:
    before = load(f"{own}:exact").fingerprint
    Path(f"{own}.py").write_text(OWN + "\n# changed\n")
    assert load(f"{own}:exact").fingerprint != before


def test_modules_and_functions_that_are_not_there_are_named(own: str) -> None:
    with pytest.raises(CockpitError, match="no module 'gone'"):
        load("gone:function")
    with pytest.raises(CockpitError, match="has no attribute 'gone'"):
        load(f"{own}:gone")("x", {})


def test_importing_the_verifiers_starts_nothing_and_imports_no_libraries() -> None:
    import subprocess

    heavy = "('sympy', 'math_verify', 'jsonschema')"
    code = f"import sys, cockpit.verifiers; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
