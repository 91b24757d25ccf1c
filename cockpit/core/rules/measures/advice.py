"""Word advice on what to set in this very run (the setting by its name, the direction, a value), and as settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cockpit.contract.setting_names import recipe_name
from cockpit.core.runs.run_record import Run

_MOST = {"learning_rate": 0.1, "beta": 10.0, "kl_coef": 10.0, "max_grad_norm": 10_000.0}
_TEMPLATE = 24  # tokens that a chat template adds to a row of one turn


@dataclass(frozen=True, slots=True)
class Cure:
    """What to set, in words, and the same as settings of a recipe; no settings where the new value isn't known."""

    text: str
    change: Mapping[str, object] = field(default_factory=dict[str, object])

    def __str__(self) -> str:
        return self.text


def rate(run: Run, factor: float) -> Cure:
    """Say to what the learning rate is to be changed: `lower learning_rate from 0.0002 to 5e-05`."""
    return scaled(run, "learning_rate", factor, run.setting("learning_rate") or run.rate)


def scaled(run: Run, name: str, factor: float, now: float | None = None) -> Cure:
    """Say by how much a setting is to be changed, from its value in this run where that is known."""
    name = recipe_name(name, run.technique)
    now = now if now is not None else run.setting(name)
    verb, called = "raise" if factor > 1 else "lower", run.called(name)
    if now:
        return _to(run, name, now, min(now * factor, _MOST.get(name, now * factor)))
    times = f"{factor:g} times its value" if factor > 1 else f"1/{1 / factor:g} of its value"
    return Cure(f"{verb} {called} to {times}")


def to(run: Run, name: str, value: float) -> Cure:
    """Say that a setting is to have this value; no change where it has it already."""
    name = recipe_name(name, run.technique)
    value = _said(value)
    if run.setting(name) == value:
        return Cure(f"keep {run.called(name)} at {value:g}")
    return Cure(f"set {run.called(name)} to {value:g}", {name: value})


def clip(run: Run, norm: float) -> Cure:
    """Say to what norm gradients are to be clipped; no change where they are clipped at less already."""
    now = run.setting("max_grad_norm")
    if now and now <= _said(norm):
        return Cure(f"keep {run.called('max_grad_norm')} at {now:g}, which clips it already")
    return to(run, "max_grad_norm", min(norm, _MOST["max_grad_norm"]))


def whole(run: Run, name: str, change: Callable[[float], float], otherwise: str) -> Cure:
    """Say to which whole number a setting is to be changed; `otherwise` where its value isn't known."""
    name = recipe_name(name, run.technique)
    now = run.setting(name)
    new = max(1, round(change(now))) if now is not None else None
    if now is None or new is None or new == now:
        return Cure(otherwise)
    return Cure(f"{'raise' if new > now else 'lower'} {run.called(name)} from {now:g} to {new}", {name: new})


def beta(run: Run, factor: float, least: float) -> Cure:
    """Say to what the weight of the KL penalty is to be changed; from nothing to `least`."""
    name = recipe_name("beta", run.technique)
    now = run.beta if run.beta is not None else run.setting(name)
    if now:
        return scaled(run, name, factor, now)
    return Cure(f"set {run.called(name)} to {least:g}", {} if now is None else {name: least})


def switched(run: Run, values: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of these that the run names, with another value: what is to be changed of them."""
    return {name: value for name, value in values.items() if run.settings.get(name, value) != value}


def room(run: Run) -> Cure:
    """Say to what the length of a row is to be raised: what 99 in 100 rows fit in, else twice as much."""
    now, wanted = run.setting("max_length"), run.row_tokens()
    if now is None or wanted is None or wanted + _TEMPLATE <= now:
        return scaled(run, "max_length", 2)
    new = -(-(wanted + _TEMPLATE) // 64) * 64
    return Cure(
        f"raise {run.called('max_length')} from {now:g} to {new}, which 99 % of the rows fit in",
        {"max_length": new},
    )


def shorter(run: Run, epochs: float, otherwise: str) -> Cure:
    """Say to how many epochs the training is to be cut; `otherwise` where their number isn't known, or no larger."""
    now = run.setting("num_train_epochs")
    if now is None or epochs >= now:
        return Cure(otherwise)
    return _to(run, "num_train_epochs", now, epochs)


def weight(run: Run, part: str, factor: float) -> Mapping[str, object]:
    """Return the recipe's rewards with the weight of one part changed; empty where the recipe doesn't name it."""
    if part not in {_plain(source) for source, _ in run.rewards}:
        return {}
    made = [(source, value * factor if _plain(source) == part else value) for source, value in run.rewards]
    return {"rewards": ",".join(f"{value:g}*{source}" for source, value in made)}


def _plain(source: str) -> str:
    """`my_rewards:short` as TRL logs it: `short`."""
    return source if source.startswith("model:") else source.rpartition(":")[2]


def _to(run: Run, name: str, now: float, new: float) -> Cure:
    new, verb = _said(new), "raise" if new > now else "lower"
    shown = f"{now:g} to {new:g}" if now == int(now) else f"{now:.2g} to {new:g}"
    return Cure(f"{verb} {run.called(name)} from {shown}", {name: new})


def _said(value: float) -> float | int:
    """Return the value as it is said: whole, or to two figures."""
    if value == int(value):
        return int(value)
    short = float(f"{value:.2g}")
    return int(short) if short == int(short) else short


def checkpoint(run: Run, before: int | None) -> str:
    """Name the last checkpoint before a step, by save_steps where it is known."""
    every = run.setting("save_steps")
    if before is not None and every and every >= 1 and before > every:
        return f"the checkpoint of step {int((before - 1) // every * every)}"
    return f"the last checkpoint before step {before}" if before else "an earlier checkpoint"


def sentence(text: object) -> str:
    """Begin with a capital letter."""
    said = str(text)
    return said[:1].upper() + said[1:]
