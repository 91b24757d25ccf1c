"""The bench's own arithmetic; the measuring itself is `make bench`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from scripts import doc_blocks
from tests.bench import __main__ as bench
from tests.bench.targets import TARGETS, table
from tests.bench.terminal import Terminal


def test_a_value_within_its_limit_and_its_ratio_is_reached() -> None:
    rows = table({"first_frame_cpu_s": 0.4, "empty_first_frame_cpu_s": 0.35})
    assert rows == [
        ("first frame, CPU", "0.4 s", "<= 0.45 s", "1.14x an empty Textual app (<= 1.25x)", "yes")
    ]


@pytest.mark.parametrize(
    "found", [{"first_frame_cpu_s": 0.5}, {"first_frame_cpu_s": 0.4, "empty_first_frame_cpu_s": 0.2}]
)
def test_beyond_either_it_is_not(found: dict[str, float]) -> None:
    assert [row[-1] for row in table(found)] == ["no"]


def test_each_target_is_measured_by_some_scenario() -> None:
    source = Path(bench.__file__).with_name("scenarios.py").read_text()
    counted = source.replace("{count}", "1000")  # one scenario measures the same at two sizes
    assert all(f'"{target.key}"' in counted for target in TARGETS)


def test_the_table_goes_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    doc_blocks.put("bench", bench.report({"live_1_cpu_percent": 0.5}, {"leet": "not installed"}, 1.0), [page])
    text = page.read_text()
    assert text.startswith("before\n<!-- bench -->\n\n| what |")
    assert text.endswith("<!-- /bench -->\nafter\n")
    assert "| 1 row/s, CPU | 0.5 % | <= 1 % |  | yes |" in text
    assert "Not measured: leet (not installed)." in text
    assert "old" not in text


def test_a_scenario_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["fastest"])
    assert "no scenario fastest" in capsys.readouterr().err


def test_the_terminal_counts_bytes_and_cpu_of_the_whole_tree() -> None:
    code = "import subprocess, sys; print('x' * 1000); subprocess.run([sys.executable, '-c', BUSY]); input()"
    code = code.replace("BUSY", "'sum(range(10**7))'")
    with Terminal([sys.executable, "-c", code]) as terminal:
        terminal.until(lambda seen: b"x" * 1000 in seen)
        cost = terminal.settle(quiet=0.3)
        assert cost.cpu > 0.05
        assert cost.sent >= 1000
        assert json.loads(str(terminal.rss_mb())) > 1
