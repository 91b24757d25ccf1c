"""Word advice on what to set in this very run: the setting by its name, the direction, a value."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.core.runs.run_record import Run


def rate(run: Run, factor: float) -> str:
    """Say to what the learning rate is to be changed: `lower learning_rate from 0.0002 to 5e-05`."""
    return scaled(run, "learning_rate", factor, run.rate)


def scaled(run: Run, name: str, factor: float, now: float | None = None) -> str:
    """Say by how much a setting is to be changed, from its value in this run where that is known."""
    now = now if now is not None else run.setting(name)
    verb = "raise" if factor > 1 else "lower"
    if now:
        return f"{verb} {name} from {now:.2g} to {now * factor:.2g}"
    times = f"{factor:g} times its value" if factor > 1 else f"1/{1 / factor:g} of its value"
    return f"{verb} {name} to {times}"


def whole(run: Run, name: str, change: Callable[[float], float], otherwise: str) -> str:
    """Say to which whole number a setting is to be changed; `otherwise` where its value isn't known."""
    now = run.setting(name)
    if now is None:
        return otherwise
    new = max(1, round(change(now)))
    return f"{'raise' if new > now else 'lower'} {name} from {now:g} to {new}" if new != now else otherwise


def beta(run: Run, factor: float, least: float) -> str:
    """Say to what the weight of the KL penalty is to be changed; from nothing to `least`."""
    if run.beta:
        return scaled(run, "beta", factor, run.beta)
    return f"set beta to {least:g}"


def checkpoint(run: Run, before: int | None) -> str:
    """Name the last checkpoint before a step, by save_steps where it is known."""
    every = run.setting("save_steps")
    if before is not None and every and every >= 1 and before > every:
        return f"the checkpoint of step {int((before - 1) // every * every)}"
    return f"the last checkpoint before step {before}" if before else "an earlier checkpoint"


def sentence(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]
