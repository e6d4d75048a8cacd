"""Truncated normals against scipy.stats, also where the naive difference of two distribution functions is 0."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from trimtab.numerics import log_normal_mass, sample_truncated_normal, truncated_normal_log_density


@pytest.mark.parametrize("mean", [-0.5, 0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("sd", [0.03, 0.2, 1.0])
def test_density_is_that_of_scipy(mean, sd):
    x = np.linspace(0.0, 1.0, 41)

    density = truncated_normal_log_density(x, mean, sd)

    reference = stats.truncnorm.logpdf(x, (0 - mean) / sd, (1 - mean) / sd, loc=mean, scale=sd)
    assert_allclose(density, reference, rtol=1e-9, atol=1e-9)


def test_density_is_zero_outside():
    assert np.all(truncated_normal_log_density([-0.01, 1.01], 0.5, 0.2) == -np.inf)


def test_mass_is_symmetric_and_right_in_both_tails():
    """Phi(-20) - Phi(-21) is 2.75e-89; the same interval on the right must give the same, not log(1 - 1)."""
    left, right = log_normal_mass(-21.0, -20.0), log_normal_mass(20.0, 21.0)

    assert_allclose(left, stats.norm.logcdf(-20.0), rtol=1e-9)  # the part beyond -21 is a billionth of it
    assert_allclose(left, right, rtol=1e-12)


def test_masses_of_a_partition_sum_to_one():
    edges = np.concatenate([[-np.inf], np.linspace(-9, 9, 50), [np.inf]])

    assert_allclose(np.exp(log_normal_mass(edges[:-1], edges[1:])).sum(), 1.0, rtol=1e-12)


def test_mass_of_an_empty_interval_is_zero():
    assert log_normal_mass(1.5, 1.5) == -np.inf


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 0.1), (0.0, 0.5), (1.0, 0.02), (-2.0, 0.3), (4.0, 0.4)])
def test_draws_follow_the_distribution(mean, sd):
    draws = sample_truncated_normal(np.full(2_000, mean), sd, np.random.default_rng(11))

    reference = stats.truncnorm((0 - mean) / sd, (1 - mean) / sd, loc=mean, scale=sd)
    assert np.all((draws >= 0) & (draws <= 1))
    assert stats.kstest(draws, reference.cdf).pvalue > 1e-6  # a right sampler fails one fresh seed in a million


def test_draws_have_the_shape_of_mean_and_sd():
    draws = sample_truncated_normal(np.zeros((3, 1)), np.full(4, 0.2), np.random.default_rng(3))

    assert draws.shape == (3, 4)
