"""The scan: training rows stream by in batches, what looks like a held-out item is kept and judged at the end."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cockpit.core.overlap.index import SIZES, Grams, Hits, MinHash, find_grams, mixed
from cockpit.core.overlap.match import TEMPLATE_SHARE, Item, Match, Weights, judge
from cockpit.core.overlap.text import Spellings, spelled
from cockpit.data.rows import normalise_text

BATCH = 2_000  # rows
KEPT = 4  # training texts kept for an item and a way of being found
VERIFIED = 200  # candidates of the LSH that are looked at for an item; more are only counted
COMMON_ROWS = 50  # an n-gram in more training rows than this is a phrase: no more of them are looked at
COMMON_ITEMS = 3  # … or in as many items
KEPT_CHARS = 3_000
PARTS = ("prompt", "answer")


@dataclass(frozen=True, slots=True)
class Text:
    """A training row: its line (from 1), what the user asks (turn by turn), and everything else that is trained on."""

    line: int
    asked: Sequence[str]
    said: str = ""
    keys: Sequence[str] | None = None
    """What identifies it, where that is more than its turns (lines of a plain text)."""


@dataclass(slots=True)
class Tally:
    """What was counted: items by n-gram size, once for prompts and once for answers; rows and items that are equal."""

    rows: int = 0
    exact_rows: int = 0
    ngrams: dict[int, int] = field(default_factory=dict[int, int])
    ngrams_in_answers: dict[int, int] = field(default_factory=dict[int, int])
    phrases: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """Common phrases: the words, in how many training rows, in how many items."""


class Scan:
    """Made from the held-out items; `feed` it rows, then ask for `matches` and `tally`."""

    def __init__(self, items: Sequence[tuple[int, Sequence[str]]]) -> None:
        texts = ["\n".join(turns) for _, turns in items]
        spellings = [spelled(text) for text in texts]
        self.spellings = Spellings(spellings)
        self.items = [
            self._item(line, text, words)
            for (line, _), text, words in zip(items, texts, spellings, strict=True)
        ]
        self.plain = Weights([item.ids for item in self.items])
        self.bare = Weights([item.skeleton for item in self.items])
        ids = [np.array(item.ids, np.int64) for item in self.items]
        self.grams = {n: (Grams(ids, n), Grams(ids, n)) for n in SIZES}
        skeletons = [np.array(item.skeleton, np.int64) for item in self.items]
        self.alike = MinHash(skeletons, template=max(2, TEMPLATE_SHARE * len(skeletons)))
        self.keys: dict[str, list[int]] = {}
        for number, (_, turns) in enumerate(items):
            for key in {normalise_text(turn) for turn in (*turns, texts[number])} - {""}:
                self.keys.setdefault(key, []).append(number)
        self.counts = Tally()
        self._looked: dict[int, int] = {}
        self._kept: dict[tuple[int, str], list[tuple[float, int, str, str]]] = {}

    def _item(self, line: int, text: str, words: Sequence[str]) -> Item:
        codes = [self.spellings[word] for word in words]
        return Item(
            line, text, tuple(words), tuple(c & 0xFFFFFFFF for c in codes), tuple(c >> 32 for c in codes)
        )

    # -- scanning ------------------------------------------------------------------------------------------------

    def feed(self, rows: Sequence[Text]) -> None:
        """Take a batch of rows; the order does not matter."""
        self.counts.rows += len(rows)
        look = self.spellings.__getitem__
        flat: list[int] = []
        lengths: list[int] = []
        for row in rows:
            self._exact(row)
            asked = row.asked[0] if len(row.asked) == 1 else "\n".join(row.asked)
            for text in (asked, row.said):
                before = len(flat)
                flat.extend(map(look, spelled(text)))
                lengths.append(len(flat) - before)
                flat.append(0)
        codes = np.array(flat, np.int64)
        sizes = np.array(lengths, np.int64)
        starts = np.concatenate(([0], np.cumsum(sizes + 1)[:-1])).astype(np.int64)
        self._ngrams(rows, codes & 0xFFFFFFFF, starts, sizes)
        for text, item in self.alike.candidates(codes >> 32, starts, sizes):
            self._alike(rows, text, item)

    def _exact(self, row: Text) -> None:
        keys = row.keys if row.keys is not None else row.asked
        met: set[int] = set()
        for key in keys:
            met.update(self.keys.get(normalise_text(key), ()))
        if len(row.asked) > 1:
            met.update(self.keys.get(normalise_text("\n".join(row.asked)), ()))
        self.counts.exact_rows += bool(met)
        for item in met:
            self._keep(item, "exact", 1.0, row.line, "prompt", self.items[item].text)

    def _ngrams(self, rows: Sequence[Text], ids: Any, starts: Any, sizes: Any) -> None:
        values = mixed(ids)
        smallest = SIZES[0]
        hits = find_grams(self.grams[smallest][0], ids, values)
        if not len(hits.at):
            return
        for n in SIZES:
            found = hits if n == smallest else find_grams(self.grams[n][0], ids, values, hits.at)
            text = np.searchsorted(starts, found.at, "right") - 1
            for part in (0, 1):
                mine = text % 2 == part
                pairs = np.unique(np.stack([text[mine], found.gram[mine]]), axis=1)
                met = self.grams[n][part].met
                met += np.bincount(pairs[1], minlength=len(met))
        self._telling(rows, hits, starts, sizes)

    def _telling(self, rows: Sequence[Text], hits: Hits, starts: Any, sizes: Any) -> None:
        """Keep the texts whose n-grams are no common phrases."""
        asked, said = self.grams[SIZES[0]]
        text = np.searchsorted(starts, hits.at, "right") - 1
        telling = (asked.met + said.met)[hits.gram] <= COMMON_ROWS
        telling &= asked.holders()[hits.gram] < COMMON_ITEMS
        seen: dict[tuple[int, int], list[int]] = {}
        places = zip(
            text[telling].tolist(), hits.at[telling].tolist(), hits.gram[telling].tolist(), strict=True
        )
        for number, at, gram in places:
            for item in asked.items[asked.starts[gram] : asked.starts[gram + 1]].tolist():
                seen.setdefault((number, item), []).append(at)
        for (number, item), at in seen.items():
            row, part = rows[number // 2], number % 2
            where = (at[0] - int(starts[number])) / int(sizes[number])
            self._keep(item, "ngram", len(at), row.line, PARTS[part], excerpt(_text(row, part), where))

    def _alike(self, rows: Sequence[Text], number: int, item: int) -> None:
        self._looked[item] = self._looked.get(item, 0) + 1
        if self._looked[item] > VERIFIED:
            return
        row, part = rows[number // 2], number % 2
        text = _text(row, part)
        skeleton = [self.spellings[word] >> 32 for word in spelled(text)]
        score = self.bare.alike(self.items[item].skeleton, skeleton)
        if score > 0.5:
            self._keep(item, "alike", score, row.line, PARTS[part], text)

    def _keep(self, item: int, way: str, score: float, line: int, part: str, text: str) -> None:
        heap = self._kept.setdefault((item, way), [])
        entry = (score, -line, part, excerpt(text))
        if len(heap) < KEPT:
            heapq.heappush(heap, entry)
        elif entry[:2] > heap[0][:2]:
            heapq.heapreplace(heap, entry)

    # -- what was found ------------------------------------------------------------------------------------------

    def tally(self) -> Tally:
        """The counts so far."""
        for n in SIZES:
            self.counts.ngrams[n] = len(self.grams[n][0].items_met())
            self.counts.ngrams_in_answers[n] = len(self.grams[n][1].items_met())
        self.counts.phrases = self._phrases()
        return self.counts

    def matches(self) -> list[Match]:
        """Every pair that was kept, judged, most damning first; the best one of each item and training line."""
        common = self._common()
        best: dict[tuple[int, int], Match] = {}
        for (number, _), heap in self._kept.items():
            for _, line, part, text in heap:
                found = judge(self.items[number], text, (-line, part), self.spellings, self.plain, self.bare,
                              common.get(number, {}))  # fmt: skip
                key = (number, -line)
                if found is not None and (key not in best or found.damning > best[key].damning):
                    best[key] = found
        return sorted(best.values(), key=lambda m: (-m.damning, -m.run, m.held_out_line, m.train_line))

    def _common(self) -> Mapping[int, Mapping[int, int]]:
        """Item -> starts of its 8-grams that are common phrases -> in how many training rows they stand."""
        asked, said = self.grams[SIZES[0]]
        met = asked.met + said.met
        limit = max(10, int(self.counts.rows * 0.001))
        phrase = (met > limit) | (asked.holders() >= COMMON_ITEMS)
        made: dict[int, dict[int, int]] = {}
        for number, item in enumerate(self.items):
            ids = np.array(item.ids, np.int64)
            hits = find_grams(asked, ids, mixed(ids))
            made[number] = {
                int(at): int(met[gram]) for at, gram in zip(hits.at, hits.gram, strict=True) if phrase[gram]
            }
        return made

    def _phrases(self, most: int = 10) -> list[tuple[str, int, int]]:
        asked, said = self.grams[SIZES[0]]
        met, holders = asked.met + said.met, asked.holders()
        wanted = {
            int(g)
            for g in np.argsort(-met)[: most * 8]
            if met[g] > 10 or (met[g] and holders[g] >= COMMON_ITEMS)
        }
        found: dict[int, tuple[str, int, int]] = {}
        for item in self.items:
            ids = np.array(item.ids, np.int64)
            hits = find_grams(asked, ids, mixed(ids))
            for at, gram in zip(hits.at.tolist(), hits.gram.tolist(), strict=True):
                if gram in wanted and gram not in found:
                    words = " ".join(item.spelling[at : at + SIZES[0]]).lower()
                    found[gram] = (words, int(met[gram]), int(holders[gram]))
        return sorted(found.values(), key=lambda p: -p[1])[:most]


def _text(row: Text, part: int) -> str:
    return row.said if part else "\n".join(row.asked)


def excerpt(text: str, where: float = 0.0) -> str:
    """Return the text, or of a long one what lies around `where` (0..1), cut at blanks."""
    if len(text) <= KEPT_CHARS:
        return text
    start = max(0, min(int(where * len(text)) - KEPT_CHARS // 4, len(text) - KEPT_CHARS))
    start = text.find(" ", start) + 1 if start else 0
    return text[start : start + KEPT_CHARS]
