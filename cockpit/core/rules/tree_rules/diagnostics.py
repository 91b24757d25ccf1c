"""The four diagnostics across the experiments of a target, as the source text states them, with its pivots; and wear.

Pure functions from a `History` to findings. "Same" and "<= 0" mean statistically, by item count. Experiments are only
held against each other where verifier and held-out set were the same. Which decisions count as "committed" is the
caller's: evo commits ties, people in a cockpit discard them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.table import count, found, limit, ranked
from cockpit.core.rules.tree_rules.history import History, Move
from cockpit.core.scores import Delta, Score, compare
from cockpit.core.technique import families

SEVERAL = count("no-gain", "moves")
ALIKE = count("same-score-across-techniques", "experiments")
SFT_RUNS = count("stuck-at-zero", "runs")
SPREAD = limit("same-score-across-techniques", "spread")
SOLVED = limit("no-gain", "solved")
P_RANDOM = limit("below-random", "p")
WORN = limit("held-out-worn", "errors")
WORN_GAIN = limit("held-out-worn", "gain")
COMMITTED = frozenset({"committed"})
DECIDED = frozenset({"committed", "evaluated", "discarded"})


@dataclass(frozen=True, slots=True)
class Target:
    """Experiments that were scored alike, in order; `counts` are the statuses that stand for "committed"."""

    moves: tuple[Move, ...]
    counts: frozenset[str] = COMMITTED

    @property
    def trained(self) -> list[tuple[Move, Score]]:
        """Train moves that have a score, whatever was decided on them."""
        return [(m, m.score) for m in self.moves if m.trained and m.score is not None]

    @property
    def committed(self) -> list[tuple[Move, Score]]:
        """Train moves that have a score and count as committed."""
        return [(m, s) for m, s in self.trained if m.status in self.counts]

    def delta(self, move: Move) -> Delta | None:
        """The move against its parent; None where one of the two has no score."""
        parent = next((m for m in self.moves if m.id == move.parent), None)
        if move.score is None or parent is None or parent.score is None:
            return None
        return compare(move.score, parent.score)


def targets(history: History, counts: frozenset[str] = COMMITTED) -> list[Target]:
    """Split a history by verifier and held-out set; a record that names neither belongs to the one before it."""
    groups: dict[tuple[str, str], list[Move]] = {}
    last = ("", "")
    for move in history.moves:
        known = (move.score.verifier_hash, move.score.held_out_hash) if move.score else ("", "")
        last = (known[0] or last[0], known[1] or last[1])
        groups.setdefault(last, []).append(move)
    unnamed = groups.pop(("", ""), []) if len(groups) > 1 else []
    if unnamed:  # those before the first that names them
        first = next(iter(groups))
        groups[first] = [*unnamed, *groups[first]]
    return [Target(tuple(moves), counts) for moves in groups.values()]


def diagnose(history: History, counts: frozenset[str] = COMMITTED) -> list[Finding]:
    """Return what they say of the history, gravest first."""
    return ranked(f for target in targets(history, counts) for rule in RULES for f in rule(target))


def told(move: Move, score: Score) -> str:
    """One experiment as a line of evidence."""
    parsed = f", {score.parsed} parsed" if score.parsed is not None else ""
    return f"{move.id} ({move.technique}): {score.text(3)} on {score.over()}{parsed}"


def stuck_at_zero(target: Target) -> list[Finding]:
    """Still at 0 on a verifiable benchmark after two SFT runs or more."""
    runs = [(m, s) for m, s in target.trained if m.family == "sft"]
    flags = [m.verifiable for m in target.moves if m.verifiable is not None]
    verifiable = any(flags) if flags else any(s.verifier_hash or s.items for _, s in runs)
    if len(runs) < SFT_RUNS or not verifiable or any(s.value > 0 for _, s in target.trained):
        return []
    other = [m for m, _ in target.trained if m.family == "rl"]
    return [
        found(
            "stuck-at-zero",
            "alarm",
            f"Still at 0 after {len(runs)} SFT runs: the technique class is wrong, not the recipe",
            (*(told(m, s) for m, s in runs), f"together at most {_at_most([s for _, s in runs]):.1%} (95 %)"),
            f"{_format_first([s for _, s in runs])} {_pivot(other)}",
            tuple(m.id for m, _ in runs),
        )
    ]


def _at_most(scores: Sequence[Score]) -> float:
    """The upper bound of what scores of exactly 0 can hide."""
    return stats.wilson(0, sum(s.n for s in scores))[1]


def _format_first(scores: Sequence[Score]) -> str:
    """Format before knowledge: what is known of whether anything parsed, else the question."""
    known = [(s.parsed, s.n) for s in scores if s.parsed is not None]
    if not known:
        return (
            "First ask whether anything parsed (format before knowledge): put three of the answers beside what the "
            "verifier reads; the SFT loss can be healthy while the model emits unparseable output."
        )
    parsed, n = sum(p for p, _ in known), sum(n for _, n in known)
    if parsed < n / 2:
        return (
            f"Only {parsed} of {n} answers parsed: it is the format, whatever the loss says; put three training "
            "examples beside three eval prompts."
        )
    return f"{parsed} of {n} answers parsed and were wrong, so it is not the format alone."


def _pivot(tried: Sequence[Move]) -> str:
    if tried:
        return (
            f"RL from there is at 0 too ({', '.join(m.id for m in tried)}): rewards that are all 0 teach nothing. "
            "Start it from the base model, on prompts whose sampled answers pass now and then."
        )
    return (
        "Then pivot to RL with the verifier as the reward (GRPO, RLOO), from the base model: the reward includes the "
        "format."
    )


def below_random(target: Target) -> list[Finding]:
    """The base model scores below guessing on a knowledge-heavy benchmark, before any training."""
    base = next(((m, m.score) for m in target.moves if not m.trained and m.score is not None), None)
    chance = next((m.random_score for m in target.moves if m.random_score is not None), None)
    flags = [m.knowledge_heavy for m in target.moves if m.knowledge_heavy is not None]
    if base is None or not chance or not any(flags):
        return []
    move, score = base
    p = stats.binomial_below(round(score.value * score.n), score.n, chance)
    if p >= P_RANDOM or any(s.lo > chance for _, s in target.trained):
        return []
    right = round(score.value * score.n)
    if score.parsed is not None and stats.binomial_below(right, score.parsed, chance) >= P_RANDOM:
        return [_unread_base(move, score, chance)]
    first = ""
    if score.value == 0 and score.parsed is None:
        first = "First ask whether anything parsed: a score of exactly 0 may be the format alone. If it did: "
    return [
        found(
            "below-random",
            "alarm",
            f"The base model scores {score.value:.2f}, below guessing ({chance:.2f}): it lacks the knowledge, not "
            "the format",
            (told(move, score), f"guessing scores {chance:.3g}; p = {p:.2g} (binomial, one-sided)"),
            f"{first}post-training shapes knowledge that is there and installs none: continue pre-training on a "
            "domain corpus, distil from a stronger model that has it, or retrieve at inference.",
            (move.id,),
        )
    ]


def _unread_base(move: Move, score: Score, chance: float) -> Finding:
    return found(
        "below-random",
        "warn",
        f"The base model scores {score.value:.2f}, below guessing ({chance:.2f}), but only {score.parsed} of "
        f"{score.n} answers could be read",
        (told(move, score), f"guessing scores {chance:.3g}"),
        "Format before knowledge: show it the form in the prompt, or read the answers more leniently, and score it "
        "again before you judge what it knows.",
        (move.id,),
    )


def no_gain(target: Target) -> list[Finding]:
    """None of the last several committed train moves gained on its parent, nor all of them together."""
    trailing: list[tuple[Move, Score, Delta]] = []
    for move, score in target.committed:
        delta = target.delta(move)
        if delta is None or delta.kind == "incomparable":
            continue
        trailing = [] if delta.kind == "gained" else [*trailing, (move, score, delta)]
    if len(trailing) < SEVERAL or _gained_together(target, trailing):
        return []
    solved = all(s.value >= SOLVED for _, s, _ in trailing)
    sure = sum(d.value <= 0 or d.kind == "level" for _, _, d in trailing)
    evidence = [f"{m.id} ({m.technique}) against {m.parent}: {d.sentence}" for m, _, d in trailing]
    return [
        found(
            "no-gain",
            "info" if solved else "alarm" if sure == len(trailing) else "warn",
            f"None of the last {len(trailing)} train moves gained on its parent"
            + ("" if sure == len(trailing) else ", outside the noise"),
            tuple(evidence),
            _after_no_gain(target, trailing, solved),
            tuple(m.id for m, _, _ in trailing),
        )
    ]


def _gained_together(target: Target, trailing: Sequence[tuple[Move, Score, Delta]]) -> bool:
    """Whether small steps add up: a move against the last ancestor that is not one of them."""
    ids, by_id = {m.id for m, _, _ in trailing}, {m.id: m for m in target.moves}
    for move, score, _ in trailing:
        above, seen = by_id.get(move.parent or ""), {move.id}
        while above is not None and above.id in ids and above.id not in seen:
            seen.add(above.id)
            above = by_id.get(above.parent or "")
        if above is not None and above.score is not None and compare(score, above.score).kind == "gained":
            return True
    return False


def _after_no_gain(target: Target, trailing: Sequence[tuple[Move, Score, Delta]], solved: bool) -> str:
    if solved:
        return "The target is solved: stop here, or make the held-out set harder."
    tried = {m.family for m, _, _ in trailing}
    untried = [families.SHOWN[f] for f in ("rl", "rft", "preferences", "sft") if f not in tried]
    methods = f" (untried here: {', '.join(untried)})" if untried else ""
    needed = max((d.items_needed or 0 for _, _, d in trailing if d.value > 0), default=0)
    more = f" To tell steps this small apart takes about {needed:,} items." if needed else ""
    return (
        f"The method is exhausted on this target: try a different method{methods}, change the data, or improve the "
        f"harness instead of the weights.{more}"
    )


def same_score(target: Target) -> list[Finding]:
    """Three committed experiments or more, of structurally different techniques, at the same non-zero score."""
    cluster = _cluster(target.committed)
    kinds = {m.family for m, _ in cluster}
    if len(cluster) < ALIKE or len(kinds) < ALIKE:
        return []
    values = [s.value for _, s in cluster]
    if min(values) <= 0 or stats.mean(values) >= SOLVED or max(values) - min(values) > SPREAD:
        return []
    checked = [m for m in target.moves if m.spot_check and m.trained]
    check, said = (checked[-1].spot_check, checked[-1].spot_said) if checked else (None, None)
    evidence = [f"{told(m, s)}: {families.SHOWN.get(m.family, m.family)}" for m, s in cluster]
    p = _homogeneity([s for _, s in cluster])
    evidence.append(f"no two of them differ outside the noise (all together p = {p:.2f})")
    evidence.append(f"spot check: {check or 'not done'}")
    return [
        found(
            "same-score-across-techniques",
            "warn" if check == "matched" else "alarm",
            f"{len(cluster)} experiments of {len(kinds)} different techniques land at the same score, about "
            f"{stats.mean(values):.2f}: the method is not the bottleneck",
            tuple(evidence),
            f"The spot check found: {said.headline}. {said.fix}"
            if check == "mismatched" and said
            else _NEXT[check],
            tuple(m.id for m, _ in cluster),
        )
    ]


_NEXT = {
    None: "Put three training examples beside three eval prompts (spot check): would a perfect training example pass "
    "the verifier? Don't try a fourth technique before that.",
    "mismatched": "The spot check found another objective than the verifier scores: realign the training data's "
    "format to what the verifier reads, or change the eval prompt (if the rules allow), before any other technique.",
    "matched": "The spot check found no mismatch, so look elsewhere: the answers that fail in all of them (same "
    "slice?), the data's coverage, the harness; and read what others got out of this model here.",
}


def _cluster(scored: Sequence[tuple[Move, Score]]) -> list[tuple[Move, Score]]:
    """The experiments that no other one is above: those that can't be told from the best."""
    if not scored:
        return []
    best = max((s for _, s in scored), key=lambda s: s.value)
    return [
        (m, s)
        for m, s in scored
        if best.value - s.value <= SPREAD and compare(s, best).kind not in ("lost", "incomparable")
    ]


def _homogeneity(scores: Sequence[Score]) -> float:
    """The smallest pairwise p, times the number of pairs (Bonferroni)."""
    pairs = [(a, b) for i, a in enumerate(scores) for b in scores[i + 1 :]]
    return min(1.0, len(pairs) * min((compare(a, b).p for a, b in pairs), default=1.0))


def held_out_worn(target: Target) -> list[Finding]:
    """More experiments were scored on the set than it can tell apart: the luck of the best is as large as its errors.

    With n equal experiments the best lies `stats.luck(n)` standard errors above the truth. From 25 on that is more than
    the 1.96 that one look resolves, so that a best one that "gained" may be no better than the rest.
    """
    looks = target.trained
    errors = [error for move, score in looks if (error := _error(target, move, score)) > 0]
    if len(looks) < 2 or not errors:
        return []
    size, lucky = stats.median(errors), stats.luck(len(looks))
    if lucky < WORN or lucky * size < WORN_GAIN:
        return []
    best, score = max(looks, key=lambda one: one[1].value)
    return [
        found(
            "held-out-worn",
            "warn",
            f"The held-out set is worn: {len(looks)} experiments were scored on its {score.n:,} items",
            (
                f"the best of {len(looks)} equal ones is expected {lucky:.2f} standard errors above the truth, which "
                f"is {lucky * size:.3f} here; one look resolves {stats.Z95 * size:.3f}",
                told(best, score),
            ),
            f"Take the last claim for {best.id} from items that nothing was chosen by: a sealed set (`sealed` under "
            "[data], then `cockpit unseal`); or draw a fresh one for the experiments to come.",
        )
    ]


def _error(target: Target, move: Move, score: Score) -> float:
    """The standard error of the move against its parent, from its interval; against another like it without one."""
    delta = target.delta(move)
    if delta is not None and delta.kind != "incomparable":
        return (delta.hi - delta.lo) / (2 * stats.Z95)
    return math.sqrt(2) * (score.hi - score.lo) / (2 * stats.Z95)


RULES: tuple[Callable[[Target], list[Finding]], ...] = (
    stuck_at_zero,
    below_random,
    no_gain,
    same_score,
    held_out_worn,
)
