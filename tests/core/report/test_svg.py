"""A curve in a report: every point within the box, figures at the axes, and the same in words."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from cockpit.core.report.facts import Curve
from cockpit.core.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart, described

RISING = [(float(step), step / 50) for step in range(1, 41)]
CURVES = {
    "rising": Curve("Reward", RISING, level=0.4),
    "one point": Curve("Mini-eval score", [(10.0, 0.5)], limits=(0.0, 1.0)),
    "flat": Curve("Loss", [(step, 2.0) for step in range(300)]),
    "beyond the scale": Curve("Mini-eval score", [(0, -3.0), (1, 7.0)], level=0.5, limits=(0.0, 1.0)),
    "as large as numbers get": Curve("Loss", [(0, -1.7e308), (1e300, 1.7e308), (1.7e308, 0.0)]),
    "as small as numbers get": Curve("Loss", [(0, 5e-324), (1, 0.0), (2, 1e-323)]),
}


@pytest.mark.parametrize("name", CURVES)
def test_all_points_are_there_within_the_box(name: str) -> None:
    curve = CURVES[name]
    svg = ElementTree.fromstring(chart(curve, "key"))
    (line,) = svg.findall("polyline")
    points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert len(points) == len(curve.points)
    for x, y in points:
        assert math.isfinite(x)
        assert math.isfinite(y)
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM
    assert svg.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"


def test_axes_have_figures_and_the_curve_is_told_in_words() -> None:
    svg = ElementTree.fromstring(chart(CURVES["rising"], "key"))
    figures = {text.text for text in svg.findall("text")}
    assert {"0", "0.2", "0.8", "10", "40", "step", "baseline 0.4000"} <= figures
    title, desc = svg.find("title"), svg.find("desc")
    assert title is not None
    assert desc is not None
    assert svg.attrib["aria-labelledby"].split() == [title.attrib["id"], desc.attrib["id"]]
    assert title.text == "Reward"
    assert desc.text == described(CURVES["rising"])
    assert "From 0.02000 at step 1 to 0.8000 at step 40" in described(CURVES["rising"])


def test_higher_values_stand_higher() -> None:
    svg = ElementTree.fromstring(chart(CURVES["rising"], "key"))
    (line,) = svg.findall("polyline")
    heights = [float(pair.split(",")[1]) for pair in line.attrib["points"].split()]
    assert heights == sorted(heights, reverse=True)
