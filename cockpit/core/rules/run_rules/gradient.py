"""Rules over the gradient's norm: far above its usual, once, now and then, or growing."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

TIMES = limit("grad-spike", "times")
POINTS = count("grad-spike", "points")
OFTEN = count("grad-spike", "often")
FEW_TIMES = limit("grad-spike", "few_times")
GROWN = limit("grad-spike", "grown")
_WINDOW = 50  # rows before a spike that tell what is usual
_HIGH = 0.9  # of them: noisy norms (of groups without spread, of small batches) have high ones now and then


def grad_spike(run: Run) -> list[Finding]:
    """The gradient's norm lies far above its usual."""
    norms = run.values("grad_norm")
    if len(norms) < POINTS:
        return _among_few(run, norms)
    episodes = _episodes(norms)
    lasting = _grown(norms)
    if lasting is not None and not episodes:
        return [_growing(run, norms, lasting)]
    if not episodes:
        return []
    first, worst = episodes[0], max(episodes, key=lambda e: max(norms[e[0] : e[1]]))
    step = run.since("grad_norm", first[0])
    top = max(norms[worst[0] : worst[1]])
    usual = stats.median(norms)
    often = len(episodes) >= OFTEN
    stays = first[1] - first[0] > max(10, len(norms) // 10)
    times = f"{len(episodes)} times" if len(episodes) > 1 else "once"
    clipped, slower = advice.clip(run, 2 * usual), advice.rate(run, 0.5)
    again = often or stays
    return [
        found(
            "grad-spike",
            "warn" if again else "info",
            f"The gradient norm jumped {times}, to {top:.3g} where {usual:.2g} is usual, first at step {step}",
            (
                "at steps "
                + ", ".join(str(run.since("grad_norm", begin)) for begin, _ in episodes[:8])
                + (" …" if len(episodes) > 8 else ""),
                f"{TIMES:g} times what nine rows in ten of the {_WINDOW} before stay below",
            ),
            f"Look at the rows of these steps; {clipped} (twice the usual norm is {2 * usual:.2g})"
            + (f" and {slower}." if again else ", and nothing more unless it happens again."),
            (run.id,),
            step,
            change={**clipped.change, **slower.change} if again else {},
        )
    ]


def _episodes(norms: Sequence[float]) -> list[tuple[int, int]]:
    """Return where spikes begin and end; a spike within ten rows of another belongs to it."""
    found_: list[tuple[int, int]] = []
    window: list[float] = []
    usual: list[float] = []
    for index, norm in enumerate(norms):
        spike = index >= POINTS // 2 and norm > TIMES * max(window[int(_HIGH * (len(window) - 1))], 1e-12)
        if spike:
            begin = found_.pop()[0] if found_ and index - found_[-1][1] < 10 else index
            found_.append((begin, index + 1))
            continue
        bisect.insort(window, norm)
        usual.append(norm)
        if len(usual) > _WINDOW:
            window.pop(bisect.bisect_left(window, usual[-_WINDOW - 1]))
    return found_


def _among_few(run: Run, norms: Sequence[float]) -> list[Finding]:
    """Of a handful of rows one stands out of all the others: a remark at most."""
    if len(norms) < 4:
        return []
    top = max(range(len(norms)), key=norms.__getitem__)
    others = max(norm for i, norm in enumerate(norms) if i != top)
    if top == 0 or norms[top] <= FEW_TIMES * others:
        return []
    step = run.since("grad_norm", top)
    return [
        found(
            "grad-spike",
            "info",
            f"The gradient norm was {norms[top]:.3g} at step {step}; no other row is above {others:.2g}",
            (f"{len(norms)} rows: too few to say what is usual",),
            f"Lower logging_steps, to see whether it happens again; then {advice.clip(run, max(1.0, others))}.",
            (run.id,),
            step,
        )
    ]


def _grown(norms: Sequence[float]) -> int | None:
    """Where a lasting growth began: the last tenth is far above the first half, and still rising."""
    if len(norms) < 2 * POINTS:
        return None
    half = norms[POINTS // 2 : len(norms) // 2] or norms[: len(norms) // 2]
    usual, late = stats.median(half), stats.median(series.part(norms, 0.1, -1, 5))
    high = sorted(half)[int(_HIGH * (len(half) - 1))]
    if late <= GROWN * usual or late <= 3 * high:
        return None
    return series.began(norms, lambda value: value > 2 * high)


def _growing(run: Run, norms: Sequence[float], since: int) -> Finding:
    step = run.since("grad_norm", since)
    early, late = stats.median(norms[: len(norms) // 2]), stats.median(series.part(norms, 0.1, -1, 5))
    clipped, slower = advice.clip(run, 2 * early), advice.rate(run, 0.5)
    return found(
        "grad-spike",
        "warn",
        f"The gradient norm grows: {early:.2g} in the first half, {late:.2g} now",
        (f"median of the first half {early:.3g}, of the last tenth {late:.3g}",),
        f"Go back to {advice.checkpoint(run, step)} and {slower}; {clipped}.",
        (run.id,),
        step,
        change={**slower.change, **clipped.change},
    )


RULES: tuple[RunRule, ...] = (grad_spike,)
