"""A look at a data set, in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.core.dataset.profile import Tally
    from cockpit.services.dataset.inspect import Inspection


def as_text(seen: Inspection) -> str:
    """What was seen, for a person."""
    reading, profile = seen.reading, seen.profile
    more = "" if seen.complete else " (the first ones; there are more)"
    lines = [
        f"{seen.source.name}: {profile.rows:,} rows{more}, {seen.source.kind}",
        f"Shape: {reading.shown}. {reading.why}",
        *(f"  {role:<10} <- {column}" for role, column in reading.columns.items()),
    ]
    if left := profile.left_out.listed():
        lines.append(f"  left out   {', '.join(left)}")
    lines += [f"  {note}" for note in (*reading.notes, *seen.source.notes)]
    lines += [f"  {said}" for said in seen.pictures.sentences()]
    lines += _signals(seen) + _answers(seen) + _lengths(seen) + _oddities(seen)
    return "\n".join(lines)


def _signals(seen: Inspection) -> list[str]:
    p = seen.profile
    lines: list[str] = []
    if p.labels:
        lines.append(f"Labels: {p.labels[True]:,} good, {p.labels[False]:,} bad.")
    if p.rewards:
        share = "" if p.pass_share is None else f"; {p.pass_share:.0%} passed"
        lines.append(f"Rewards: {min(p.rewards):g} to {max(p.rewards):g}{share}.")
    return lines


def _answers(seen: Inspection) -> list[str]:
    from cockpit.data import answer_formats

    forms = seen.profile.forms
    if not forms.total:
        return []
    lines = ["Answers are stated as:"]
    for name, n in forms.counts.most_common(6):
        form, _, tag = name.partition(":")
        shown = next((text for key, text in answer_formats.SHOWN.items() if key == form), form)
        verifier = answer_formats.verifier_for(name)
        by = f"  (verifier {verifier})" if verifier else ""
        lines.append(f"  {n / forms.total:>6.1%}  {f'<{tag}>' if tag else shown}{by}")
    if seen.profile.thinking:
        lines.append(f"  {seen.profile.thinking:,} texts think aloud in tags (<think> …).")
    if seen.profile.reasoning:
        lines.append(
            f"  {seen.profile.reasoning:,} have their thinking in a field of its own, counted below."
        )
    if seen.profile.tools:
        lines.append(f"  {seen.profile.tools:,} list tools, counted below as a part of the prompt.")
    return lines


def _lengths(seen: Inspection) -> list[str]:
    from cockpit.core.dataset.lengths import bars

    p = seen.profile
    if not p.lengths.n:
        return []
    sample = f" ({p.lengths.n:,} of {p.rows:,} rows measured)" if p.lengths.n < p.rows else ""
    lines = [
        f"Lengths. {seen.measured.description}{sample}",
        *(f"  {line}" for line in bars(p.lengths.bins())),
    ]
    for name, lengths in (("prompt", p.prompt_lengths), ("answer", p.target_lengths), ("both", p.lengths)):
        lines.append(
            f"  {name:<7} median {lengths.quantile(0.5):,}, 95 % {lengths.quantile(0.95):,}, "
            f"99 % {lengths.quantile(0.99):,}, longest {lengths.longest:,} (row {lengths.longest_row:,})"
        )
    about = "" if seen.measured.unit == "tokens" else "about "
    lines.append(f"  A maximum of {about}{seen.enough:,} tokens leaves 99 % whole.")
    if seen.truncated is not None:
        lines.append(
            f"  A maximum of {seen.max_length:,} tokens would cut {about}{seen.truncated:.1%} of the examples."
        )
    return lines


def _oddities(seen: Inspection) -> list[str]:
    p = seen.profile
    lines: list[str] = []
    for what, repeats in (("rows are repeats", p.duplicates), ("rows repeat another's prompt", p.prompts)):
        if repeats.repeats:
            about = "" if repeats.is_exact else "about "
            first = f"; first row {repeats.first[0]:,}, as {repeats.first[1]:,}" if repeats.first else ""
            lines.append(f"  {about}{repeats.share:.1%} of the {what}{first}")
    lines += (
        _tally("empty turn or answer", p.empty)
        + _tally("preference pair", p.identical_pairs)
        + _tally("turns", p.odd)
        + _tally("does not fit", p.misfits)
    )
    return ["Look at:", *lines] if lines else ["Nothing odd: no repeats, no empty turns, roles in order."]


def _tally(what: str, tally: Tally) -> list[str]:
    return [
        f"  {what}: {name}, {n:,} (first row {tally.first[name]:,})"
        for name, n in tally.counts.most_common(6)
    ]
