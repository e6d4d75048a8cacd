"""Slopes against analytic derivatives: at a point, over the space, in the user's sign and units."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.errors import SpaceError
from trimtab.records import TrialTable
from trimtab.sensitivity import gradient
from trimtab.space import Categorical, Float, Int, Space

SPACE = Space({"lr": Float(1e-4, 1e-1, log=True), "momentum": Float(0.5, 0.9), "dead": Float(0, 1)})


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    """Trials of `function` of the unit cube; its values are the user's, whatever the direction."""
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    v = function(x) + noise * rng.standard_normal(n)
    return TrialTable.of(space, x, -v if direction == "maximize" else v, direction)


def smooth(x):
    return np.sin(3 * x[:, 0]) + x[:, 0] * x[:, 1]


def slopes(x):
    """Analytic derivatives of `smooth` by the coordinates (n, 3)."""
    return np.stack([3 * np.cos(3 * x[:, 0]) + x[:, 1], x[:, 0], np.zeros(len(x))], axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_slopes_at_a_point_are_the_analytic_ones(seed):
    points = np.random.default_rng(100 + seed).uniform(0.1, 0.9, (4, 3))
    t = table(SPACE, smooth, 80, seed, noise=0.02)
    results = [gradient(t, at=SPACE.decode(u[None, :])[0]) for u in points]

    slope, low, high = (np.array([getattr(g, name) for g in results]) for name in ("slope", "slope_low", "slope_high"))
    assert_allclose(slope, slopes(points), atol=0.25)
    assert np.mean((low <= slopes(points)) & (slopes(points) <= high)) >= 0.75


def test_intervals_of_slopes_cover_about_as_often_as_they_say():
    points = np.random.default_rng(1).uniform(0.05, 0.95, (25, 3))
    inside = []
    for seed, u in enumerate(points):
        g = gradient(table(SPACE, smooth, 40, seed, noise=0.1), at=SPACE.decode(u[None, :])[0])
        truth = slopes(u[None, :])[0][:2]
        inside.append((g.slope_low[:2] <= truth) & (truth <= g.slope_high[:2]))

    assert np.mean(inside) >= 0.8  # 90 % intervals, 50 cases


def test_averages_over_the_space_are_the_analytic_ones(seed=3):
    g = gradient(table(SPACE, smooth, 80, seed, noise=0.02))
    u = np.random.default_rng(0).random((200_000, 3))
    truth = slopes(u)

    assert_allclose(g.mean, truth.mean(axis=0), atol=0.08)
    assert_allclose(g.squared, (truth**2).mean(axis=0), rtol=0.15, atol=0.05)
    assert np.all((g.mean_low <= truth.mean(axis=0) + 0.01) & (truth.mean(axis=0) - 0.01 <= g.mean_high))


def test_own_units_are_decades_and_units(seed=4):
    g = gradient(table(SPACE, lambda x: 3 * x[:, 0] + 2 * x[:, 1], 60, seed, noise=0.02))

    assert g.units[:2] == ("per decade", "per unit")
    assert_allclose((g.slope * g.per_unit)[:2], [3 / 3, 2 / 0.4], rtol=0.1)
    assert_allclose(g.to_pandas()["own_slope"], g.slope * g.per_unit)


def test_a_maximised_objective_keeps_the_users_sign(seed=5):
    up = gradient(
        table(SPACE, smooth, 60, seed, noise=0.02, direction="maximize"), at={"lr": 1e-3, "momentum": 0.7, "dead": 0.5}
    )
    same = gradient(table(SPACE, smooth, 60, seed, noise=0.02), at={"lr": 1e-3, "momentum": 0.7, "dead": 0.5})
    mirrored = gradient(
        table(SPACE, lambda x: -smooth(x), 60, seed, noise=0.0), at={"lr": 1e-3, "momentum": 0.7, "dead": 0.5}
    )

    assert_allclose(up.slope, same.slope, rtol=1e-6)
    assert up.positive[0] > 0.95
    assert mirrored.positive[0] < 0.05


def test_verdicts_say_which_way(seed=6):
    g = gradient(table(SPACE, lambda x: 3 * x[:, 0] + np.abs(x[:, 1] - 0.5), 80, seed, noise=0.05))

    assert g.verdicts["lr"].startswith("matters: here larger values raise")
    assert g.verdicts["dead"].startswith("cannot be told from a dead knob")


def test_choices_have_no_slope_and_inactive_knobs_only_an_average(seed=7):
    space = Space(
        {"solver": Categorical(["adam", "sgd"]), "k": Int(1, 4), "momentum": Float(0, 1, when={"solver": "sgd"})}
    )
    t = table(space, lambda x: (x[:, 0] > 0.5) + x[:, 1] + 2 * np.nan_to_num(x[:, 2]), 80, seed, noise=0.05)
    g = gradient(t, at={"solver": "adam", "k": 2})

    assert "solver" not in g.parameters
    j = g.parameters.index("momentum")
    assert np.isnan(g.slope[j])
    assert_allclose(g.mean[j], 2.0, atol=0.2)
    assert g.values[j] is None
    assert "inactive here" in g.verdicts["momentum"]
    assert (g.shown()[j]["slope here"], g.shown()[j]["own unit"]) == ("-", "-")
    assert "`" not in "".join(g.remarks())
    assert_allclose((g.slope * g.per_unit)[g.parameters.index("k")], 0.25, atol=0.08)


@pytest.mark.parametrize("n", [0, 3])
def test_too_little_data(n):
    g = gradient(table(SPACE, smooth, n, 0))

    assert all(text.startswith("too little data") for text in g.verdicts.values())
    assert np.isnan(g.slope).all()
    assert json.loads(json.dumps(g.to_dict(), allow_nan=False))["slope"] == [None] * 3
    assert len(g.to_pandas()) == 3
    assert "too little data" in str(g)


def test_only_choices_leave_nothing_to_slope(seed=8):
    space = Space({"a": Categorical(["p", "q", "r"]), "b": Categorical([1, 2])})
    g = gradient(table(space, lambda x: x[:, 0] + x[:, 1], 40, seed, noise=0.05))

    assert g.parameters == ()
    assert "own_slope" in g.to_pandas().columns
    assert "(no rows)" in str(g)


def test_a_wrong_configuration_is_named():
    with pytest.raises(SpaceError, match="momentum"):
        gradient(table(SPACE, smooth, 20, 0), at={"lr": 1e-3, "dead": 0.5})
