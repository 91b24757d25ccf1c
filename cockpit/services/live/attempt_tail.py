"""One attempt's live files, read a bounded piece at a time: no thread, no waiting, no memory of what was said.

tail = AttemptTail(attempt_dir)
while batch := tail.read():
    ...        # rows, events, log lines; `tail.more` says whether another piece is waiting
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import CHUNK, decode_line
from cockpit.services.live.preview import LARGE, preview
from cockpit.services.live.tails import BlockTail, LogTail

if TYPE_CHECKING:
    from cockpit.services.live.metric_rows import RowParser, Rows


@dataclass(slots=True)
class Batch:
    """What one look brought. The flags come first: a restarted file's earlier content is void.

    `malformed`: lines that could not be understood. `gone`: whether the attempt's folder is missing, where that
    changed. `whole`: everything in metrics.jsonl as of this look has been read. `partial`: the log's unfinished line.
    """

    metrics_restarted: bool = False
    events_restarted: bool = False
    log_restarted: bool = False
    preview: Rows | None = None
    rows: Rows | None = None
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    log: list[str] = field(default_factory=list[str])
    partial: str | None = None
    malformed: int = 0
    gone: bool | None = None
    whole: bool = False
    size: int = 0
    """About how many bytes it holds in memory."""

    def __bool__(self) -> bool:
        restarted = self.metrics_restarted or self.events_restarted or self.log_restarted
        said = self.rows or self.preview or self.events or self.log or self.malformed
        return bool(said or restarted or self.whole) or self.partial is not None or self.gone is not None


class AttemptTail:
    """Reads metrics, events and log of one attempt from where it last stopped. Never raises OSError."""

    def __init__(self, root: Path, *, chunk: int = CHUNK) -> None:
        self.layout = AttemptLayout(root)
        self._metrics = BlockTail(self.layout.metrics, chunk=chunk)
        self._events = BlockTail(self.layout.events, chunk=chunk)
        self._log = LogTail(self.layout.log, chunk=chunk)
        self._parser: RowParser | None = None
        self._previewed = False
        self._gone = False
        self._behind = False
        self._skipped = 0
        self._partial = ""

    @property
    def more(self) -> bool:
        """Whether any of the files had more than the last look took."""
        return self._metrics.more or self._events.more or self._log.more

    def read(self) -> Batch:
        """The next piece of each file; a false value when there is nothing new."""
        batch = Batch()
        self._look_for_folder(batch)
        if not self._gone:
            self._read_events(batch)
            self._read_metrics(batch)
            self._read_log(batch)
        skipped = self._metrics.skipped + self._events.skipped
        batch.malformed += skipped - self._skipped
        self._skipped = skipped
        return batch

    def _look_for_folder(self, batch: Batch) -> None:
        gone = not self.layout.root.is_dir()
        if gone != self._gone:
            self._gone = batch.gone = gone

    def _read_events(self, batch: Batch) -> None:
        block = self._events.read()
        batch.events_restarted = self._events.restarted
        for line in block.split(b"\n"):
            if line.strip():
                event = decode_line(line)
                if event is None:
                    batch.malformed += 1
                else:
                    batch.events.append(event)
        batch.size += 4 * len(block)

    def _read_metrics(self, batch: Batch) -> None:
        if self._metrics.offset == 0 and not self._previewed:
            self._previewed = True
            batch.preview = self._preview()
            if batch.preview is not None:  # shown before the first rows are read
                self._metrics.size = LARGE
                batch.size += 8 * len(batch.preview.steps) * (2 + len(batch.preview.columns))
                return
        block = self._metrics.read()
        batch.metrics_restarted = self._metrics.restarted
        if self._metrics.restarted:
            self._parser, self._previewed = None, False
        if block:
            rows = self._parse_with().parse(block)
            batch.rows = rows if len(rows.steps) else None
            batch.malformed += rows.malformed
            batch.size += 8 * len(rows.steps) * (2 + len(rows.columns))
        if self._metrics.more or block:
            self._behind = True
        if self._behind and not self._metrics.more:
            self._behind = False
            batch.whole = True

    def _preview(self) -> Rows | None:
        try:
            large = self.layout.metrics.stat().st_size >= LARGE
        except OSError:
            return None
        return preview(self.layout.metrics, self._parse_with()) if large else None

    def _parse_with(self) -> RowParser:
        """The parser; numpy and msgspec are imported with the first line, not before."""
        if self._parser is None:
            from cockpit.services.live.metric_rows import RowParser

            self._parser = RowParser()
        return self._parser

    def _read_log(self, batch: Batch) -> None:
        batch.log = self._log.read()
        batch.log_restarted = self._log.restarted
        if self._log.partial != self._partial:
            self._partial = batch.partial = self._log.partial
        batch.size += sum(map(len, batch.log))
