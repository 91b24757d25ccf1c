"""What is aimed at, and how the table says whether it was reached."""

from __future__ import annotations

from typing import NamedTuple

from tests.bench.scenarios import Values


class Target(NamedTuple):
    """One row of the table: the measured value, its limit, the ratio to `than` and the peer where set."""

    label: str
    key: str
    limit: float
    unit: str
    against: str = ""
    ratio: float | None = None
    peer: str = ""
    than: str = "an empty Textual app"


TARGETS = (
    Target("first frame, CPU", "first_frame_cpu_s", 0.45, "s", "empty_first_frame_cpu_s", 1.25),
    Target("first curve of 1 M rows, CPU", "first_chart_cpu_s", 0.8, "s", "empty_first_frame_cpu_s", 2.0,
           "leet_first_chart_cpu_s"),
    Target("all of 1 M rows drawn, CPU", "load_1m_cpu_s", 2.0, "s", "empty_first_frame_cpu_s", 6.0),
    Target("all of 100 k rows drawn, CPU", "load_100k_cpu_s", 0.9, "s", peer="leet_load_100k_cpu_s"),
    Target("memory, 10 k rows x 5", "rss_10k_mb", 55, "MB", "empty_rss_mb"),
    Target("memory, 1 M rows x 5", "rss_1m_mb", 110, "MB", "empty_rss_mb", peer="leet_rss_100k_mb"),
    Target("live but quiet, CPU", "idle_cpu_percent", 0.3, "%", peer="leet_idle_cpu_percent"),
    Target("live but quiet, to the terminal", "idle_bytes_per_s_without_machine_line", 0, "B/s",
           peer="leet_idle_bytes_per_s"),
    Target("1 row/s, CPU", "live_1_cpu_percent", 1, "%"),
    Target("1 row/s, to the terminal", "live_1_bytes_per_s", 300, "B/s"),
    Target("50 rows/s at 4 fps, CPU", "live_50_cpu_percent", 5, "%"),
    Target("50 rows/s at 4 fps, to the terminal", "live_50_bytes_per_s", 1500, "B/s"),
    Target("key to paint, cursor, p50", "key_light_ms_p50", 6, "ms", "empty_key_ms_p50", 1.5),
    Target("key to paint, all charts anew, p50", "key_zoom_ms_p50", 30, "ms"),
    Target("key while 1 M rows are read, worst", "key_while_loading_ms_worst", 60, "ms"),
    Target("append to paint, 1 row/s, p99", "append_to_paint_ms_p99", 200, "ms"),
    Target("1,000 experiments: the tree stands, CPU", "tree_1000_cpu_s", 2.0, "s", "tree_10_cpu_s", 4,
           than="10 experiments"),
    Target("1,000 experiments: memory", "rss_1000_experiments_mb", 110, "MB", "rss_10_experiments_mb",
           than="10 experiments"),
    Target("1,000 experiments: key to paint, p50", "key_1000_experiments_ms_p50", 12, "ms",
           "key_10_experiments_ms_p50", 2, than="10 experiments"),
    Target("1,000 experiments: a letter of the filter, worst", "filter_1000_experiments_ms_worst", 100, "ms"),
    Target("1,000 experiments: nothing runs, CPU", "idle_1000_experiments_percent", 1, "%"),
    Target("1,000 experiments: `cockpit ls` with a filter, CPU", "ls_1000_cpu_s", 2.0, "s", "ls_10_cpu_s",
           than="10 experiments"),
    Target("slowdown of a trainer at 100 ms a step", "trainer_slowdown_percent", 1, "%"),
    Target("a trainer's imports, CPU", "trainer_imports_cpu_s", 12, "s", "collected_imports_cpu_s", 0.85,
           than="with the garbage collector"),
)  # fmt: skip


def table(found: Values) -> list[tuple[str, str, str, str, str]]:
    """Label, measured, target, against an empty app or the peer, and yes or no."""
    return [_row(target, found) for target in TARGETS if target.key in found]


def _row(target: Target, found: Values) -> tuple[str, str, str, str, str]:
    value = found[target.key]
    reached = value <= target.limit
    notes: list[str] = []
    base = found.get(target.against)
    if base:
        notes.append(
            f"{value / base:.2f}x {target.than}" + (f" (<= {target.ratio:g}x)" if target.ratio else "")
        )
        reached = reached and (target.ratio is None or value / base <= target.ratio)
    peer = found.get(target.peer)
    if peer:
        notes.append(f"{value / peer:.3g}x leet")
    return (target.label, f"{_short(value)} {target.unit}", f"<= {target.limit:g} {target.unit}", ", ".join(notes),
            "yes" if reached else "no")  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
