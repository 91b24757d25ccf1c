"""The one-line bars: the title on top, the machine at the bottom."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from cockpit.core.safe_text import clean
from cockpit.ui.text import status_style
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, Span, join, line
from cockpit.ui.text.styles import BOLD, DIM, HEAD, LIVE, WARN

if TYPE_CHECKING:
    from cockpit.ui.backend.summary import GpuLine, Hardware, WorkspaceSnapshot


UNKNOWN = "-"


def title_line(snapshot: WorkspaceSnapshot | None, width: int, glyphs: Glyphs) -> Line:
    """`cockpit  demo  model × held-out × verifier … 1 running of 3`."""
    if snapshot is None:
        return line(("cockpit", HEAD), ("  reading the workspace …", DIM))
    if snapshot.root is None:
        return line(("cockpit", HEAD), ("  no workspace", WARN))
    running = sum(status_style.is_live(view) for view in snapshot.experiments)
    total = len(snapshot.experiments)
    counts: list[Span | str] = [
        (
            f"{glyphs.running} {running} running" if running else status_style.NOTHING_RUNS,
            LIVE if running else DIM,
        ),
        (f" of {total}" if running else f", {total} experiments" if total > 1 else "", DIM),
    ]
    parts = (_tail(snapshot.model), _tail(snapshot.held_out), snapshot.verifier)
    if snapshot.model == UNKNOWN:  # a run that others made, watched: what it trains on is not told
        parts = ()
    target = f" {glyphs.times} ".join(clean(part, newlines="show") for part in parts if part)
    left = line(("cockpit", HEAD), "  ", (clean(snapshot.name, newlines="show"), BOLD))
    right = line(*counts)
    room = width - left.width - right.width - 4
    shown = (
        target if len(target) <= room else target[: max(0, room - 1)] + glyphs.ellipsis if room > 8 else ""
    )
    gap = " " * max(2, width - left.width - right.width - 2 - len(shown))
    return line(*left.spans, "  ", (shown, DIM), gap, *right.spans)


def _tail(path: str) -> str:
    """A folder or file by its last name; a hub id as it is."""
    return PurePath(path).name if path.startswith(("/", "~", ".")) else path


def hardware_line(hardware: Hardware | None, glyphs: Glyphs) -> Line:
    """CPU, memory, each GPU, the disk; what can't be read is left out."""
    if hardware is None:
        return line(("hardware: not read yet", DIM))
    groups: list[list[Span | str]] = []
    if hardware.cpu is not None:
        groups.append([("cpu ", DIM), (f"{hardware.cpu} %", BOLD)])
    if hardware.memory_used is not None and hardware.memory_total:
        tight = hardware.memory_used / hardware.memory_total > 0.9
        text = f"{hardware.memory_used:.1f}/{hardware.memory_total:.0f} GB"
        groups.append(
            [("mem ", DIM), (text, WARN if tight else BOLD), (" nearly full" if tight else "", WARN)]
        )
    if hardware.trainer is not None:
        groups.append([("trainer ", DIM), f"{hardware.trainer:.1f} GB"])
    groups += [_gpu(index, gpu) for index, gpu in enumerate(hardware.gpus)]
    if not hardware.gpus:
        groups.append([("no gpu", DIM)])
    if hardware.disk_free is not None and hardware.disk_free < 10:
        groups.append([(f"{glyphs.warn} disk: {hardware.disk_free:.1f} GB left", WARN)])
    return line(*join(groups))


def _gpu(index: int, gpu: GpuLine) -> list[Span | str]:
    spans: list[Span | str] = [(f"gpu{index} ", DIM)]
    if gpu.busy is not None:
        spans.append((f"{gpu.busy} %", BOLD))
    if gpu.memory_used is not None and gpu.memory_total:
        spans.append(f" {gpu.memory_used:.0f}/{gpu.memory_total:.0f} GB")
    if gpu.celsius is not None:
        spans.append((f" {gpu.celsius} C", DIM))
    return spans
