"""Rules over the parts of a reward and of groups: never earned, traded off against each other, without a spread."""

from __future__ import annotations

import math
import re

from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.reward import degenerate_reward
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Points, Run

NEVER = count("dead-reward", "rows")
LONG = count("dead-reward", "steps")
MOST = limit("no-group-spread", "share")
ROWS = count("no-group-spread", "rows")
SOLVED = limit("no-group-spread", "solved")
RISE = limit("format-domination", "rise")
FALL = limit("format-domination", "fall")
VARIANCE = limit("format-domination", "variance")

_NOT_PARTS = ("chosen", "rejected", "accuracies", "margins")
_PENALTY = re.compile(r"penal|overlong|repet|too_long|toolong")
_FORMAT = re.compile(r"format|tag|xml|json|structur|style|markdown|templat|think|pattern")
USUAL_GROUP = 8  # TRL's default of num_generations


def parts(run: Run) -> dict[str, Points]:
    """Return the means of the parts of the reward by name, without TRL's `rewards/` and `/mean`."""
    made: dict[str, Points] = {}
    for name, points in run.metrics.items():
        if (
            not run.rewarded
            or not name.startswith("rewards/")
            or name.endswith(("/std", "_std", "/max", "/min"))
        ):
            continue
        plain = name.removeprefix("rewards/").removesuffix("/mean")
        if plain not in _NOT_PARTS:
            made[plain] = points
    return made


def dead_reward(run: Run) -> list[Finding]:
    """A part of the reward that is never, or always, earned."""
    every = parts(run)
    if len(every) < 2 or run.last_step < LONG:
        return []  # the only part is the reward itself: another rule's
    constant = {
        name: points[0][1]
        for name, points in every.items()
        if len(points) >= NEVER and len({value for _, value in points}) == 1
    }
    never = [name for name, value in constant.items() if value == 0 and not _PENALTY.search(name.lower())]
    always = [name for name, value in constant.items() if value > 0]
    if not never and not always:
        return []
    names = ", ".join(never or always)
    rows = min(len(every[name]) for name in (never or always))
    if never:
        head = f"Never earned: {names}"
        cure = (
            f"Run {never[0]} on three completions by hand: does its pattern want line breaks or tags that the prompt "
            f"doesn't ask for? Mend it, ask for it in the prompt, or set its weight ({_weights(run)}) to 0."
        )
    else:
        head = f"Always earned: {names}"
        cure = f"It teaches nothing: set the weight of {always[0]} ({_weights(run)}) to 0."
    return [
        found(
            "dead-reward",
            "warn" if never else "info",
            f"{head}, in all {rows} rows",
            [
                f"rewards/{name} is exactly {constant[name]:g} in {len(every[name])} rows"
                for name in (never or always)
            ],
            cure,
            (run.id,),
            every[(never or always)[0]][0][0],
            change={} if never else advice.weight(run, always[0], 0),
        )
    ]


def _weights(run: Run) -> str:
    """Return where the weights of the parts stand: in our recipe's rewards, or TRL's own setting."""
    return "rewards" if run.rewards else run.called("reward_weights")


def no_group_spread(run: Run) -> list[Finding]:
    """Most groups have no difference within, so that they give no gradient."""
    flat, told = run.values("frac_reward_zero_std"), "frac_reward_zero_std"
    if not flat:
        flat, told = [float(value == 0) for value in run.values("reward_std")], "rows with reward_std 0"
    if not run.rewarded or len(flat) < ROWS or degenerate_reward(run):
        return []
    late = stats.mean(series.part(flat, 0.25, -1, ROWS // 2))
    if late <= MOST or stats.mean(series.part(flat, 0.5, -1)) <= MOST:
        return []
    since = series.began(flat, lambda value: value >= MOST * 0.7, max(5, len(flat) // 20)) or 0
    rewards = run.values("reward")
    solved = _solved(run)
    group = run.setting("num_generations")
    more = _generations(late, group)
    harder = "These prompts are solved: take harder ones, or drop those that every completion gets right"
    larger = advice.whole(run, "num_generations", lambda _: more, f"raise num_generations to {more}")
    wider = (
        f"{advice.sentence(larger)} ({more} make half the groups differ at this rate), drop prompts that were all "
        "right or all wrong"
    )
    return [
        found(
            "no-group-spread",
            "info" if solved else "alarm" if late >= 0.8 else "warn",
            f"{late:.0%} of the groups have no difference within: they give no gradient",
            (
                f"mean of {told} over the last quarter {late:.2f}, over the whole run {stats.mean(flat):.2f}",
                *(
                    [f"mean reward lately {stats.mean(series.part(rewards, 0.25, -1)):.3g}"]
                    if rewards
                    else []
                ),
            ),
            f"{harder if solved else wider}.",
            (run.id,),
            run.since("frac_reward_zero_std" if told[0] == "f" else "reward_std", since),
            change={} if solved else larger.change,
        )
    ]


def _generations(share: float, group: float | None) -> int:
    """Return the size at which half the groups differ: 1 - p^G - (1-p)^G = 1/2 for the pass rate that share tells."""
    size = group or USUAL_GROUP
    rate = 1 - min(0.999, share) ** (1 / size)
    return min(64, max(round(2 * size), math.ceil(math.log(0.5) / math.log(1 - rate))))


def _solved(run: Run) -> bool:
    """Whether what pays most is earned nearly always; only of rewards that are seen to end at 1."""
    for points in (run.metrics.get("reward", ()), *parts(run).values()):
        values = [value for _, value in points]
        if (
            values
            and min(values) >= 0
            and max(values) <= 1
            and stats.mean(series.part(values, 0.25, -1)) < SOLVED
        ):
            return False
    bounded = [p for p in (run.metrics.get("reward", ()), *parts(run).values()) if p and _within_one(p)]
    return bool(bounded)


def _within_one(points: Points) -> bool:
    return all(0 <= value <= 1 for _, value in points)


def format_domination(run: Run) -> list[Finding]:
    """The form of the answers earns more and more while their content earns less; or it holds the whole variance."""
    every = parts(run)
    form = {name: points for name, points in every.items() if _FORMAT.search(name.lower())}
    content = {
        n: p for n, p in every.items() if n not in form and not re.search(r"len|penal|verbos", n.lower())
    }
    for name, points in form.items():
        risen, error = series.change([value for _, value in points])
        if len(points) < ROWS or risen <= max(4 * error, RISE):
            continue
        for other, earned in content.items():
            values = [value for _, value in earned]
            if len(values) < ROWS:
                continue
            fell, noise = series.change(values)
            early = stats.mean(series.part(values, 0.25, 0))
            if -fell <= max(4 * noise, FALL * abs(early)):
                continue
            return [_dominates(run, name, points, other, earned)]
    return _holds_the_variance(run, form, content)


def _dominates(run: Run, name: str, form: Points, other: str, content: Points) -> Finding:
    rises, falls = [value for _, value in form], [value for _, value in content]
    high = stats.mean(series.part(falls, 0.1, 0, 3))
    low = stats.mean(series.part(falls, 0.25, -1))
    since = series.began(falls, lambda value: value < (2 * high + low) / 3, max(5, len(falls) // 20)) or 0
    return found(
        "format-domination",
        "alarm",
        f"{name} rises while {other} falls: the form is learnt at the cost of the answer",
        (
            f"rewards/{name} {stats.mean(series.part(rises, 0.1, 0, 3)):.3g} at first, "
            f"{stats.mean(series.part(rises, 0.25, -1)):.3g} lately",
            f"rewards/{other} {high:.3g} at first, {low:.3g} lately",
        ),
        f"Lower the weight of {name} ({_weights(run)}) to a quarter, below that of {other}, or pay it only where the "
        "answer is right as well; go back to an earlier checkpoint.",
        (run.id,),
        content[since][0],
        change=advice.weight(run, name, 0.25),
    )


def _holds_the_variance(run: Run, form: dict[str, Points], content: dict[str, Points]) -> list[Finding]:
    """One part holds nearly all of the reward's variance, weights as they are told apart."""
    spread = {
        name: stats.mean(series.part(run.values(f"rewards/{name}/std"), 0.5, -1)) ** 2
        for name in (*form, *content)
        if len(run.values(f"rewards/{name}/std")) >= ROWS
    }
    whole = math.fsum(spread.values())
    held = [name for name in form if name in spread and whole > 0 and spread[name] >= VARIANCE * whole]
    if not held or len(spread) < 2:
        return []
    name = held[0]
    return [
        found(
            "format-domination",
            "info",
            f"{name} holds {spread[name] / whole:.0%} of the variance of the parts",
            (
                f"mean square of rewards/{name}/std over the last half {spread[name]:.3g}, of all parts {whole:.3g}",
            ),
            f"What differs within a group is the form: lower the weight of {name} ({_weights(run)}) to a quarter, or "
            "take easier prompts, so that answers differ too.",
            (run.id,),
            form[name][0][0],
            change=advice.weight(run, name, 0.25),
        )
    ]


RULES: tuple[RunRule, ...] = (dead_reward, no_group_spread, format_domination)
