"""The warp that keeps the good values: order, distances, an exact inverse, and what it makes of a bad tail."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.numerics._tail_warp import TailWarp


def losses(n, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.2, 1e6 * rng.random(n), 0.3 + 0.1 * rng.random(n))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_order_mean_and_sd(n, seed):
    y = losses(n, seed)
    z = TailWarp.of(y)(y)

    assert (np.diff(z[np.argsort(y)]) > 0).all()
    assert_allclose([z.mean(), z.std()], [0.0, 1.0], atol=1e-9)


def test_good_values_keep_their_distances():
    y = losses(100, 0)
    z = TailWarp.of(y)(y)
    good = y < np.quantile(y, 0.7)

    ratio = (z[good] - z.min()) / np.maximum(y[good] - y.min(), 1e-12)
    assert_allclose(ratio[y[good] > y.min()], ratio.max(), rtol=1e-6)


def test_a_tail_of_a_million_times_the_rest_is_brought_in():
    y = losses(100, 0)
    z = TailWarp.of(y)(y)
    assert z.max() < 5.0


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_the_inverse_gives_the_values_back(unit):
    y = unit * losses(50, 1)
    warp = TailWarp.of(y)
    assert_allclose(warp.inverse(warp(y)), y, rtol=1e-9)


def test_the_inverse_goes_on_in_a_line_below_the_best():
    y = losses(50, 2)
    warp = TailWarp.of(y)
    best = warp(y).min()
    steps = np.diff(warp.inverse(best - np.arange(4.0)))
    assert_allclose(steps, steps[0])
    assert steps[0] < 0


@pytest.mark.parametrize("y", [[], [3.0], [3.0, 3.0, 3.0], [1e308, 1e308]])
def test_nothing_to_tell_apart_is_zero(y):
    y = np.array(y)
    warp = TailWarp.of(y)
    assert_allclose(warp(y), 0.0 * np.ones(len(y)))
    assert_allclose(warp.inverse(np.zeros(2)), y[:1].repeat(2) if len(y) else np.zeros(2))


@pytest.mark.parametrize(
    "y", [[-1e308, 1e308, 0.0], [0.0, 0.0, 0.0, 1.0], [1.0] * 9 + [5.0], [0.0, 1e-300, 1.0], [0.0] * 5 + [1.0] * 5]
)
def test_awkward_values_stay_finite_and_in_order(y):
    y = np.array(y)
    warp = TailWarp.of(y)
    z = warp(y)
    assert np.isfinite(z).all()
    assert (np.diff(z[np.argsort(y, kind="stable")]) >= 0).all()
    assert np.isfinite(warp.inverse(z)).all()
