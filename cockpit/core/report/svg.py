"""A curve as SVG within a page: axes with figures, and in words for those who don't see it."""

from __future__ import annotations

from cockpit.core.chart.plot import Range, format_value, fraction, tick_labels, ticks, y_range
from cockpit.core.report.facts import Curve
from cockpit.core.report.markup import Html, element

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
_MOST = 1e300  # beyond it the width of a range is no number any more
_DOTS = 60  # points up to which each is marked


def chart(curve: Curve, key: str) -> Html:
    """Return the curve in a box of `WIDTH` x `HEIGHT`; `key` sets the ids of its title and description apart."""
    points = [(_bounded(x), _bounded(y)) for x, y in curve.points]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    across = (min(xs), max(xs)) if min(xs) < max(xs) else (xs[0] - 1.0, xs[0] + 1.0)
    held = [*ys, *([_bounded(curve.level)] if curve.level is not None else [])]
    up = curve.limits or y_range(min(held), max(held))
    placed = [(_across(x, across), _up(y, up)) for x, y in points]
    parts = [*_scales(across, up)]
    if curve.level is not None:
        parts += _level(_up(_bounded(curve.level), up), curve.level)
    parts.append(element("polyline", class_="curve", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)))
    if len(placed) <= _DOTS:
        parts += [element("circle", class_="dot", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.5") for x, y in placed]
    return element(
        "svg",
        element("title", curve.name, id=f"{key}-title"),
        element("desc", described(curve), id=f"{key}-desc"),
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def described(curve: Curve) -> str:
    """Say what the curve shows: where it begins and ends, its lowest and its highest point."""
    (x0, first), (x1, last) = curve.points[0], curve.points[-1]
    level = "" if curve.level is None else f" The baseline is at {format_value(curve.level)}."
    if len(curve.points) == 1:
        return f"{format_value(first)} at step {x0:,.0f}.{level}"
    low = min(curve.points, key=lambda point: point[1])
    high = max(curve.points, key=lambda point: point[1])
    return (
        f"From {format_value(first)} at step {x0:,.0f} to {format_value(last)} at step {x1:,.0f}; "
        f"lowest {format_value(low[1])} at step {low[0]:,.0f}, "
        f"highest {format_value(high[1])} at step {high[0]:,.0f}.{level}"
    )


def _scales(across: Range, up: Range) -> list[Html]:
    """Both axes, with lines across at the round values."""
    floor, wall = HEIGHT - BOTTOM, LEFT
    parts: list[Html] = []
    values = ticks(*up, 5)
    for value, label in zip(values, tick_labels(values), strict=True):
        y = f"{_up(value, up):.1f}"
        parts.append(element("line", class_="axis", x1=str(wall), x2=str(WIDTH - RIGHT), y1=y, y2=y))
        parts.append(element("text", label, x=str(wall - 6), y=y, dy="4", text_anchor="end"))
    values = ticks(*across, 6)
    for value, label in zip(values, tick_labels(values), strict=True):
        x = f"{_across(value, across):.1f}"
        parts.append(element("line", class_="axis", x1=x, x2=x, y1=str(floor), y2=str(floor + 4)))
        parts.append(element("text", label, x=x, y=str(floor + 17), text_anchor="middle"))
    parts.append(element("line", class_="axis", x1=str(wall), x2=str(wall), y1=str(TOP), y2=str(floor)))
    middle = (wall + WIDTH - RIGHT) // 2
    parts.append(element("text", "step", x=str(middle), y=str(HEIGHT - 3), text_anchor="middle"))
    return parts


def _level(y: float, value: float) -> list[Html]:
    at = f"{y:.1f}"
    above = y - 4 if y > TOP + 14 else y + 14
    label = f"baseline {format_value(value)}"
    return [
        element("line", class_="level", x1=str(LEFT), x2=str(WIDTH - RIGHT), y1=at, y2=at),
        element("text", label, x=str(WIDTH - RIGHT - 2), y=f"{above:.1f}", text_anchor="end"),
    ]


def _bounded(value: float) -> float:
    return max(-_MOST, min(_MOST, value))


def _across(x: float, limits: Range) -> float:
    return LEFT + _share(x, limits) * (WIDTH - LEFT - RIGHT)


def _up(y: float, limits: Range) -> float:
    return TOP + (1.0 - _share(y, limits)) * (HEIGHT - TOP - BOTTOM)


def _share(value: float, limits: Range) -> float:
    """Where the value lies between the limits, 0 to 1; what lies beyond them stands at the edge."""
    return max(0.0, min(1.0, fraction(value, limits, False)))
