"""One function a scenario: what it measured, by name. Everything runs in a pseudo-terminal of 160 x 45."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.terminal import Cost, Terminal
from tests.bench.workspace import Bench, crowd

Values = dict[str, float]
REMOTE = {"SSH_TTY": "/dev/pts/0"}
"""The default over SSH: 4 frames a second."""
BRAILLE = tuple(bytes([0xE2, byte]) for byte in (0xA0, 0xA1, 0xA2, 0xA3))
COCKPIT = [sys.executable, "-m", "cockpit"]
EMPTY = [sys.executable, "-m", "tests.bench.empty_app"]


def has_chart(seen: bytes) -> bool:
    """Whether a curve was drawn."""
    return any(lead in seen for lead in BRAILLE)


class Bed:
    """Where the scenarios find their workspaces: made once, by number of rows."""

    def __init__(self, folder: Path, *, seconds: float, repeats: int) -> None:
        self.folder, self.seconds, self.repeats = folder, seconds, repeats
        self._made: dict[int, Bench] = {}

    def run(self, rows: int) -> Bench:
        """A workspace whose run is alive and has `rows` rows."""
        if rows not in self._made:
            self._made[rows] = Bench(self.folder / f"rows-{rows}", rows)
        return self._made[rows]

    def median(self, measure: Callable[[], float]) -> float:
        """The median of `repeats` measurements."""
        return statistics.median(measure() for _ in range(self.repeats))

    @contextmanager
    def opened(self, rows: int, env: dict[str, str] | None = None) -> Iterator[Terminal]:
        """The cockpit on a workspace."""
        with Terminal(
            [*COCKPIT, "--dir", str(self.run(rows).root)], env=REMOTE if env is None else env
        ) as terminal:
            yield terminal


# -- start


def empty_app(bed: Bed) -> Values:
    """The yardstick: an empty Textual app."""

    def first() -> float:
        with Terminal(EMPTY) as terminal:
            terminal.until(lambda seen: b"FIRST FRAME" in seen)
            return terminal.cost().cpu

    with Terminal(EMPTY) as terminal:
        terminal.settle()
        rss = terminal.rss_mb()
        keys = [ms for _ in range(20) if (ms := terminal.key("x")) is not None]
    return {"empty_first_frame_cpu_s": bed.median(first), "empty_rss_mb": rss,
            "empty_key_ms_p50": statistics.median(keys)}  # fmt: skip


def first_frame(bed: Bed) -> Values:
    """CPU seconds until the panes stand."""

    def once() -> float:
        with bed.opened(10_000) as terminal:
            terminal.until(lambda seen: b"Experiments" in seen)
            return terminal.cost().cpu

    return {"first_frame_cpu_s": bed.median(once)}


def first_chart(bed: Bed) -> Values:
    """CPU seconds until a curve stands, for the largest file."""

    def once() -> float:
        with bed.opened(1_000_000) as terminal:
            terminal.until(has_chart)
            return terminal.cost().cpu

    return {"first_chart_cpu_s": bed.median(once)}


def _loaded(bed: Bed, rows: int) -> tuple[float, float, float]:
    """CPU seconds and wall seconds until everything is drawn, and resident memory then (MB)."""
    with bed.opened(rows) as terminal:
        terminal.until(has_chart)
        cost = terminal.settle()
        return cost.cpu, cost.time - terminal.began, terminal.rss_mb()


def load_10k(bed: Bed) -> Values:
    """A usual run."""
    return {"rss_10k_mb": _loaded(bed, 10_000)[2]}


def load_100k(bed: Bed) -> Values:
    """A long run."""
    return {"load_100k_cpu_s": bed.median(lambda: _loaded(bed, 100_000)[0])}


def load_1m(bed: Bed) -> Values:
    """A million rows, every one of them read and drawn."""
    found = [_loaded(bed, 1_000_000) for _ in range(bed.repeats)]
    cpu, wall, rss = (statistics.median(column) for column in zip(*found, strict=True))
    return {"load_1m_cpu_s": cpu, "load_1m_wall_s": wall, "rss_1m_mb": rss}


# -- while it runs


def _rates(cost: Cost) -> tuple[float, float]:
    return 100 * cost.cpu / cost.time, cost.sent / cost.time


def idle(bed: Bed) -> Values:
    """A live run that says nothing. The line that tells of the machine itself is counted apart: others may be busy."""
    with bed.opened(10_000) as terminal:
        terminal.settle()
        terminal.rest(12)  # past the first look at the machine
        before = terminal.cost()
        terminal.rest(bed.seconds)
        cost = terminal.cost().since(before)
        written = bytes(terminal.output[before.sent :])
    machine = sum(len(piece) for piece in written.split(b"\x1b[1;1H") if piece.startswith(b"\x1b[44;"))
    cpu, sent = _rates(cost)
    return {"idle_cpu_percent": cpu, "idle_bytes_per_s": sent, "idle_bytes_per_s_without_machine_line":
            max(0.0, (cost.sent - machine - 6 * written.count(b"\x1b[1;1H")) / cost.time)}  # fmt: skip


def _live(bed: Bed, rate: float) -> tuple[float, float]:
    bench = bed.run(10_000)
    with bed.opened(10_000) as terminal:
        terminal.settle()
        stop = threading.Event()
        writer = threading.Thread(target=_write, args=(bench, rate, stop))
        writer.start()
        try:
            terminal.rest(3)
            before = terminal.cost()
            terminal.rest(bed.seconds)
            cost = terminal.cost().since(before)
        finally:
            stop.set()
            writer.join()
    return _rates(cost)


def _write(bench: Bench, rate: float, stop: threading.Event) -> None:
    due = time.perf_counter()
    while not stop.is_set():
        bench.append()
        due += 1 / rate
        stop.wait(max(0.0, due - time.perf_counter()))


def live_1(bed: Bed) -> Values:
    """A row a second."""
    cpu, sent = _live(bed, 1)
    return {"live_1_cpu_percent": cpu, "live_1_bytes_per_s": sent}


def live_50(bed: Bed) -> Values:
    """Fifty rows a second, four frames a second."""
    cpu, sent = _live(bed, 50)
    return {"live_50_cpu_percent": cpu, "live_50_bytes_per_s": sent}


# -- keys and latency


def keys(bed: Bed) -> Values:
    """From a key to the last of its paint, in an open cockpit: a cursor move, and all charts drawn anew."""
    with bed.opened(10_000, env={}) as terminal:
        terminal.settle()
        terminal.rest(3)
        terminal.send("\t\t\t")  # to the log: scrolling it reads nothing
        terminal.rest(0.5)
        light = [ms for n in range(30) if (ms := terminal.key("k" if n % 2 == 0 else "j")) is not None]
        zoom = [ms for _ in range(15) for key in "+-" if (ms := terminal.key(key)) is not None]
    return {"key_light_ms_p50": statistics.median(light), "key_zoom_ms_p50": statistics.median(zoom)}


def key_while_loading(bed: Bed) -> Values:
    """The worst key while a million rows are read. `y` writes "log y" into a title: that is waited for."""
    worst: list[float] = []
    with bed.opened(1_000_000, env={}) as terminal:
        terminal.until(has_chart)
        while len(worst) < 40:
            before = terminal.cost().cpu
            began = time.perf_counter()
            terminal.send("y")
            terminal.until(lambda seen: b"log y" in seen, timeout=5)
            worst.append(1000 * (time.perf_counter() - began))
            terminal.send("y")
            terminal.rest(0.06)
            if terminal.cost().cpu - before < 0.02:
                break  # it has read everything
    return {"key_while_loading_ms_worst": max(worst), "key_while_loading_ms_p50": statistics.median(worst)}


def append_to_paint(bed: Bed) -> Values:
    """From a row's write to the first byte that it changes on the screen, a row a second."""
    bench = bed.run(10_000)
    found: list[float] = []
    with bed.opened(10_000) as terminal:
        terminal.settle()
        terminal.rest(3)
        for _ in range(max(10, int(bed.seconds))):
            began = time.perf_counter()
            bench.append()
            if terminal.pump(3.0):
                found.append(1000 * (terminal.last_output - began))
            terminal.rest(max(0.0, began + 1 - time.perf_counter()))
    found.sort()
    return {"append_to_paint_ms_p50": statistics.median(found),
            "append_to_paint_ms_p99": found[min(len(found) - 1, int(0.99 * len(found)))]}  # fmt: skip


# -- a workspace that has grown


def thousand(bed: Bed) -> Values:
    """A workspace of 1,000 experiments against one of 10: CPU to open it and settle, memory, keys, a filter, rest."""
    found: Values = {}
    for count in (10, 1_000):
        root = crowd(bed.folder / f"experiments-{count}", count)
        command = [*COCKPIT, "--dir", str(root)]
        with Terminal(
            [*COCKPIT, "ls", "--dir", str(root), "technique:grpo", "score>0.2", "sort:-score"]
        ) as listing:
            listing.until(lambda seen: b"exp_" in seen, timeout=60)
            found[f"ls_{count}_cpu_s"] = listing.cost().cpu
        with Terminal(command, env={}) as terminal:
            terminal.until(lambda seen: b"exp_0" in seen, timeout=60)
            found[f"tree_{count}_cpu_s"] = terminal.cost().cpu
            found[f"tree_{count}_wall_s"] = time.perf_counter() - terminal.began
            terminal.settle()
            found[f"rss_{count}_experiments_mb"] = terminal.rss_mb()
            terminal.rest(8)  # the experiments were judged together, once, meanwhile
            moved = [ms for n in range(20) if (ms := terminal.key("j" if n % 4 else "k")) is not None]
            found[f"key_{count}_experiments_ms_p50"] = statistics.median(moved)
            terminal.send("/")
            terminal.rest(0.5)
            typed = [ms for key in "technique:grpo" if (ms := terminal.key(key)) is not None]
            found[f"filter_{count}_experiments_ms_worst"] = max(typed)
            terminal.send("\x1b")
            terminal.rest(3)
            before = terminal.cost()
            terminal.rest(bed.seconds)
            found[f"idle_{count}_experiments_percent"] = _rates(terminal.cost().since(before))[0]
    return found


# -- what the trainer pays


def trainer(bed: Bed) -> Values:
    """Steps of 100 ms with telemetry and a cockpit watching, against the same steps with neither, in turns."""
    import os
    import signal

    bench = bed.run(10_000)
    with bed.opened(10_000) as terminal:
        terminal.settle()
        drain = threading.Event()
        pump = threading.Thread(target=_drain, args=(terminal, drain))
        pump.start()
        try:
            work = _work_of(0.1)
            on: list[float] = []
            off: list[float] = []
            for number in range(max(4, int(bed.seconds / 5))):
                watched = number % 2 == 0
                os.kill(terminal.pid, signal.SIGCONT if watched else signal.SIGSTOP)
                for _ in range(20):
                    began = time.thread_time()
                    _spin(work)
                    if watched:
                        bench.append()
                    (on if watched else off).append(time.thread_time() - began)
            os.kill(terminal.pid, signal.SIGCONT)
        finally:
            drain.set()
            pump.join()
        told = [_timed(bench.append) for _ in range(200)]
    median = statistics.median
    return {
        "trainer_slowdown_percent": 100 * (median(on) / median(off) - 1),
        "telemetry_ms_a_row": 1000 * median(told),
    }


def imports(bed: Bed) -> Values:
    """CPU seconds of a process that imports what a trainer does and ends: the trainers' way and plainly, in turns."""
    ways = {
        "trainer_imports_cpu_s": "from trainers.attempt import imports\nwith imports.quick():\n    {0}",
        "collected_imports_cpu_s": "{0}",
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(bed.repeats + 1):
        for name, code in ways.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            line = code.format("from trl import GRPOTrainer")
            subprocess.run([sys.executable, "-c", line], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        name: statistics.median(times[1:]) for name, times in found.items()
    }  # the first fills the file cache


def _drain(terminal: Terminal, stop: threading.Event) -> None:
    while not stop.is_set():
        terminal.pump(0.2)


def _timed(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _spin(count: int) -> int:
    total = 0
    for number in range(count):
        total += number & 7
    return total


def _work_of(seconds: float) -> int:
    """How much to count for a step of `seconds` of CPU."""
    began = time.thread_time()
    _spin(1_000_000)
    return int(1_000_000 * seconds / (time.thread_time() - began))


ALL: dict[str, Callable[[Bed], Values]] = {
    f.__name__: f
    for f in (
        empty_app, first_frame, first_chart, load_10k, load_100k, load_1m, idle, live_1, live_50, keys,
        key_while_loading, append_to_paint, thousand, trainer, imports,
    )
}  # fmt: skip
