"""How long the examples are: a histogram in bounded memory, its quantiles, and what a maximum would cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# Up to here lengths are kept exactly; longer ones are rounded up to a 32nd of their size (3 % at most).
_EXACT = 1024
MAXIMA = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


@dataclass(slots=True)
class Lengths:
    """Lengths in `unit` (tokens or characters) of the texts measured so far."""

    unit: str = "characters"
    counts: Counter[int] = field(default_factory=Counter[int])
    longest: int = 0
    longest_row: int = 0

    def add(self, length: int, row: int) -> None:
        """Count one text; `row` is its line, kept for the longest."""
        if length > self.longest or not self.counts:
            self.longest, self.longest_row = length, row
        if length > _EXACT:
            step = 1 << (length.bit_length() - 6)
            length = -(-length // step) * step
        self.counts[length] += 1

    @property
    def n(self) -> int:
        """Texts measured."""
        return self.counts.total()

    def quantile(self, share: float) -> int:
        """The length that `share` (0..1) of the texts don't exceed; 0 where nothing was measured."""
        left = share * self.n
        for length in sorted(self.counts):
            left -= self.counts[length]
            if left <= 1e-9:
                return min(length, self.longest)
        return self.longest

    def share_over(self, maximum: int) -> float:
        """The share of texts longer than `maximum`; within 3 % of the length beyond 1024."""
        over = sum(n for length, n in self.counts.items() if length > maximum)
        return over / self.n if self.n else 0.0

    def enough(self, share: float = 0.99) -> int:
        """The smallest usual maximum (a power of two) that leaves `share` of the texts whole."""
        wanted = self.quantile(share)
        return next((m for m in MAXIMA if m >= wanted), 1 << max(0, wanted - 1).bit_length())

    def bins(self, count: int = 12) -> list[tuple[int, int, int]]:
        """Equal-width bins as (from, below, texts): from the shortest text's up to the 99th percentile.

        The last one holds all longer ones.
        """
        if not self.counts:
            return []
        top = max(1, self.quantile(0.99))
        width = _round_up(max(1, -(-(top + 1) // count)))
        totals = [0] * (top // width + 1)
        for length, n in self.counts.items():
            totals[min(length // width, len(totals) - 1)] += n
        ends = [(i + 1) * width for i in range(len(totals))]
        ends[-1] = max(ends[-1], self.longest + 1)
        first = min(min(self.counts) // width, len(totals) - 1)
        return [(i * width, ends[i], n) for i, n in enumerate(totals) if i >= first]

    def summary(self) -> dict[str, int | str]:
        """Unit, count, median, 90th, 95th and 99th percentile, and the longest with its line."""
        quantiles = {f"p{q}": self.quantile(q / 100) for q in (50, 90, 95, 99)}
        return {
            "unit": self.unit,
            "n": self.n,
            **quantiles,
            "max": self.longest,
            "longest_line": self.longest_row,
        }


def _round_up(width: int) -> int:
    """The next 1, 2 or 5 times a power of ten: bins that read well."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= width:
                return factor * power
        power *= 10


def bars(bins: Sequence[tuple[int, int, int]]) -> list[str]:
    """The bins as lines of text with bars of at most 30 cells: `  0-49  ████  12`; several empty ones are one line."""
    if not bins:
        return []
    most = max(n for _, _, n in bins) or 1
    whole: list[tuple[int, int, int]] = []
    for low, below, n in bins:
        if not n and whole and not whole[-1][2]:
            low = whole.pop()[0]
        whole.append((low, below, n))
    labels = [f"{low}-{below - 1}" for low, below, _ in whole]
    room = max(len(label) for label in labels)
    return [
        f"{label:>{room}}  {'█' * (max(1, round(n / most * 30)) if n else 0):<30}  {n}"
        for label, (_, _, n) in zip(labels, whole, strict=True)
    ]
