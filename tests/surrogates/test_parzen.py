"""The Parzen estimator: a density, computed as the formula says, sampled as it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from trimtab.surrogates import Axis, Parzen
from trimtab.surrogates._parzen import bandwidth

UNEVEN = np.array([0.1, 0.15, 0.4, 0.95])  # levels of a logarithmic integer lie like this


def mixed_axes():
    return [Axis.continuous(), Axis.discrete(UNEVEN), Axis.categorical(3), Axis.continuous()]


def mixed_points(n, rng):
    columns = [rng.random(n), rng.choice(UNEVEN, n), rng.choice(Axis.categorical(3).levels, n), rng.random(n)]
    return np.stack(columns, axis=1)


def naive_kernel(axis, x, centre, sd, smoothing):
    """One kernel at one coordinate, as the docstring of the module writes it."""
    if axis.kind == "categorical":
        n_choices = len(axis.levels)
        own = axis.level_of(np.array([x]))[0] == axis.level_of(np.array([centre]))[0]
        return ((1.0 if own else 0.0) + smoothing) / (1.0 + n_choices * smoothing)
    normal = stats.truncnorm((0 - centre) / sd, (1 - centre) / sd, loc=centre, scale=sd)
    if axis.kind == "continuous":
        return normal.pdf(x)
    k = axis.level_of(np.array([x]))[0]
    return normal.cdf(axis.edges[k + 1]) - normal.cdf(axis.edges[k])


def naive_density(axes, centres, weights, prior_weight, x):
    n, d = centres.shape
    weights = weights * n / weights.sum()
    total = 0.0
    for weight, centre in zip(weights, centres, strict=True):
        kernels = (naive_kernel(a, x[j], centre[j], bandwidth(n, d), 1 / (n + 1)) for j, a in enumerate(axes))
        total += weight * np.prod(list(kernels))
    prior = [
        1 / len(a.levels) if a.kind == "categorical" else naive_kernel(a, x[j], 0.5, 1.0, 0.0)
        for j, a in enumerate(axes)
    ]
    return (total + prior_weight * np.prod(prior)) / (n + prior_weight)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_matrix_product_gives_the_naive_formula(n):
    rng = np.random.default_rng(5 + n)
    axes, centres, weights = mixed_axes(), mixed_points(n, rng), rng.random(n) + 0.1
    x = np.vstack([mixed_points(6, rng), [0.0, 0.1, 0.5, 1.0], centres[0]])

    density = np.exp(Parzen.fit(axes, centres, weights, prior_weight=0.7).log_density(x))

    assert_allclose(density, [naive_density(axes, centres, weights, 0.7, row) for row in x], rtol=1e-7)


@pytest.mark.parametrize("n", [0, 1, 5, 60])
def test_density_integrates_to_one(n):
    axes = mixed_axes()[:3]
    parzen = Parzen.fit(axes, mixed_points(n, np.random.default_rng(2))[:, :3])
    nodes, node_weights = np.polynomial.legendre.leggauss(200)
    cells = itertools.product((nodes + 1) / 2, UNEVEN, axes[2].levels)

    density = np.exp(parzen.log_density(np.array(list(cells)))).reshape(200, -1)

    assert_allclose((node_weights / 2) @ density.sum(axis=1), 1.0, rtol=1e-9)


def test_draws_follow_the_density():
    """Chi-squared over levels x choices x ten slices of the continuous column; fails one fresh seed in a million."""
    n, rng = 4_000, np.random.default_rng(4)
    axes = mixed_axes()[:3]
    parzen = Parzen.fit(axes, mixed_points(4, rng)[:, :3])
    draws = parzen.sample(n, rng)

    fine = (np.arange(1_000) + 0.5) / 1_000
    cells = np.array(list(itertools.product(fine, UNEVEN, axes[2].levels)))
    expected = np.exp(parzen.log_density(cells)).reshape(10, 100, 4, 3).mean(axis=1) / 10
    level, choice = axes[1].level_of(draws[:, 1]), axes[2].level_of(draws[:, 2])
    observed = np.zeros_like(expected)
    np.add.at(observed, (np.minimum((draws[:, 0] * 10).astype(int), 9), level, choice), 1)

    assert np.all(np.isin(draws[:, 1], UNEVEN))
    assert stats.chisquare(observed.ravel(), expected.ravel() / expected.sum() * n).pvalue > 1e-6


def test_far_away_levels_keep_a_finite_density():
    """A ratio of two densities must not become nan where both are nearly 0."""
    axis = Axis.discrete((np.arange(500) + 0.5) / 500)
    parzen = Parzen.fit([axis], np.full((200, 1), axis.levels[0]))

    assert np.all(np.isfinite(parzen.log_density(axis.levels[:, None])))


@pytest.mark.parametrize("d", [1, 4, 9])
def test_bandwidth_narrows_with_points_and_keeps_its_floor(d):
    widths = [bandwidth(n, d) for n in (1, 3, 10, 100, 10_000, 10**9)]

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] >= 0.01


def test_without_points_it_is_the_prior():
    parzen = Parzen.fit([Axis.categorical(4)], np.empty((0, 1)), weights=np.empty(0))

    assert_allclose(parzen.log_density(Axis.categorical(4).levels[:, None]), np.log(0.25))
    assert set(parzen.sample(200, np.random.default_rng(6))[:, 0]) == set(Axis.categorical(4).levels)
