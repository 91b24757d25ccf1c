"""Look at a data set before anything is trained on it: what it is, how long, how clean, how it states answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.core.dataset.lengths import MAXIMA
from cockpit.core.dataset.profile import Profile
from cockpit.data import answer_formats
from cockpit.data.examples import Example
from cockpit.data.shapes import Reading, recognise
from cockpit.services.dataset.measure import Measure, characters, tokens
from cockpit.services.dataset.pictures import Pictures
from cockpit.services.dataset.sources import Source, open_source
from cockpit.verifiers import SelfCheck, Verifier, selfcheck

SAMPLE = 300  # rows that the shape is recognised from
_BATCH = 128
# Tokenizing costs more than everything else: beyond so many rows, every second one, then every fourth …
_MEASURED = 20_000
_KEPT_EXAMPLES = 200
CHARACTERS_A_TOKEN = 4  # English under the usual tokenizers; other scripts have fewer


@dataclass(slots=True)
class Inspection:
    """What was seen. `examples` are the first few rows as a trainer would read them."""

    source: Source
    reading: Reading
    profile: Profile
    measured: Measure
    max_length: int | None
    complete: bool
    examples: list[Example] = field(default_factory=list[Example])
    check: SelfCheck | None = None
    pictures: Pictures = field(default_factory=Pictures)

    @property
    def truncated(self) -> float | None:
        """The share of examples longer than the maximum asked for (in tokens; estimated from characters)."""
        if self.max_length is None:
            return None
        each = CHARACTERS_A_TOKEN if self.measured.unit == "characters" else 1
        return self.profile.lengths.share_over(self.max_length * each)

    @property
    def enough(self) -> int:
        """A usual maximum length in tokens (estimated from characters) that cuts at most 1 % of the examples."""
        lengths = self.profile.lengths
        if self.measured.unit == "tokens":
            return lengths.enough()
        wanted = -(-lengths.quantile(0.99) // CHARACTERS_A_TOKEN)
        return next((m for m in MAXIMA if m >= wanted), wanted)


def inspect(
    name: str,
    *,
    tokenizer: str | None = None,
    max_length: int | None = None,
    split: str | None = None,
    limit: int | None = None,
    verifier: Verifier | None = None,
) -> Inspection:
    """Read `name` once, in bounded memory. Raises CockpitError for what can't be read, or holds no rows."""
    measure = tokens(tokenizer) if tokenizer else characters()
    source = open_source(name, split=split, limit=limit)
    rows = source.rows
    first = [row for _, row in zip(range(SAMPLE), rows, strict=False)]
    if not first:
        raise CockpitError("this data set is empty", "Give one with at least one row.", file=name)
    reading = recognise(row for _, row in first)
    profile = Profile(reading)
    for lengths in (profile.prompt_lengths, profile.target_lengths, profile.lengths):
        lengths.unit = measure.unit
    seen = Inspection(source, reading, profile, measure, max_length, True)
    gauge = _Gauge(profile, measure)

    def every() -> Iterator[tuple[int, dict[str, Any]]]:
        yield from first
        yield from rows

    for line, row in every():
        example = profile.add(line, row)
        if example is None:
            continue
        gauge.add(line, example)
        if example.images:
            seen.pictures.add(line, example.images)
        if len(seen.examples) < _KEPT_EXAMPLES:
            seen.examples.append(example)
    gauge.flush()
    seen.complete = limit is None or profile.rows < limit
    if verifier is not None:
        seen.check = check_gold(seen.examples, verifier)
    return seen


class _Gauge:
    """Measures examples in batches; from a large data set an evenly thinned sample."""

    def __init__(self, profile: Profile, measure: Measure) -> None:
        self.profile, self.measure = profile, measure
        self.seen, self.stride = 0, 1
        self.waiting: list[tuple[int, str, str]] = []

    def add(self, line: int, example: Example) -> None:
        """Take one example, if it is one to measure."""
        self.seen += 1
        if self.profile.lengths.n >= _MEASURED * self.stride.bit_length():
            self.stride *= 2
        if self.seen % self.stride:
            return
        # Of a pair the longer side decides what is cut.
        said = max(f"{example.thought}{example.target or ''}", example.rejected or "", key=len)
        listed = json.dumps(example.tools, ensure_ascii=False, default=str) if example.tools else ""
        self.waiting.append((line, f"{listed}{example.prompt_text}", said))
        if len(self.waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Measure what is waiting."""
        texts = [text for _, prompt, target in self.waiting for text in (prompt, target)]
        lengths = self.measure.lengths(texts) if texts else []
        for index, (line, _, _) in enumerate(self.waiting):
            self.profile.measured(line, lengths[2 * index], lengths[2 * index + 1])
        self.waiting.clear()


def check_gold(examples: list[Example], verifier: Verifier) -> SelfCheck | None:
    """The gold answers (else the targets) of these examples through the verifier; None where there are none."""
    gold = [
        {verifier.gold_key: said} for e in examples if (said := e.gold if e.gold is not None else e.target)
    ]
    return selfcheck(verifier, gold) if gold else None


def as_dict(seen: Inspection) -> dict[str, Any]:
    """The inspection as data, for `--json`."""
    p, reading = seen.profile, seen.reading
    form = p.answer_form
    return {
        "file": seen.source.name,
        "format": seen.source.kind,
        "rows": p.rows,
        "complete": seen.complete,
        "shape": reading.shape,
        "columns": dict(reading.columns),
        "unused_columns": list(reading.unused),
        "left_out": p.left_out.as_list(),
        "implicit_prompt": reading.implicit_prompt,
        "why": reading.why,
        "notes": [*seen.source.notes, *reading.notes],
        "images": seen.pictures.as_dict(),
        "lengths": {
            **p.lengths.summary(),
            "measured_with": seen.measured.description,
            "histogram": [{"from": a, "below": b, "n": n} for a, b, n in p.lengths.bins()],
            "prompt": p.prompt_lengths.summary(),
            "target": p.target_lengths.summary(),
        },
        "max_length": seen.max_length,
        "truncated_share": seen.truncated,
        "truncated_is_estimate": seen.measured.unit != "tokens",
        "enough_length": seen.enough if p.lengths.n else None,
        "duplicates": {
            "rows": p.duplicates.repeats,
            "share": p.duplicates.share,
            "exact": p.duplicates.is_exact,
        },
        "repeated_prompts": {"rows": p.prompts.repeats, "share": p.prompts.share},
        "empty_turns": p.empty.as_list(),
        "odd_roles": p.odd.as_list(),
        "misfits": p.misfits.as_list(),
        "answer_formats": [
            {"form": name, "n": n, "share": n / p.forms.total, "verifier": answer_formats.verifier_for(name)}
            for name, n in p.forms.counts.most_common()
        ],
        "answer_format": form,
        "verifier": answer_formats.verifier_for(form),
        "gold_answers": p.gold,
        "thinking_share": p.thinking / p.targets if p.targets else 0.0,
        "reasoning_rows": p.reasoning,
        "tool_rows": p.tools,
        "labels": {"good": p.labels[True], "bad": p.labels[False]} if p.labels else None,
        "pass_share": p.pass_share,
        "identical_pairs": p.identical_pairs.total,
    }
