"""Warps keep the order, stay finite, and give mean 0 and standard deviation 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from trimtab.numerics import WARPS, half_rank_log, log_slope, rank_normal, standardise, yeo_johnson

ALL = {**WARPS, "standardise": standardise}
values = st.lists(st.floats(-1e12, 1e12) | st.sampled_from([0.0, 1.0, 1e300, -1e300]), min_size=1, max_size=40)


@pytest.mark.parametrize("name", ALL)
@given(y=values)
def test_is_monotone_finite_and_standard(name, y):
    y = np.array(y)
    z = ALL[name](y)

    assert z.shape == y.shape
    assert np.isfinite(z).all()
    assert np.all(np.diff(z[np.argsort(y, kind="stable")]) >= -1e-9)
    assert abs(z.mean()) < 1e-9
    assert abs(z.std() - 1.0) < 1e-9 or not z.any()


@pytest.mark.parametrize("name", ALL)
def test_separates_distinct_values_and_joins_ties(name):
    z = ALL[name](np.array([0.3, 0.1, 0.3, 0.2, 0.9]))

    assert z[0] == z[2]
    assert z[1] < z[3] < z[0] < z[4]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("y", [[], [3.0], [2.0, 2.0, 2.0], [0.1 + 0.2, 0.3]])
def test_gives_zeros_where_nothing_differs(name, y):
    assert_allclose(ALL[name](np.array(y)), np.zeros(len(y)))


@pytest.mark.parametrize("name", ALL)
def test_does_not_depend_on_units(name):
    y = np.random.default_rng(3).lognormal(size=30)

    assert_allclose(ALL[name](y), ALL[name](1e6 * y - 5e4), atol=1e-6)


def test_half_rank_forgets_how_bad_the_bad_half_is():
    y = np.random.default_rng(1).random(21)
    worse = np.where(y > np.median(y), y * 1e9, y)

    assert_allclose(half_rank_log(y), half_rank_log(worse))
    assert half_rank_log(worse).max() < 4.0


def test_half_rank_log_stretches_the_good_end():
    z = half_rank_log(np.linspace(0.0, 1.0, 101))

    assert z[1] - z[0] > 1.15 * (z[50] - z[49])


def test_rank_normal_gives_normal_scores():
    z = rank_normal(np.array([10.0, 1e9, -4.0]))

    assert_allclose(z, np.array([0.0, 1.0, -1.0]) * np.sqrt(1.5))


def test_rank_normal_averages_ties():
    z = rank_normal(np.array([1.0, 2.0, 2.0, 3.0]))

    assert_allclose(z[1:3], 0.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_yeo_johnson_makes_a_skewed_sample_symmetric(seed):
    y = np.random.default_rng(seed).lognormal(sigma=1.0, size=400)

    assert np.mean(standardise(y) ** 3) > 1.5
    assert abs(np.mean(yeo_johnson(y) ** 3)) < 0.3


def test_yeo_johnson_finds_the_likeliest_lambda():
    """The same answer as scipy.stats.yeojohnson on the same centred and scaled values."""
    from scipy.stats import yeojohnson

    y = np.random.default_rng(5).gamma(2.0, size=200)
    low, middle, high = np.quantile(y, [0.25, 0.5, 0.75])

    expected, _ = yeojohnson((y - middle) / (high - low))

    assert_allclose(yeo_johnson(y), standardise(expected), atol=1e-4)


def test_log_slope_of_a_linear_map_of_normal_scores_is_constant():
    y = np.random.default_rng(2).random(30)

    assert_allclose(log_slope(2.0 * rank_normal(y), y) - log_slope(rank_normal(y), y), np.log(2.0))


def test_log_slope_needs_three_values():
    assert_allclose(log_slope(np.array([-1.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0])), 0.0)
