"""Rules over runs that train nothing, stay at chance, or go on from the wrong place after a resume."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cockpit.contract.techniques import PREFERENCES
from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

ROWS = count("nothing-trained", "rows")
ABRUPT = limit("nothing-trained", "abrupt")
HOLES = limit("nothing-trained", "holes")
CHANCE = limit("diverged", "chance")
NEAR = limit("diverged", "near")
ABOVE = limit("diverged", "above")
TOO_SHORT = count("diverged", "steps")
FACTOR = limit("loss-scale", "factor")
STEADY = limit("loss-scale", "steady")
JUMP = limit("resume-jump", "jump")
AGAIN = limit("resume-jump", "again")

VOCABULARIES = (
    30_522, 32_000, 32_128, 32_768, 49_152, 50_257, 50_304, 51_200, 64_000, 65_024, 92_544, 100_352, 102_400, 128_256,
    129_280, 131_072, 151_643, 151_936, 200_064, 248_320, 250_112, 256_000, 262_144,
)  # fmt: skip
"""Sizes of BERT's, Llama's, T5's, Mistral's, GPT-2's, Phi's, Yi's, GLM's, DeepSeek's, Qwen's, mT5's and Gemma's."""


def nothing_trained(run: Run) -> list[Finding]:
    """Loss or gradient exactly 0, or a preference that stays exactly where it began."""
    for reading in (_zero_loss, _zero_gradient, _zero_preference, _holes):
        finding = reading(run)
        if finding is not None:
            return [finding]
    return []


def _trailing_zeros(values: Sequence[float]) -> int:
    """Return how many of the last values are exactly 0."""
    return next((i for i, value in enumerate(reversed(values)) if value != 0), len(values))


def _zero_loss(run: Run) -> Finding | None:
    losses = run.values("loss")
    zeros = _trailing_zeros(losses)
    before = losses[: len(losses) - zeros]
    if run.rewarded or zeros < ROWS:
        return None
    if before and stats.median(before[-5:]) <= ABRUPT:
        return None  # it went down to it: learnt by heart, and rounded
    step = run.since("loss", len(before))
    broken = any(odd.step >= (step or 0) for odd in run.nonfinite if "grad" in odd.metric)
    evidence = [f"loss exactly 0 in the last {zeros} of {len(losses)} rows, since step {step}"]
    if before:
        evidence.append(
            f"loss before it {before[-1]:.4g}" + (", no slow fall to 0" if len(before) > 2 else "")
        )
    norms = [value for at, value in run.metrics.get("grad_norm", ()) if at >= (step or 0)]
    if broken:
        evidence.append("the gradient is no number in these rows")
    elif norms:
        evidence.append(f"gradient norm in these rows {stats.median(norms):.3g}")
    if before:
        slower = advice.rate(run, 0.5)
        change = {**slower.change, **advice.switched(run, {"fp16": False, "bf16": True})}
        cure = (
            f"Stop and go back to {advice.checkpoint(run, step)}: these weights are spoilt. Set bf16=True (not fp16) "
            f"and {slower}"
        )
    else:
        room = advice.room(run)
        change = advice.switched(run, UNMASKED) or room.change
        cure = (
            "No token has a label: print the labels of three rows. Set assistant_only_loss or completion_only_loss to "
            f"False, or {room} so that the answers are not cut away"
        )
    head = (
        f"The loss is exactly 0 since step {step}" if before else "The loss is exactly 0: nothing is trained"
    )
    return found("nothing-trained", "alarm", head, evidence, f"{cure}.", (run.id,), step, change=change)


UNMASKED = {"assistant_only_loss": False, "completion_only_loss": False}


def _zero_gradient(run: Run) -> Finding | None:
    norms = run.values("grad_norm")
    zeros = _trailing_zeros(norms)
    if zeros < max(ROWS, len(norms) // 10) or _learnt_by_heart(run) or _without_spread(run):
        return None
    step = run.since("grad_norm", len(norms) - zeros)
    if _learns_since(run, step or 0):
        return None  # a norm that isn't measured (some DeepSpeed versions log 0)
    return found(
        "nothing-trained",
        "alarm",
        f"The gradient is exactly 0 since step {step}: no weight moves",
        (f"gradient norm exactly 0 in the last {zeros} of {len(norms)} rows",),
        "Look whether anything is trainable (print_trainable_parameters): load the adapter with is_trainable=True, or "
        "give a fresh peft section; with activation checkpointing call enable_input_require_grads. Is beta above 0?",
        (run.id,),
        step,
    )


def _learns_since(run: Run, step: int) -> bool:
    """Whether the loss falls, or the reward rises, out of its noise since a step: then weights do move."""
    name, sign = ("reward", 1) if run.rewarded else ("loss", -1)
    values = [value for at, value in run.metrics.get(name, ()) if at >= step]
    if len(values) < 8:
        return False
    moved, error = series.change(values)
    return sign * moved > max(4 * error, 0.05 * abs(stats.mean(values)))


def _learnt_by_heart(run: Run) -> bool:
    losses = [value for value in run.values("loss") if value != 0]
    return not run.rewarded and bool(losses) and losses[-1] <= ABRUPT


def _without_spread(run: Run) -> bool:
    """Whether groups that score alike explain that no gradient is left."""
    flat, spread = run.values("frac_reward_zero_std"), run.values("reward_std")
    return run.rewarded and (
        (bool(flat) and stats.mean(flat[-ROWS:]) >= 0.8) or (bool(spread) and max(spread[-ROWS:]) == 0)
    )


def _zero_preference(run: Run) -> Finding | None:
    chosen, rejected, losses = (
        run.values("rewards/chosen"),
        run.values("rewards/rejected"),
        run.values("loss"),
    )
    if run.technique not in PREFERENCES or run.technique in ("orpo", "reward"):
        return None
    exact = min(_trailing_zeros(chosen), _trailing_zeros(rejected))
    stuck = (
        len(losses) >= 2 * ROWS and max(losses) - min(losses) < 1e-3 and abs(losses[-1] - math.log(2)) < 2e-3
    )
    if not (exact >= ROWS and exact == len(chosen)) and (chosen or not stuck):
        return None
    return found(
        "nothing-trained",
        "alarm",
        "Policy and reference stay the same: no preference is learnt",
        (
            *([f"rewards/chosen and rewards/rejected exactly 0 in all {exact} rows"] if chosen else []),
            *([f"loss {losses[0]:.4g} at first, {losses[-1]:.4g} now (ln 2 = 0.6931)"] if losses else []),
        ),
        "Look whether anything is trainable: load the adapter with is_trainable=True and leave ref_model empty, so "
        "that the two don't share weights; is beta above 0?",
        (run.id,),
        run.since("rewards/chosen" if chosen else "loss", 0),
    )


def _holes(run: Run) -> Finding | None:
    """Single rows without any label, among others with a loss."""
    losses = run.values("loss")
    zeros = [i for i, value in enumerate(losses) if value == 0]
    others = [value for value in losses if value != 0]
    if run.technique != "sft" or len(zeros) < max(ROWS, HOLES * len(losses)) or not others:
        return None
    if stats.median(others[-10:]) <= 5 * ABRUPT:
        return None
    step, room = run.since("loss", zeros[0]), advice.room(run)
    return found(
        "nothing-trained",
        "warn",
        f"In {len(zeros)} of {len(losses)} rows the loss is exactly 0: these batches have no label",
        (f"first at step {step}; the median of the other rows is {stats.median(others):.3g}",),
        f"{advice.sentence(room)}, so that truncation leaves the answers in, or drop "
        "rows whose prompt alone fills it.",
        (run.id,),
        step,
        change=room.change,
    )


def diverged(run: Run) -> list[Finding]:
    """The loss is at ln of the vocabulary, as if nothing were known, or far above its start."""
    losses = run.values("loss")
    if run.rewarded or len(losses) < 2 or run.last_step < TOO_SHORT or series.still_warming(run.values("lr")):
        return []
    start = stats.median(series.part(losses, 0.1, 0, min(3, len(losses) // 2)))
    late = stats.median(series.part(losses, 0.1, -1, min(5, len(losses) // 2)))
    chance = _vocabulary(run, late)
    if chance and run.technique == "sft" and late >= NEAR_START * start:
        return [_at_chance(run, start, late, chance)]
    error = series.noise(losses) * 2
    if len(losses) < 10 or late <= ABOVE * start or late - start <= max(0.2, 3 * error):
        return []
    since = run.since("loss", series.began(losses, lambda value: value > start + error))
    slower, clipped = advice.rate(run, 0.25), advice.clip(run, 1)
    return [
        found(
            "diverged",
            "alarm",
            f"The loss is far above its start: {start:.3g} at first, {late:.3g} now",
            (
                f"median of the first rows {start:.4g}, of the last {late:.4g}; a row's noise is {error / 2:.2g}",
            ),
            f"Stop. Begin anew from {advice.checkpoint(run, since)} and {slower}; {clipped}.",
            (run.id,),
            since,
            change={**slower.change, **clipped.change},
        )
    ]


NEAR_START = 0.95  # a loss that fell by more than a twentieth is learning, whatever its level


def _vocabulary(run: Run, loss: float) -> int:
    """Return the size of the vocabulary at whose ln the loss is; 0 for none."""
    known = run.setting("vocab_size")
    sizes = (int(known),) if known else VOCABULARIES
    nearest = min(sizes, key=lambda size: abs(math.log(size) - loss))
    return nearest if loss >= CHANCE and abs(loss / math.log(nearest) - 1) <= NEAR else 0


def _at_chance(run: Run, start: float, late: float, size: int) -> Finding:
    losses = run.values("loss")
    since = run.since("loss", series.began(losses, lambda value: value >= NEAR_START * late))
    rose, slower = late > 1.1 * start, advice.rate(run, 0.25)
    return found(
        "diverged",
        "alarm",
        f"The loss is at chance: {late:.4g}, and ln({size}) is {math.log(size):.4g}",
        (
            f"median of the first rows {start:.4g}, of the last {late:.4g}, over {len(losses)} rows",
            f"a model that knows nothing of its {size} tokens has a loss of {math.log(size):.4g}",
        ),
        f"Go back to {advice.checkpoint(run, since)} and {slower}."
        if rose
        else "Look whether the pretrained weights were loaded (a fresh or far too small model has this loss) and "
        f"whether tokenizer and model belong together; if it is meant to begin from nothing, {advice.rate(run, 10)}.",
        (run.id,),
        since,
        change=slower.change if rose else {},
    )


def loss_scale(run: Run) -> list[Finding]:
    """The train loss is a constant factor off the eval loss, or off itself from one row to the next."""
    if run.technique != "sft":
        return []
    finding = _off_the_eval(run) or _off_itself(run)
    return [finding] if finding else []


def _off_the_eval(run: Run) -> Finding | None:
    train, evals = run.metrics.get("loss", ()), run.metrics.get("eval_loss", ())
    ratios: list[tuple[int, float]] = []
    for index, (step, value) in enumerate(evals):
        since = evals[index - 1][0] if index else 0
        rows = [loss for at, loss in train if since < at <= step][-10:]
        if rows and value > 0:
            ratios.append((step, stats.median(rows) / value))
    last = ratios[-max(3, len(ratios) // 2) :]
    if len(ratios) < 3 or min(r for _, r in last) <= 0:
        return None
    ratio = stats.median([r for _, r in last])
    steps = run.setting("gradient_accumulation_steps")
    whole = _whole_factor(ratio, steps)
    if max(r for _, r in last) > (1 + STEADY) * min(r for _, r in last) or not whole:
        return None
    told = (
        f"gradient_accumulation_steps is {steps:g}"
        if steps
        else "gradient_accumulation_steps may be that number"
    )
    return found(
        "loss-scale",
        "warn",
        f"The train loss is about {whole} times the eval loss, steadily: it is summed, not averaged",
        (
            f"train to eval loss in the last {len(last)} evals: " + ", ".join(f"{r:.3g}" for _, r in last),
            told,
        ),
        f"Divide the train loss by {whole} where you compare; update transformers (4.46 to 4.49 summed it over "
        "gradient_accumulation_steps). The run itself is sound if max_grad_norm did not clip every step: else "
        f"{advice.rate(run, 0.5)}.",
        (run.id,),
        last[0][0] if len(ratios) > len(last) and not _whole_factor(ratios[0][1], steps) else ratios[0][0],
    )


def _whole_factor(ratio: float, steps: float | None) -> int:
    """Return the accumulation that a ratio tells: the run's own, else a power of two; 0 for neither."""
    if steps and steps > 1 and abs(ratio / steps - 1) <= STEADY:
        return int(steps)
    if ratio < FACTOR:
        return 0
    power = 2 ** round(math.log2(ratio))
    return power if abs(ratio / power - 1) <= STEADY / 2 else 0


def _off_itself(run: Run) -> Finding | None:
    losses = run.values("loss")
    for index in range(5, len(losses) - 4):
        row, before_row = losses[index], losses[index - 1]
        if min(row, before_row) <= 0 or max(row / before_row, before_row / row) < FACTOR * 0.8:
            continue
        before, after = losses[max(0, index - 10) : index], losses[index : index + 10]
        if min(*before, *after) <= 0:
            continue
        low, high = sorted((stats.median(before), stats.median(after)))
        whole = _whole_factor(high / low, run.setting("gradient_accumulation_steps"))
        if whole and all(max(side) < (1 + 2 * STEADY) * min(side) for side in (before, after)):
            step = run.since("loss", index)
            up = stats.median(after) > stats.median(before)
            return found(
                "loss-scale",
                "warn",
                f"From step {step} on the loss is about {whole} times {'larger' if up else 'smaller'}, from one row to "
                "the next",
                (f"median of the rows before {stats.median(before):.4g}, after {stats.median(after):.4g}",),
                f"Compare only within either side. Look what changed at step {step} (gradient_accumulation_steps, the "
                f"number of devices, the version of transformers): {whole} is its factor.",
                (run.id,),
                step,
            )
    return None


def resume_jump(run: Run) -> list[Finding]:
    """The loss jumps back to an earlier level where the learning rate starts over."""
    losses, steps = run.values("loss"), run.steps("loss")
    rates = dict(run.metrics.get("lr", ()))
    if run.rewarded:
        return []
    for index in range(8, len(losses) - 3):
        now, last = rates.get(steps[index]), rates.get(steps[index - 1])
        if (
            now is None
            or last is None
            or 0.7 * last <= now <= 1.2 * last
            or not _starts_over(rates, steps, index)
        ):
            continue
        before, after = losses[max(0, index - 10) : index], losses[index : index + 5]
        low, high = stats.median(before), stats.median(after)
        error = series.noise(losses[: index + 1]) * math.sqrt(1 / len(before) + 1 / len(after))
        start = stats.median(losses[:3])
        if high - low <= max(JUMP * low, 4 * error, AGAIN * (start - low)):
            continue
        like = next((s for s, v in zip(steps, losses, strict=True) if v <= high), steps[0])
        return [
            found(
                "resume-jump",
                "warn",
                f"At step {steps[index]} the loss jumps from {low:.3g} to {high:.3g} as the learning rate starts over",
                (
                    f"that is the level of step {like}; median of {len(before)} rows before, of {len(after)} after",
                    f"learning rate {last:.3g} before, {now:.3g} there",
                ),
                "The resume loaded no weights, or no optimizer state: begin anew with resume_from_checkpoint set to "
                f"{advice.checkpoint(run, steps[index])}, which must hold optimizer.pt and scheduler.pt, and an "
                "adapter in full.",
                (run.id,),
                steps[index],
            )
        ]
    return []


def _starts_over(rates: dict[int, float], steps: Sequence[int], index: int) -> bool:
    """Whether the learning rate, which had stopped rising, jumps up, or falls to begin a warm-up."""
    before = [rates[s] for s in steps[max(0, index - 5) : index] if s in rates]
    after = [rates[s] for s in steps[index : index + 5] if s in rates]
    if len(before) < 3 or not after or before[-1] <= 0 or before[-1] > before[0]:
        return False
    falls = after[0] < 0.7 * before[-1] and len(after) > 2 and after[-1] > 1.5 * after[0]
    return after[0] > 1.2 * before[-1] or falls


RULES: tuple[RunRule, ...] = (nothing_trained, diverged, loss_scale, resume_jump)
