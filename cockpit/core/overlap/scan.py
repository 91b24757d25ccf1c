"""The scan: training rows stream by in batches, what looks like a held-out item is kept and judged at the end.

What is kept depends on the rows alone, not on their order: two scans that saw half the rows each `absorb` to the scan
that saw them all.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from cockpit.core.overlap.index import SIZES, Grams, Hits, MinHash, distinct, expanded, find_grams, mixed
from cockpit.core.overlap.match import SHORTEST_ANSWER, TEMPLATE_SHARE, Item, Judge, Match, Weights
from cockpit.core.overlap.notation import FEW_WORDS, key
from cockpit.core.overlap.text import Spellings, spelled, without_labels
from cockpit.core.overlap.tokens import Tokens

BATCH = 2_000  # rows
KEPT = 4  # training texts kept for an item and a way of being found
COMMON_ITEMS = 3  # an n-gram of so many items is a phrase: no text is kept for it
KEPT_CHARS = 3_000
LONG_ANSWER = 25  # words; shorter ones are alike by chance
OWN_ANSWER, OWN_SHARE = 12, 0.5  # 8-grams of an answer that nothing else has, in number and as a share
MOST_COPIES = 2  # training rows: what stands in more of them is said there, not leaked
STANDS = 0.8  # of an answer's 8-grams, for it to stand in the training data
REUSED = (
    0.2  # of the answers that do: where more are said again and again, no answer tells where it comes from
)
PARTS = ("prompt", "answer")
WAYS = ("exact", "ngram", "alike")


@dataclass(frozen=True, slots=True)
class Text:
    """A training row: its line (from 1), what the user asks (turn by turn), and everything else that is trained on."""

    line: int
    asked: Sequence[str]
    said: str = ""
    keys: Sequence[str] | None = None
    """What identifies it, where that is more than its turns (lines of a plain text)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A held-out row: its line (from 1), the question turn by turn, the worked answer and the short one."""

    line: int
    turns: Sequence[str]
    answer: str = ""
    gold: str = ""


@dataclass(slots=True)
class Tally:
    """What was counted: items by n-gram size, once for prompts and once for answers; rows and items that are equal."""

    rows: int = 0
    exact_rows: int = 0
    ngrams: dict[int, int] = field(default_factory=dict[int, int])
    ngrams_in_answers: dict[int, int] = field(default_factory=dict[int, int])
    phrases: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """Common phrases: the words, in how many training rows, in how many items."""


Entry = tuple[float, int, str, str, str]
"""Score, minus the line (the greater, the more damning), part, the text, and what the row asks where an answer is met.
"""
Kept = dict[tuple[int, str], list[Entry]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scan saw, so that another one can take it over."""

    rows: int
    unread: int
    exact_rows: int
    met: list[Any]
    kept: Kept


class Scan:
    """Made from the held-out items; `feed` it rows, then ask for `matches` and `tally`."""

    def __init__(self, items: Sequence[Asked]) -> None:
        asked = [without_labels("\n".join(item.turns)) for item in items]
        answers = [(item, words) for item in items if len(words := spelled(item.answer)) >= SHORTEST_ANSWER]
        questions = [spelled(text) for text in asked]
        self.spellings = Spellings([*questions, *(words for _, words in answers)])
        self.items = [
            self._item(item, "\n".join(item.turns), words)
            for item, words in zip(items, questions, strict=True)
        ]
        self.plain = Weights([item.ids for item in self.items])
        self.bare = Weights([item.skeleton for item in self.items])
        ids = [np.array(item.ids, np.int64) for item in self.items]
        self.questions = len(self.items)
        self.items += [self._item(item, item.answer, words, answer=True) for item, words in answers]
        every = [*ids, *(np.array(item.ids, np.int64) for item in self.items[self.questions :])]
        self.grams = {n: (Grams(ids, n), Grams(ids, n)) for n in SIZES}
        self.every = Grams(every, SIZES[0])
        said = self.items[self.questions :]
        self.said = Weights([item.ids for item in said])
        self.templates = Grams([np.array(item.skeleton, np.int64) for item in said], SIZES[0])
        self._question = {item.line: item for item in self.items[: self.questions]}
        skeletons = [np.array(item.skeleton, np.int64) for item in self.items[: self.questions]]
        self.alike = MinHash(skeletons, template=max(2, TEMPLATE_SHARE * len(skeletons)))
        self.keys: dict[str, list[int]] = {}
        self._tokens = Tokens(self.spellings)
        turns_of = [(*item.turns, "\n".join(item.turns)) for item in items]
        laid = self._tokens.lay(
            [turn for turns in turns_of for turn in (*turns, *(t.casefold() for t in turns))]
        )
        self._outlines = np.unique(_outlines(*laid))
        self._few = bool(np.any(laid.sizes <= FEW_WORDS))
        for number in range(len(items)):
            for asks in {key(turn) for turn in turns_of[number]} - {""}:
                self.keys.setdefault(asks, []).append(number)
        self.rows = self.unread = self.exact_rows = 0
        self._kept: Kept = {}
        self._floor = {way: np.full((len(self.items), 2), -np.inf) for way in WAYS}

    def _item(self, asked: Asked, text: str, words: Sequence[str], *, answer: bool = False) -> Item:
        codes = [self.spellings[word] for word in words]
        ids, skeleton = tuple(c & 0xFFFFFFFF for c in codes), tuple(c >> 32 for c in codes)
        return Item(
            asked.line, text, tuple(words), ids, skeleton, "answer" if answer else "question", asked.gold
        )

    # -- scanning ------------------------------------------------------------------------------------------------

    def feed(self, rows: Sequence[Text]) -> None:
        """Take a batch of rows; the order does not matter."""
        self.rows += len(rows)
        self.unread += sum(not row.said and not any(row.asked) for row in rows)
        if not rows:
            return
        asked = [row.asked[0] if len(row.asked) == 1 else "\n".join(row.asked) for row in rows]
        codes, starts, sizes = self._tokens.lay(
            [text for row, ask in zip(rows, asked, strict=True) for text in (ask, row.said)]
        )
        outlined = np.isin(_outlines(codes, starts[::2], sizes[::2]), self._outlines)
        if self._few:  # another notation may have other words
            outlined |= sizes[::2] <= FEW_WORDS
        for row, whole, likely in zip(rows, asked, outlined.tolist(), strict=True):
            if likely or row.keys is not None or len(row.asked) != 1:
                self._exact(row, whole)
        self._ngrams(rows, codes & 0xFFFFFFFF, starts, sizes)
        if len(self.templates.keys):
            hits = find_grams(self.templates, codes >> 32, mixed(codes >> 32))
            self._count(self.templates, np.repeat(np.arange(len(sizes)), sizes + 1)[hits.at], hits.gram, None)
        texts, items, bands = self.alike.candidates(codes >> 32, starts, sizes)
        self._keep_best(rows, "alike", texts, items, bands, np.zeros(len(texts)))

    def _exact(self, row: Text, whole: str) -> None:
        met: dict[int, str] = {}
        for text in (whole, *(row.asked if row.keys is None else row.keys)):
            asks = key(text)
            for item in self.keys.get(asks, ()):
                met.setdefault(item, text if asks == key(self.items[item].text) else self.items[item].text)
        self.exact_rows += bool(met)
        for item, text in met.items():
            self._keep(item, "exact", 1.0, row.line, "prompt", text)

    def _ngrams(self, rows: Sequence[Text], ids: Any, starts: Any, sizes: Any) -> None:
        values = mixed(ids)
        hits = find_grams(self.every, ids, values)
        if not len(hits.at):
            return
        owner = np.repeat(np.arange(len(sizes)), sizes + 1)
        self._count(self.every, owner[hits.at], hits.gram, None)
        for n in SIZES:
            found = find_grams(self.grams[n][0], ids, values, hits.at)
            for part in (0, 1):
                self._count(self.grams[n][part], owner[found.at], found.gram, part)
        self._telling(rows, hits, owner, starts, sizes)

    @staticmethod
    def _count(grams: Grams, texts: Any, found: Any, part: int | None) -> None:
        """Note in how many rows each n-gram was met: in prompts (part 0), in answers (1), or in either."""
        if part is not None:
            mine = texts % 2 == part
            texts, found = texts[mine], found[mine]
        once = distinct(texts // 2 * len(grams.keys) + found)
        grams.met += np.bincount(once % len(grams.keys), minlength=len(grams.keys)) if len(once) else 0

    def _telling(self, rows: Sequence[Text], hits: Hits, owner: Any, starts: Any, sizes: Any) -> None:
        """Keep the texts whose n-grams are no common phrases."""
        grams = self.every
        telling = grams.holders[hits.gram] < COMMON_ITEMS
        at, gram = hits.at[telling], hits.gram[telling]
        holders = grams.holders[gram]
        items = grams.items[expanded(grams.starts[gram], holders)]
        both, first, shared = np.unique(
            np.repeat(owner[at], holders) * len(self.items) + items, return_index=True, return_counts=True
        )
        texts = both // len(self.items)
        where = (np.repeat(at, holders)[first] - starts[texts]) / np.maximum(1, sizes[texts])
        self._keep_best(rows, "ngram", texts, both % len(self.items), shared, where)

    def _keep_best(
        self, rows: Sequence[Text], way: str, texts: Any, items: Any, scores: Any, where: Any
    ) -> None:
        """Offer each item its best texts of the batch, those alone that beat what was kept."""
        if not len(texts):
            return
        lines = np.array([row.line for row in rows], np.int64)[texts // 2]
        floor = self._floor[way][items]
        better = (scores > floor[:, 0]) | ((scores == floor[:, 0]) & (-lines > floor[:, 1]))
        texts, items, scores, where, lines = (part[better] for part in (texts, items, scores, where, lines))
        order: Any = np.lexsort((lines, -scores, items))
        numbers: Any = items[order]
        firsts = cast("Any", np.searchsorted(numbers, numbers, "left"))
        rank: Any = np.arange(len(order)) - firsts
        for k in order[rank < KEPT].tolist():
            row, part = rows[int(texts[k]) // 2], int(texts[k]) % 2
            asked = "\n".join(row.asked)
            self._keep(
                int(items[k]), way, float(scores[k]), row.line, PARTS[part],
                excerpt(row.said if part else asked, float(where[k])),
                excerpt(asked) if items[k] >= self.questions else "",
            )  # fmt: skip

    def _keep(
        self, item: int, way: str, score: float, line: int, part: str, text: str, asked: str = ""
    ) -> None:
        heap = self._kept.setdefault((item, way), [])
        entry = (score, -line, part, text, asked)
        if len(heap) < KEPT:
            heapq.heappush(heap, entry)
        elif entry[:2] > heap[0][:2]:
            heapq.heapreplace(heap, entry)
        if len(heap) == KEPT:
            self._floor[way][item] = heap[0][:2]

    # -- what was found ------------------------------------------------------------------------------------------

    def seen(self) -> Seen:
        """What was seen so far."""
        return Seen(
            self.rows, self.unread, self.exact_rows, [grams.met for grams in self._counted()], self._kept
        )

    def absorb(self, other: Seen) -> None:
        """Take over what a scan of other rows saw, for the same items."""
        self.rows += other.rows
        self.unread += other.unread
        self.exact_rows += other.exact_rows
        for grams, met in zip(self._counted(), other.met, strict=True):
            grams.met += met
        for (item, way), heap in other.kept.items():
            for score, line, part, text, asked in heap:
                self._keep(item, way, score, -line, part, text, asked)

    def _counted(self) -> list[Grams]:
        return [self.every, self.templates, *(grams for pair in self.grams.values() for grams in pair)]

    def tally(self) -> Tally:
        """The counts so far."""
        counts = Tally(self.rows, self.exact_rows)
        for n in SIZES:
            counts.ngrams[n] = len(self.grams[n][0].items_met())
            counts.ngrams_in_answers[n] = len(self.grams[n][1].items_met())
        counts.phrases = self._phrases()
        return counts

    def matches(self) -> list[Match]:
        """Every pair that was kept, judged, most damning first; the best one of each item and training line."""
        judge = Judge(
            self.spellings, self.plain, self.bare, self.said, self._common(), self._unique_answers()
        )
        best: dict[tuple[int, int], Match] = {}
        judged = set[tuple[int, int, str, str, str]]()  # most are met in two ways
        for (number, _), heap in self._kept.items():
            item = self.items[number]
            for score, line, part, text, asked in heap:
                if item.part == "answer" and score < len(item.ids) / 4:
                    continue  # of an answer a phrase alone is nothing to show
                if (number, line, part, text, asked) in judged:
                    continue
                judged.add((number, line, part, text, asked))
                question = self._question[item.line] if item.part == "answer" else None
                found = judge.judge(number, item, text, (-line, part), question=question, asked=asked)
                pair = (item.line, -line)
                if found is not None and (pair not in best or found.damning > best[pair].damning):
                    best[pair] = found
        return sorted(best.values(), key=lambda m: (-m.damning, -m.run, m.held_out_line, m.train_line))

    def _common(self) -> Mapping[int, Mapping[int, int]]:
        """Item -> starts of its 8-grams that are common phrases -> in how many training rows they stand."""
        limit = max(10, int(self.rows * 0.001))
        phrase = (self.every.met > limit) | (self.every.holders >= COMMON_ITEMS)
        made: dict[int, dict[int, int]] = {}
        for number in {number for number, _ in self._kept}:
            hits = self._own_grams(self.items[number])
            made[number] = {
                int(at): int(self.every.met[gram])
                for at, gram in zip(hits.at, hits.gram, strict=True)
                if phrase[gram]
            }
        return made

    def _unique_answers(self) -> frozenset[int]:
        """Which answers are one item's alone and in hardly any training row, beyond phrases and templates.

        None where a good part of the answers found in training is said there again and again: labels, canned replies.
        """
        unique = set[int]()
        once, again = set[tuple[int, ...]](), set[tuple[int, ...]]()
        for number in range(self.questions, len(self.items)):
            item = self.items[number]
            hits = self._own_grams(item)
            if not np.any(self.every.met[hits.gram]):
                continue
            common = np.zeros(max(0, len(item.ids) - SIZES[0] + 1), np.bool_)
            others = np.array([self._others(gram, item.line) for gram in hits.gram.tolist()], np.bool_)
            shared = others | (self.every.met[hits.gram] > MOST_COPIES)
            common[hits.at] = shared
            if np.mean(self.every.met[hits.gram] > 0) >= STANDS:
                (again if np.mean(shared) >= STANDS else once).add(item.ids)
            signs = np.array(item.skeleton, np.int64)
            bones = find_grams(self.templates, signs, mixed(signs))
            common[bones.at] |= (self.templates.holders[bones.gram] > 1) | (
                self.templates.met[bones.gram] > MOST_COPIES
            )
            own = int((~common).sum())
            if len(item.ids) >= LONG_ANSWER and own >= max(OWN_ANSWER, OWN_SHARE * len(common)):
                unique.add(number)
        if len(again) > 1 and len(again) > REUSED * len(once | again):
            return frozenset()
        return frozenset(unique)

    def _others(self, gram: int, line: int) -> bool:
        """Whether an n-gram stands in another held-out row, too."""
        first, after = int(self.every.starts[gram]), int(self.every.starts[gram + 1])
        held: list[int] = self.every.items[first : min(after, first + 4)].tolist()
        return any(self.items[number].line != line for number in held)

    def _own_grams(self, item: Item) -> Hits:
        ids = np.array(item.ids, np.int64)
        return find_grams(self.every, ids, mixed(ids))

    def _phrases(self, most: int = 10) -> list[tuple[str, int, int]]:
        met, holders = self.every.met, self.every.holders
        wanted = {
            int(g)
            for g in np.argsort(-met)[: most * 8]
            if met[g] > 10 or (met[g] and holders[g] >= COMMON_ITEMS)
        }
        found: dict[int, tuple[str, int, int]] = {}
        for item in self.items:
            hits = self._own_grams(item)
            for at, gram in zip(hits.at.tolist(), hits.gram.tolist(), strict=True):
                if gram in wanted and gram not in found:
                    words = " ".join(item.spelling[at : at + SIZES[0]]).lower()
                    found[gram] = (words, int(met[gram]), int(holders[gram]))
        return sorted(found.values(), key=lambda p: -p[1])[:most]


def _outlines(codes: Any, starts: Any, sizes: Any) -> Any:
    """A number that texts which are the same have in common: of their length and of three of their words."""
    ids = codes & 0xFFFFFFFF
    made = mixed(sizes)
    for at in (np.zeros_like(sizes), sizes // 2, np.maximum(0, sizes - 1)):
        made = mixed(made + ids[starts + at].astype(np.uint64))
    return made


def excerpt(text: str, where: float = 0.0) -> str:
    """Return the text, or of a long one what lies around `where` (0..1), cut at blanks."""
    if len(text) <= KEPT_CHARS:
        return text
    start = max(0, min(int(where * len(text)) - KEPT_CHARS // 4, len(text) - KEPT_CHARS))
    start = text.find(" ", start) + 1 if start else 0
    return text[start : start + KEPT_CHARS]
