"""The bound on the further gain: above the truth nearly always, small where nothing is left, honest where it knows little."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.acquisition import regret_bound
from trimtab.acquisition._regret import _Inverse, _rows
from trimtab.numerics import half_rank_log, yeo_johnson
from trimtab.space import Float, Int, Space
from trimtab.testing import conditional_bowl

SQUARE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})


def bowl(x):
    return 3.0 + 10.0 * ((x - [0.3, 0.6]) ** 2).sum(axis=1)


def around(n, seed):
    """Points like a search's: half of them anywhere, half near the minimum."""
    rng = np.random.default_rng(seed)
    near = np.clip([0.3, 0.6] + 0.05 * rng.standard_normal((n // 2, 2)), 0.0, 1.0)
    return np.concatenate([rng.random((n - n // 2, 2)), near])


@pytest.mark.parametrize("seed", range(4))
def test_is_above_the_true_gain_and_falls_with_the_trials(seed):
    bounds = []
    for n in (12, 40):
        x = around(n, seed)
        y = bowl(x)
        regret = regret_bound(SQUARE, x, y)
        assert regret.bound >= y.min() - 3.0
        bounds.append(regret.bound)

    assert regret.trusted
    assert bounds[1] < min(bounds[0], 0.1)


def test_is_in_the_units_of_the_objective_and_does_not_depend_on_where_they_begin():
    x = around(30, 0)
    one, other = regret_bound(SQUARE, x, bowl(x)), regret_bound(SQUARE, x, 1000 * bowl(x) - 7)

    assert_allclose(other.bound, 1000 * one.bound, rtol=1e-3)


def test_the_same_trials_give_the_same_bound():
    x = around(30, 0)

    assert regret_bound(SQUARE, x, bowl(x)) == regret_bound(SQUARE, x, bowl(x))


def test_is_not_trusted_where_the_objective_is_noise():
    trusted = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        trusted.append(regret_bound(SQUARE, rng.random((30, 2)), rng.standard_normal(30)).trusted)

    assert not any(trusted)


@pytest.mark.parametrize("y", [np.ones(20), np.full(20, np.nan), np.where(np.arange(20) < 4, np.arange(20), np.nan)])
def test_knows_nothing_from_equal_values_or_from_fewer_than_five(y):
    regret = regret_bound(SQUARE, np.random.default_rng(0).random((20, 2)), y)

    assert regret.bound == np.inf
    assert not regret.trusted


def test_a_finite_space_of_which_all_was_tried_has_nothing_left():
    space = Space({"k": Int(1, 6), "m": Int(1, 5)})
    x = space.snap(np.stack(np.meshgrid((np.arange(6) + 0.5) / 6, (np.arange(5) + 0.5) / 5), -1).reshape(-1, 2))

    regret = regret_bound(space, x, bowl(x))

    assert regret.bound < 0.05  # values from 3 to 9


def test_conditional_spaces_and_failures():
    problem = conditional_bowl()
    x = problem.space.sample(40, np.random.default_rng(0))
    y = np.array([problem(p) for p in problem.space.decode(x)])
    y[::7] = np.nan

    assert regret_bound(problem.space, x, y).bound > np.nanmin(y)


@pytest.mark.parametrize("warp", [half_rank_log, yeo_johnson])
def test_the_inverse_warp_returns_the_trials_and_goes_on_straight_below_them(warp):
    y = np.random.default_rng(0).lognormal(size=50)
    z = warp(y)
    back = _Inverse(z, y)

    assert_allclose(back(z), y, rtol=1e-9)
    below = back(z.min() - np.array([0.0, 1.0, 2.0]))
    steps = np.diff(below)
    assert_allclose(steps[0], steps[1])
    best, near = np.sort(y)[0], np.sort(y)[1:13]
    assert_allclose(-steps[0], np.max((near - best) / (np.sort(z)[1:13] - z.min())))


def test_takes_at_most_a_fixed_number_of_trials():
    y = np.random.default_rng(0).random(1_000)
    rows = _rows(y, 200)

    assert len(rows) == 200
    assert set(np.argsort(y)[:100]) <= set(rows)
    assert set(range(950, 1_000)) <= set(rows)
