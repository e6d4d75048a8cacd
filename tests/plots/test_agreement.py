"""The figure of ranks by view: order, gaps, and what is told apart without colour."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from trimtab import plots
from trimtab.records import TrialTable
from trimtab.sensitivity import Agreement
from trimtab.space import Float, Space

VIEWS = ("one_at_a_time", "gradient", "main", "total")


def made_up(names=("lr", "units", "<b>layers</b>")):
    share = np.array([[0.4, 0.0, 0.1, 0.2], [0.3, 0.2, 0.3, 0.7], [0.1, np.nan, 0.0, 0.1]])
    rank = np.array([[1, 2, 2, 2], [2, 1, 1, 1], [3, np.nan, 3, 3]])
    return Agreement(
        parameters=names, views=VIEWS, share=share, low=share / 2, high=share * 2, rank=rank,
        reasons={"lr": "interaction: with <i>"}, ranges={"units": "range: above 9"}, verdicts=dict.fromkeys(names, "matters: yes"),
        at={}, scale="raw", confidence=0.9, n_used=30, n_failed=0, notes=(),
    )  # fmt: skip


def test_data_is_ordered_by_the_total():
    data = plots.agreement_data(made_up())

    assert data.parameters == ("units", "lr", "<b>layers</b>")
    assert data.share[:, 3].tolist() == [0.7, 0.2, 0.1]
    assert data.reason == ("", "interaction: with <i>", "")
    assert data.range == ("range: above 9", "", "")


def test_flagged_knobs_differ_in_mark_and_dash_and_texts_are_safe():
    drawn = plots.agreement(made_up())
    units, lr, layers = drawn.data

    assert units.marker.symbol != lr.marker.symbol != layers.marker.symbol
    assert units.line.dash != lr.line.dash
    assert layers.line.width < lr.line.width
    assert list(units.y) == [2, 1, 1, 1]
    assert np.isnan(layers.y[1])
    assert "lr (interaction)" in drawn.layout.meta["caption"]
    assert "units (range)" in drawn.layout.meta["caption"]
    assert "<i>" not in json.dumps(drawn.to_plotly_json(), default=str)
    assert len(drawn.layout.annotations) == 6


def test_too_little_data_says_so():
    few = TrialTable.of(Space({"x": Float(0, 1)}), np.array([[0.1], [0.2]]), np.array([1.0, 2.0]))

    assert "More finished trials" in plots.agreement(few).layout.meta["message"]


def test_reported_gradients_are_a_fifth_view():
    four = made_up()
    views = ("one_at_a_time", "gradient", "hypergradient", "main", "total")
    told = {"share": 0.5, "low": 0.4, "high": 0.6, "rank": 1.0}
    five = replace(
        four,
        views=views,
        reported={"lr": "agrees: hypergradient 1"},
        **{name: np.insert(getattr(four, name), 2, value, axis=1) for name, value in told.items()},
    )

    drawn = plots.agreement(five)
    assert list(drawn.layout.xaxis.ticktext)[2] == "hypergradient<br>here"
    assert all(len(line.x) == 5 for line in drawn.data)
    assert plots.agreement_data(five).share[:, 4].tolist() == [0.7, 0.2, 0.1]
