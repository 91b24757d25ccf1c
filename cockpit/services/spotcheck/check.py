"""The spot check: read both sides, feed them to the verifier, ask how the model sees them, name what differs.

    bench = Bench(subject(SpotCheckRequest(train=…, items=…, verifier=…), workspace))
    bench.read()               # the data alone; a second for 10,000 rows
    bench.render()             # the tokenizer, in a subprocess; seconds, or at once from the cache
    check = bench.check(n=3)   # values to show

Source: the fourth diagnostic's action, "spot-check 3 training examples and 3 eval-prompt examples side by side".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import SAMPLING
from cockpit.core.spotcheck import sides, spot
from cockpit.core.spotcheck.mismatch import find_mismatches, verdict_of
from cockpit.core.spotcheck.rendered import look_of, rendered_of
from cockpit.core.spotcheck.spot import Example, Judged, Said, Shares, SpotCheck
from cockpit.core.spotcheck.types import Item, Mismatch, Sides, Target
from cockpit.data.examples import read_example
from cockpit.data.left_out import LeftOut
from cockpit.services.dataset import render
from cockpit.services.spotcheck import record
from cockpit.services.spotcheck import rows as spot_rows
from cockpit.services.spotcheck.subject import SpotCheckRequest, Subject, subject

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import Workspace

FACTS = 2_000
"""Rows and items that are tokenized for the shares; of more, an even sample."""
POOL = 24
"""Examples a side that are rendered beforehand, so that the next ones come at once."""
SYSTEMS = 40


class Bench:
    """Both sides laid out. `read` and `render` block; `check` doesn't. Positions count from 0, rows from 1."""

    def __init__(self, subject: Subject, *, seed: int = 0) -> None:
        self.subject = subject
        self.seed = seed
        self.sides = Sides((), ())
        self.shares = Shares()
        self.mismatches: tuple[Mismatch, ...] = ()
        self.rendered = False
        self.remarks: list[str] = []
        self.left_out = LeftOut()
        self._looks: dict[tuple[str, int], dict[str, Any]] = {}
        self._data: Mapping[str, Any] | None = None
        self._said: list[tuple[str, dict[str, Mapping[str, Any]]]] = []

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Both files through the verifier. Raises CockpitError naming file and row."""
        about = self.subject
        train = tuple(self._targets()) if about.train else ()
        like = sides.usual([row for row in train if row.text is not None])
        items = tuple(self._items(like)) if about.items else ()
        self.sides = Sides(
            train, items, about.verifier, system_prompt=about.system_prompt,
            enable_thinking=about.enable_thinking, max_new_tokens=about.max_new_tokens,
        )  # fmt: skip
        self._said = [(file.who, spot_rows.completions(file.path)) for file in about.answers]
        self._judge()

    def _targets(self) -> Iterator[Target]:
        """The training rows, an even sample of a long file; every one of them counts for the share that passes."""
        about, kept, stride, rows = self.subject, list[Target](), 1, 0
        self.left_out = LeftOut(about.columns, sampled=about.technique in SAMPLING)
        judged = passed = parsed = 0
        for row, columns in spot_rows.rows(str(about.train), about.technique, about.columns):
            rows += 1
            target = spot_rows.naming(
                str(about.train), sides.target_of, rows, row, columns, about.verifier, about.technique
            )
            self.left_out.columns = columns
            self.left_out.add(rows, row, read_example(row, columns))
            if target.verdict is not None:
                judged += 1
                passed += target.verdict.passed
                parsed += target.verdict.parsed
            if (rows - 1) % stride == 0:
                kept.append(target)
                if len(kept) > sides.MOST_ROWS:
                    kept, stride = kept[::2], 2 * stride
        self.shares = Shares(rows, judged, passed, parsed)
        yield from kept

    def _items(self, like: Target | None) -> Iterator[Item]:
        about = self.subject
        source = spot_rows.rows(str(about.items), "items", about.columns)
        for number, (row, columns) in enumerate(source, 1):
            yield spot_rows.naming(
                str(about.items), sides.item_of, number, row, columns, about.verifier, like
            )

    def _judge(self) -> None:
        self.mismatches = tuple(find_mismatches(self.sides))

    # -- rendering -----------------------------------------------------------------------------------------------

    def render(self, *, more: Sequence[tuple[str, int]] = ()) -> None:
        """Ask how the model sees it; `more` are examples (side, position) to show beside the drawn ones.

        Raises CockpitError for a tokenizer or a row that can't be rendered.
        """
        if self.subject.recipe is None:
            return
        answer = render.render(self.request(), self.subject.cache)
        if not self.rendered:
            try:
                rendered = rendered_of(answer)
            except (KeyError, TypeError, AttributeError) as error:
                raise CockpitError(
                    f"the rendering can't be understood: {error}", "Is it another version's interpreter?"
                ) from error
            self.sides = replace(self.sides, rendered=rendered)
            self.rendered = True
            self._judge()
        self._keep(answer)
        lacking = [(side, index) for side, index in more if (side, index) not in self._looks]
        if lacking:
            rows = [self.sides.train[i].row - 1 for side, i in lacking if side == "train"]
            items = [i for side, i in lacking if side == "eval"]
            self._keep(render.render(replace(self.request(), rows=rows, items=items, fact_rows=(), fact_items=(),
                                               systems=(), serve=None), self.subject.cache))  # fmt: skip

    def is_cached(self) -> bool:
        """Whether `render` would answer at once."""
        return self.subject.recipe is not None and render.is_cached(self.request(), self.subject.cache)

    def request(self) -> render.Request:
        """What the subprocess is asked first: facts over an even sample, and the first examples of this seed."""
        train, items = self.sides.train, self.sides.items
        systems = dict.fromkeys(("", *(side.system or "" for side in (*train, *items))))
        return render.Request(
            recipe=self._recipe(),
            rows=[train[i].row - 1 for i in spot.shuffled(len(train), self.seed)[:POOL]],
            items=spot.shuffled(len(items), self.seed)[:POOL],
            fact_rows=[row.row - 1 for row in _even(train, FACTS)],
            fact_items=[item.row - 1 for item in _even(items, FACTS)],
            systems=list(systems)[:SYSTEMS], serve=self.subject.serve, has_items=bool(items),
        )  # fmt: skip

    def _recipe(self) -> Mapping[str, Any]:
        """The recipe, with files that the trainers can read: what they can't is written out for them."""
        assert self.subject.recipe is not None
        if self._data is None:
            data = dict(self.subject.recipe["data"])
            if self.subject.train is not None:
                data["columns"] = spot_rows.columns(
                    self.subject.train, self.subject.technique, self.subject.columns
                )
            for name, path in (("train", self.subject.train), ("held_out", self.subject.items)):
                if path is not None:
                    data[name] = spot_rows.readable(path, self.subject.cache)
            self._data = data
        return {**self.subject.recipe, "data": self._data}

    def _keep(self, answer: Mapping[str, Any]) -> None:
        by_row = {target.row: index for index, target in enumerate(self.sides.train)}
        for shown in answer.get("train_examples", ()):
            if shown["row"] in by_row:
                self._looks["train", by_row[shown["row"]]] = shown
        for shown in answer.get("eval_examples", ()):
            self._looks["eval", shown["row"] - 1] = shown

    def snapshot(self, n: int) -> SpotCheck | None:
        """The first page as it was kept, while nothing that it depends on has changed."""
        from cockpit.services.spotcheck import snapshot as spot_snapshot

        return spot_snapshot.load(self.subject, n, self.seed)

    def keep_snapshot(self, n: int, check: SpotCheck) -> None:
        """Keep the first page for the next time."""
        from cockpit.services.spotcheck import snapshot as spot_snapshot

        spot_snapshot.keep(self.subject, n, self.seed, check)

    # -- answers -------------------------------------------------------------------------------------------------

    def check(
        self, n: int = 3, *, page: int = 0, words: str = "", pinned: Mapping[str, int] | None = None
    ) -> SpotCheck:
        """The check with `n` examples a side: page `page` of those that hold `words`, the pinned ones first."""
        about = self.subject
        chosen = self.chosen(n, page=page, words=words, pinned=pinned)
        golds = [item.verdict for item in self.sides.items if item.verdict is not None]
        return SpotCheck(
            verdict=verdict_of(self.mismatches), shares=self.shares, items=len(self.sides.items),
            mismatches=self.mismatches, train=tuple(self._train(i) for i in chosen["train"]),
            eval=tuple(self._eval(i) for i in chosen["eval"]), train_file=about.train, eval_file=about.items,
            verifier=about.verifier.spec if about.verifier else None, model=about.model, rendered=self.rendered,
            technique=about.technique, experiment=about.experiment,
            gold_passed=sum(v.passed for v in golds), gold_judged=len(golds), notes=(*about.notes, *self._notes()),
            roles=self.sides.rendered.roles if self.sides.rendered else {},
        )  # fmt: skip

    def chosen(
        self, n: int = 3, *, page: int = 0, words: str = "", pinned: Mapping[str, int] | None = None
    ) -> dict[str, list[int]]:
        """Positions of the examples to show, by side."""
        made: dict[str, list[int]] = {}
        for side, texts in (("train", self._texts_train), ("eval", self._texts_eval)):
            total = len(self.sides.train if side == "train" else self.sides.items)
            pin = (pinned or {}).get(side)
            if not words.strip():
                made[side] = spot.page(total, n, page, self.seed, pin)
                continue
            hits = spot.matching(texts(), words)
            at = hits.index(pin) if pin in hits else None
            made[side] = [hits[i] for i in spot.page(len(hits), n, page, self.seed, at)]
        return made

    def lacks(self, chosen: Mapping[str, Sequence[int]]) -> list[tuple[str, int]]:
        """Which of these examples aren't rendered yet."""
        if self.subject.recipe is None:
            return []
        return [(side, i) for side, many in chosen.items() for i in many if (side, i) not in self._looks]

    def _texts_train(self) -> list[str]:
        return [f"{row.prompt}\n{row.text or row.raw or ''}" for row in self.sides.train]

    def _texts_eval(self) -> list[str]:
        return [f"{item.id}\n{item.prompt}\n{item.gold}" for item in self.sides.items]

    def _train(self, index: int) -> Example:
        row = self.sides.train[index]
        return Example(
            "train", row.row, f"row {row.row}", row.turns, Judged.of(row.text, row.verdict), row.gold,
            look_of(self._looks.get(("train", index)), self.sides.rendered), raw=row.raw is not None,
            thought=row.thought, index=index,
        )  # fmt: skip

    def _eval(self, index: int) -> Example:
        item = self.sides.items[index]
        verifier = self.subject.verifier
        said: list[Said] = []
        for who, answers in self._said:
            found = answers.get(item.id) or answers.get(f"#{item.row}")
            if found is not None:
                text = str(found.get("completion") or "")
                verdict = verifier(text, {verifier.gold_key: item.answer}) if verifier else None
                said.append(Said(who, Judged.of(text, verdict) or Judged(text, "")))
        return Example(
            "eval", item.row, item.id, item.turns, Judged.of(item.written, item.verdict), item.gold,
            look_of(self._looks.get(("eval", index)), self.sides.rendered), tuple(said), index=index,
        )  # fmt: skip

    def remark(self, text: str) -> None:
        """Something to say beside the answer."""
        self.remarks.append(text)

    def _notes(self) -> list[str]:
        notes = list(self.remarks)
        if self.shares.rows > len(self.sides.train):
            notes.append(
                f"{len(self.sides.train):,} of {self.shares.rows:,} training rows were compared, evenly drawn; "
                "the share that passes counts all of them."
            )
        if self.subject.technique in SAMPLING:
            notes.append(
                f"{self.subject.technique} trains on the model's own answers: the rows hold no targets to judge."
            )
        if self.left_out.counts:
            notes.append(self.left_out.sentence())
        if self.sides.rendered:
            notes += self.sides.rendered.said
        labels = sum(1 for row in self.sides.targets if _is_label(row))
        if labels and self.shares.judged:
            notes.append(f"{labels:,} targets state another answer than their row's own gold answer.")
        if self.rendered and self.sides.rendered and len(self.sides.rendered.rows) < len(self.sides.train):
            notes.append(f"{len(self.sides.rendered.rows):,} training rows were tokenized.")
        if self.sides.rendered and (share := spot.by_role(self.sides.rendered.roles)):
            notes.append(share)
        return notes


def _is_label(row: Target) -> bool:
    from cockpit.core.spotcheck.answers import cause

    return cause(row) == "label"


def run(
    request: SpotCheckRequest,
    ws: Workspace | None,
    *,
    n: int = 3,
    seed: int = 0,
    page: int = 0,
    words: str = "",
) -> SpotCheck:
    """The whole check at once, its verdict stored: for the command line and the smoke run. Raises CockpitError."""
    bench = Bench(subject(request, ws), seed=seed)
    bench.read()
    chosen = bench.chosen(n, page=page, words=words)
    try:
        bench.render(more=[(side, i) for side, many in chosen.items() for i in many])
    except CockpitError as error:
        if request.model is not None:
            raise
        bench.remark(f"What the model sees could not be rendered: {error}")
    check = bench.check(n, page=page, words=words)
    if ws is not None and bench.subject.own:
        record.store(ws, check)
    return check


def _even(many: Sequence[Any], most: int) -> Sequence[Any]:
    stride = -(-len(many) // most) or 1
    return many[::stride]


__all__ = ["Bench", "SpotCheckRequest", "Subject", "run", "subject"]
