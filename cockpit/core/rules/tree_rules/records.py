"""What one experiment's record says by itself: gap, saturation, hacking, slices, spot check.

The same rules as in the readings of a run, on the numbers that an evaluation leaves (evo's TrainingTrace).
"""

from __future__ import annotations

from collections.abc import Callable

from cockpit.core.findings import Finding, Severity
from cockpit.core.rules.rows.evals import BY_SLICE
from cockpit.core.rules.run_rules.evals import RISE, gap_finding, lost_finding
from cockpit.core.rules.run_rules.reward import NEAR
from cockpit.core.rules.table import found, ranked
from cockpit.core.rules.tree_rules.history import History, Move
from cockpit.core.scores import Score, compare
from cockpit.core.smoke.verdict import SmokeVerdict

LEARNS_FROM_REWARD = ("rl", "rft")


def judge_records(history: History) -> list[Finding]:
    """Return what the records say, gravest first."""
    by_id = history.by_id()
    said: list[Finding] = []
    for move in history.moves:
        if move.trained:
            parent = by_id.get(move.parent or "")
            for rule in RULES:
                said += rule(move, parent)
    return ranked(said)


def judge_scores(history: History) -> list[Finding]:
    """Return what scores alone say of experiments whose runs can't be read: those that fell below their parents'."""
    by_id = history.by_id()
    trained = [move for move in history.moves if move.trained]
    return [finding for move in trained for finding in held_out_lost(move, by_id.get(move.parent or ""))]


def reward_hacking(move: Move, parent: Move | None) -> list[Finding]:
    """The training reward went up against the parent's, the held-out score down, outside the noise."""
    delta = move.against(parent)
    if move.family not in LEARNS_FROM_REWARD or move.train_reward is None or move.score is None:
        return []
    if parent is None or parent.score is None or delta is None or delta.kind != "lost":
        return []
    before = parent.train_reward if parent.train_reward is not None else parent.score.value
    if move.train_reward - before < RISE:
        return []
    what = "its parent's" if parent.train_reward is not None else "its parent's held-out score"
    return [
        found(
            "reward-hacking",
            "alarm",
            f"The reward rose from {before:.2f} to {move.train_reward:.2f} while the held-out score fell from "
            f"{parent.score.value:.2f} to {move.score.value:.2f}",
            (
                f"train mean reward {move.train_reward:.3f}, {what} {before:.3f}",
                delta.sentence,
            ),
            "Raise the KL penalty and go back to the best checkpoint; read the highest-rewarded samples for what "
            "they exploit, and make the reward the verifier itself.",
            (move.id,),
        )
    ]


def held_out_lost(move: Move, parent: Move | None) -> list[Finding]:
    """The held-out score fell below the parent's, outside the noise."""
    delta = move.against(parent)
    if move.score is None or parent is None or parent.score is None or delta is None:
        return []
    return [] if reward_hacking(move, parent) else lost_finding(move.id, move.score, parent.score, delta)


def overfit_or_leak(move: Move, parent: Move | None) -> list[Finding]:
    """The training set is passed far more often than the held-out set."""
    if move.train_reward is None or move.score is None or not 0 <= move.train_reward <= 1:
        return []
    score = move.score
    return gap_finding(move.id, move.train_reward, score.value, score.hi, score.n)


def degenerate_reward(move: Move, parent: Move | None) -> list[Finding]:
    """Nearly nothing, or nearly everything, of the training set passes: nothing to select, no advantage."""
    share = move.saturation
    if share is None or NEAR < share < 1 - NEAR:
        return []
    if share <= NEAR:
        return [_degenerate(move, share, "Nearly nothing passes", "alarm", _WHEN_LOW)]
    if move.family not in LEARNS_FROM_REWARD:
        return []  # demonstrations that pass are as they should be
    solved = move.score is not None and move.score.lo >= 0.9
    return [] if solved else [_degenerate(move, share, "Nearly everything passes", "warn", _WHEN_HIGH)]


_WHEN_LOW = (
    "Ask first whether anything parses (format before knowledge); then widen the difficulty downwards, or change the "
    "selection."
)
_WHEN_HIGH = (
    "Widen the difficulty upwards, or change the selection: prompts that always pass carry no advantage."
)


def _degenerate(move: Move, share: float, what: str, severity: Severity, next_step: str) -> Finding:
    return found(
        "degenerate-reward",
        severity,
        f"{what} of the training set: the reward saturation is {share:.2f}",
        (f"reward_saturation {share:.3f} (the share of the selected training set that passed)",),
        next_step,
        (move.id,),
    )


def objective_mismatch(move: Move, parent: Move | None) -> list[Finding]:
    """The spot check, or the smoke run, found that what is trained is not what the verifier scores."""
    smoke = _smoke_says(move)
    evidence: list[str] = []
    said = move.spot_said
    if move.spot_check == "mismatched":
        generic = "a perfect training example would not pass the verifier, or the reverse"
        evidence.append(f"spot check: mismatched: {said.headline if said else generic}")
    if smoke is not None:
        evidence += [f"smoke run, red at {smoke.stage}: {smoke.headline}", *smoke.evidence[:_SMOKE_LINES]]
    severity: Severity = "warn"
    if move.spot_check == "mismatched" and said is not None and not said.of_objective:
        headline, next_step = f"{move.id}: {said.headline}", said.fix
    elif move.spot_check == "mismatched":
        severity, next_step = "alarm", said.fix if said else _REALIGN
        headline = f"{move.id} trains another objective than the verifier scores"
    elif smoke is None:
        return []
    elif smoke.cause == "prompts_differ":
        headline, next_step = f"{move.id} trains on other prompts than it is scored with", smoke.fix
    else:
        headline = f"{move.id}: the verifier reads none of the answers of its smoke run"
        next_step = f"{smoke.fix} Look at both sides first: `cockpit spot-check --experiment {move.id}`."
    return [found("objective-mismatch", severity, headline, evidence, next_step, (move.id,))]


_REALIGN = (
    "Realign the training data's format to what the verifier reads, or change the eval prompt (if the rules allow), "
    "before anything else is trained."
)
_SMOKE_LINES = 3


def _smoke_says(move: Move) -> SmokeVerdict | None:
    """The smoke run's verdict where it speaks of the objective, and neither eye nor score has said otherwise since."""
    smoke = move.smoke
    if smoke is None or smoke.green or not smoke.of_objective:
        return None
    if smoke.cause == "prompts_differ":
        return smoke  # tokens were compared: a fact, whatever the score is
    if move.spot_check == "matched":
        return None
    score = move.score
    learnt = score is not None and (score.value > 0 or bool(score.parsed))
    return None if learnt else smoke  # ten examples may be too few to learn a form that the run then did


def slice_losses(move: Move, parent: Move | None) -> list[Finding]:
    """Slices that lost against the parent's, outside the noise of as many tests as there are slices."""
    if parent is None:
        return []
    lost, gained = slices_moved(move, parent)
    if not lost:
        return []
    whole = move.against(parent)
    if whole is not None and whole.kind == "incomparable":
        return []
    names = ", ".join(name for name, _, _ in lost)
    rest = f", the whole {whole.short}" if whole is not None else ""
    return [
        found(
            "mid-eval-regression",
            "warn",
            f"{names} lost against {parent.id}{rest}",
            tuple(f"{name}: {old.text()} before, {new.text()} now" for name, old, new in [*lost, *gained]),
            "Look at that slice's answers before and after: is it missing from the training data, or answered in "
            "another form?",
            (move.id,),
            source=BY_SLICE,
        )
    ]


Moved = tuple[str, Score, Score]


def slices_moved(move: Move, parent: Move) -> tuple[list[Moved], list[Moved]]:
    """Return the slices that lost and those that gained: name, the parent's score, the move's."""
    shared = [name for name in move.slices if name in parent.slices]
    lost: list[Moved] = []
    gained: list[Moved] = []
    for name in shared:
        old, new = parent.slices[name], move.slices[name]
        delta = compare(new, old)
        if delta.p < 0.05 / len(shared) and delta.value != 0:
            (lost if delta.value < 0 else gained).append((name, old, new))
    return lost, gained


RULES: tuple[Callable[[Move, Move | None], list[Finding]], ...] = (
    reward_hacking,
    overfit_or_leak,
    degenerate_reward,
    objective_mismatch,
    slice_losses,
)
