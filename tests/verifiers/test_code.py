"""Code judged by tests: no cheat passes, no odd solution that is right fails, and nothing gets through the walls."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.verifiers import load
from cockpit.verifiers.code.run import WITHOUT_WALLS, run, standing
from cockpit.verifiers.walls import walls
from tests.verifiers.code_cases import CHEATS, CHECK, HONEST, TESTS

DOCS = Path(__file__).parents[2] / "docs" / "security.md"
DONE = {"tests": "assert done"}


@pytest.mark.parametrize("name", CHEATS)
def test_no_cheat_passes(name: str) -> None:
    item, code = CHEATS[name]
    verdict = load("tests")(f"```python\n{code}\n```", item)
    assert verdict.parsed, verdict.why
    assert not verdict.passed
    assert verdict.why


@pytest.mark.parametrize("name", HONEST)
def test_what_is_right_passes(name: str) -> None:
    item, code = HONEST[name]
    verdict = load("tests")(f"```python\n{code}\n```", item)
    assert verdict.passed, verdict.why


def test_the_docs_list_the_cheats() -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## Cheats tried")[2].partition("\n## ")[0]
    assert re.findall(r"^- (.*)$", section, re.MULTILINE) == list(CHEATS)


@pytest.mark.parametrize(
    ("after", "passes"),
    [
        ("```python\nprint(f(1))\n```", True),
        ("Usage:\n```\nresult = f(3)\nassert result == 4\n```", True),
        ("```python\nf(1)\nimport sys\nsys.exit(0)\n```", True),
        ("No, better:\n```python\ndef f(x):\n    return x\n```", False),
    ],
)
def test_the_last_block_that_holds_the_function_counts(after: str, passes: bool) -> None:
    first = "```python\ndef f(x):\n    return x + 1\n```\n"
    for item in (TESTS, CHECK):
        assert load("tests")(first + after, item).passed is passes


def test_tests_that_ask_nothing_let_nothing_pass() -> None:
    for tests in ("x = 1", "def check(candidate):\n    assert candidate(1) == 2"):
        assert "ask nothing" in load("tests")("```python\ndef f(x): return 2\n```", {"tests": tests}).why


# -- walls -------------------------------------------------------------------------------------------------------


def need(*names: str) -> None:
    missing = [name for name in names if name not in standing()]
    if missing:
        pytest.skip(f"this machine has no such wall: {', '.join(missing)}")


def tried(line: str) -> str:
    """What becomes of a line of foreign code: the exception's name, or nothing."""
    code = f"said = ''\ntry:\n    {line}\nexcept BaseException as error:\n    said = type(error).__name__"
    return "" if run(code, {"tests": "assert said == ''"}, seconds=20, vouched=True).passed else "refused"


@pytest.mark.parametrize(
    "line",
    [
        "open({outside!r}).read()", "open({outside!r}, 'w')", "import os; os.unlink({outside!r})",
        "import os; os.symlink({outside!r}, 'l'); open('l').read()",
        "import os; os.listdir(os.path.dirname({outside!r}))",
        "import os; os.truncate({outside!r}, 0)", "import os; os.link({outside!r}, 'l')",
        "open('/proc/1/environ').read()", "import os; os.open({outside!r}, os.O_RDONLY | os.O_TRUNC)",
        "import os; os.rename({outside!r}, 'x')", "import os; os.mkfifo(os.path.dirname({outside!r}) + '/f')",
        "open('/etc/passwd').read()", "import glob; open(glob.glob('/root/.*')[0]).read()",
        "import subprocess; subprocess.run(['/bin/cat', {outside!r}], check=True)",
    ],
)  # fmt: skip
def test_it_reads_and_writes_nothing_of_the_users(line: str, tmp_path: Path) -> None:
    need(walls.FILES)
    outside = tmp_path / "outside.txt"
    outside.write_text("kept")
    mode = outside.stat().st_mode
    assert tried(line.format(outside=str(outside))) == "refused"
    tried(f"import os; os.chmod({str(outside)!r}, 0); os.utime({str(outside)!r}, (0, 0))")
    assert outside.read_text() == "kept"
    assert outside.stat().st_mode == mode
    assert outside.stat().st_mtime > 1
    assert os.listdir(tmp_path) == ["outside.txt"]


@pytest.mark.parametrize(
    "line",
    [
        "import os; os.kill({pid}, 0)", "import os; os.kill({pid}, 9)",
        "import os; os.setpriority(os.PRIO_PROCESS, {pid}, 19)",
        "import ctypes, os; r = ctypes.CDLL(None).ptrace(16, {pid}, 0, 0); assert r == 0",
        "import resource; resource.prlimit({pid}, resource.RLIMIT_CPU, (1, 1))",
        "import os; os.pidfd_open({pid})",
    ],
)  # fmt: skip
def test_it_reaches_no_process_of_the_users(line: str) -> None:
    need(walls.CALLS)
    assert tried(line.format(pid=os.getpid())) == "refused"


def test_it_has_no_network() -> None:
    need(walls.NETWORK)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"('127.0.0.1', {server.getsockname()[1]})"
        assert tried(f"import socket; socket.create_connection({address}, timeout=2)") == "refused"
        assert tried("import socket; socket.socket(socket.AF_UNIX).connect('/run/docker.sock')") == "refused"
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


STRAY = """
import ctypes, os, time
def stray(name):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            ctypes.CDLL(None).prctl(15, name.encode())
            os.write(w, b"x")
            time.sleep(600)
        os._exit(0)
    os.read(r, 1)
"""


def running(name: str) -> list[str]:
    """Processes that go by this name, at this moment."""
    found: list[str] = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            found += [str(comm)] if comm.read_text().strip() == name else []
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sessions and namespaces are Linux's here")
@pytest.mark.parametrize("how", ["by its tests", "by its time"])
def test_what_it_starts_ends_with_it(how: str) -> None:
    name = f"stray-{secrets.token_hex(4)}"
    late = how == "by its time"
    code = f"{STRAY}\nstray({name!r})\ndone = True" + ("\nwhile True: pass" if late else "")
    outcome = run(code, {"tests": "assert done"}, seconds=3 if late else 20, vouched=True)
    assert outcome.passed is not late, outcome.why
    assert running(name) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a reaper needs Linux")
def test_a_reaper_ends_what_has_left_its_session() -> None:
    name = f"stray-{secrets.token_hex(4)}"
    code = f"from cockpit.verifiers.walls import spaces\nspaces.adopt_orphans()\n{STRAY}\nstray({name!r})\n"
    done = subprocess.run([sys.executable, "-c", f"{code}assert spaces.end_children()"], check=False)
    assert done.returncode == 0
    assert running(name) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted on Linux alone")
def test_it_starts_no_more_processes_than_it_may() -> None:
    code = (
        "import os, time\nfor _ in range(150):\n    if os.fork() == 0:\n        time.sleep(20)\n        os._exit(0)\n"
        "time.sleep(2)\ndone = True"
    )
    assert not run(code, DONE, seconds=20, vouched=True).passed


def test_its_time_ends_a_loop() -> None:
    outcome = run("done = True\nwhile True: pass", DONE, seconds=1.0, vouched=True)
    assert "longer than 1 s" in outcome.why


def test_it_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert run("import os\ndone = 'HF_TOKEN' not in os.environ", DONE, seconds=20, vouched=True).passed


def test_roots_files_are_not_shown_to_code_without_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WITHOUT_WALLS, raising=False)
    if walls.needed() and walls.FILES not in standing():
        with pytest.raises(CockpitError, match="you are root"):
            run("done = True", DONE, seconds=20)
        monkeypatch.setenv(WITHOUT_WALLS, "1")
    assert run("done = True", DONE, seconds=20).passed
