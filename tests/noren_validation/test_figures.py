"""Every figure is well-formed, says in words what it shows, and passes the sanitiser unchanged in what is seen."""

from xml.etree import ElementTree

import numpy as np
import pytest

from noren_bento.tagging.metrics.intervals import Interval
from noren_validation.figures import (
    confusion_figure,
    density_figure,
    histogram_figure,
    interval_figure,
    reliability_figure,
    spark,
)
from noren_validation.sanitise import sanitise
from noren_validation.svg import Figure, make_ticks
from noren_validation.tables import make_table

RANDOM = np.random.default_rng(0)
Y = RANDOM.normal(size=300)
FIGURES = [
    interval_figure([("candidate", Interval(0.9, 0.8, 1.0))], marks=[("<required>", 0.5)], title="score"),
    interval_figure([("candidate", Interval(0, 0, 0))], marks=[("equal", 0.0)], title="nothing differs"),
    histogram_figure(Y, marks=[("p50", 0.0), ("p99", 2.0)], title="error"),
    histogram_figure(np.zeros(10), title="one value"),
    confusion_figure(["a", "<b>"], np.array([[5, 1], [0, 4]])),
    confusion_figure(list(range(30)), np.eye(30, dtype=int)),
    density_figure(Y, Y + 0.1, target="count & more"),
    density_figure(np.ones(5), np.ones(5)),
    reliability_figure(RANDOM.uniform(0.5, 1, 300), RANDOM.random(300) < 0.8),
    reliability_figure(np.array([1.0]), np.array([True])),
]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda one: one.label[:30])
def test_a_figure_is_well_formed_and_has_words(figure: Figure):
    root = ElementTree.fromstring(figure._repr_svg_())
    assert root.get("aria-label") == figure.label
    assert "nan" not in figure._repr_svg_().replace("dominant", "")


@pytest.mark.parametrize("figure", FIGURES, ids=lambda one: one.label[:30])
def test_the_sanitiser_leaves_a_figure_whole(figure: Figure):
    before = figure._repr_svg_()
    after = sanitise(before)
    for mark in ("<rect", "<text", "<circle", "<line", "<polyline", "points=", "transform=", "text-anchor="):
        assert after.count(mark) == before.count(mark), mark
    assert sanitise(after) == after


def test_a_table_escapes_text_and_takes_drawings():
    table = str(make_table(["a<b", "n"], [["<script>", 1234.5], [spark([1, 2], [2, 1]), None]]))
    assert "<script>" not in table
    assert "1,234" in table
    assert "<polyline" in sanitise(table)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 8.1), (1e-9, 2e-9), (0, 1e12), (5, 5)])
def test_ticks_are_few_and_inside(low, high):
    ticks = make_ticks(low, high)
    assert 1 <= len(ticks) <= 7
    assert all(low - 1e-15 <= tick <= high + 1e-15 for tick in ticks)
