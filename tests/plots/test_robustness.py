"""Figures of tolerances, ablation paths and Shapley values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.plots import made_up

import trimtab as tt
from trimtab import plots
from trimtab.records import TrialTable
from trimtab.sensitivity import ablation, robustness, shapley


@pytest.fixture(scope="module")
def step():
    """Slowly better towards 0.7 of b, where it jumps; a hostile name and a choice."""
    space = tt.Space(
        {"a": tt.Float(1e-4, 1e-1, log=True), made_up.HOSTILE: tt.Float(0, 10), "c": tt.Categorical(["x", "y"])}
    )
    x = space.sample(80, np.random.default_rng(0))
    y = 0.3 * (x[:, 0] - 0.5) ** 2 + (x[:, 1] > 0.7) + 0.2 * (0.7 - x[:, 1]) * (x[:, 1] <= 0.7) + 0.1 * (x[:, 2] > 0.5)
    return TrialTable.of(space, x, y + 0.01 * np.random.default_rng(1).standard_normal(80))


def test_tolerances_are_on_the_declared_scale_with_the_tightest_first(step):
    result = robustness(step)
    data = plots.tolerance_data(result)

    assert data.parameters == (made_up.HOSTILE, "a")
    k = result.parameters.index("a")
    low, high = result.local.tolerance[k]
    assert_allclose(data.tolerated[1], [np.log10(low / 1e-4) / 3, np.log10(high / 1e-4) / 3], atol=1e-6)
    assert np.all(data.safe[:, 0] >= data.tolerated[:, 0] - 1e-9)
    assert data.cliffs[0][0] == 0
    assert data.cliffs[0][1] == pytest.approx(0.7, abs=0.04)


def test_every_figure_says_what_is_seen_and_shows_names_literally(step):
    for figure in (
        plots.tolerance(robustness(step)),
        plots.ablation(ablation(step)),
        plots.shapley(shapley(step)),
        plots.shapley(shapley(step, game="tunability")),
    ):
        written = figure.to_json()
        assert figure.layout.meta["caption"]
        assert figure.data
        assert "<script" not in written
        assert "<b>bold" not in written


def test_tolerance_tells_its_bars_apart_without_colour(step):
    figure = plots.tolerance(robustness(step))

    widths = [trace.line.width for trace in figure.data if trace.mode == "lines"]
    assert len(set(widths)) == 3
    assert {trace.name for trace in figure.data} >= {"cliff", "best configuration", "box"}


def test_the_path_starts_at_the_start_and_ends_at_the_best(step):
    result = ablation(step)
    data = plots.ablation_data(result)

    assert data.steps == ("start", *result.parameters)
    assert data.objective[0] == result.start_objective
    assert data.objective[-1] == result.objective[-1]
    symbols = plots.ablation(result).data[1].marker.symbol
    assert [s == "circle" for s in symbols] == data.clear.tolist()


def test_shapley_bars_are_ordered_and_name_their_partner(step):
    data = plots.shapley_data(shapley(step))

    assert np.all(np.diff(data.value) <= 0)
    assert data.parameters[0] == made_up.HOSTILE
    assert plots.shapley(step).layout.meta["caption"] == plots.shapley(shapley(step)).layout.meta["caption"]


@pytest.mark.parametrize("draw", [plots.tolerance, plots.ablation, plots.shapley])
@pytest.mark.parametrize("n", [0, 2])
def test_too_few_trials_give_a_sentence_in_place_of_a_figure(draw, n):
    figure = draw(made_up.table(n, failed=()))

    assert not figure.data
    assert "Too little" in figure.layout.meta["caption"]
    assert figure.layout.annotations[0].text


def test_a_start_that_is_the_best_has_no_path(step):
    at = {"a": 1e-3, made_up.HOSTILE: 6.0, "c": "x"}

    assert "no step" in plots.ablation(ablation(step, at, target=at)).layout.annotations[0].text
