"""Log expected improvement against quadrature, in the far tail, and its slopes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from trimtab.acquisition import LogExpectedImprovement, log_expected_improvement, log_expected_improvement_slopes
from trimtab.surrogates import Columns, GaussianProcess


def by_quadrature(z):
    """log h(z) for z < 0: h = phi(z) / z^2 * integral of u exp(-u - u^2 / (2 z^2)), which has no small numbers left."""
    integral, _ = quad(lambda u: u * np.exp(-u - u**2 / (2 * z**2)), 0, np.inf, epsabs=0, epsrel=1e-12)
    return -0.5 * z**2 - 0.5 * np.log(2 * np.pi) - 2 * np.log(-z) + np.log(integral)


@pytest.mark.parametrize("z", [-0.3, -0.999, -1.001, -3.0, -8.0, -40.0, -999.0, -1001.0, -1e4, -1e6])
def test_is_the_integral(z):
    value = log_expected_improvement(np.array([-z]), np.ones(1), 0.0)

    assert_allclose(value, by_quadrature(z), rtol=1e-9)


@pytest.mark.parametrize("z", [0.0, 0.5, 3.0, 30.0])
def test_is_the_closed_form_where_that_is_exact(z):
    from scipy.stats import norm

    value = log_expected_improvement(np.array([-z]), np.ones(1), 0.0)

    assert_allclose(value, np.log(norm.pdf(z) + z * norm.cdf(z)), rtol=1e-13)


def test_is_in_units_of_the_objective():
    mean, sd = np.array([0.3, -2.0]), np.array([0.1, 2.0])

    assert_allclose(
        log_expected_improvement(10 * mean, 10 * sd, 5.0), np.log(10) + log_expected_improvement(mean, sd, 0.5)
    )


def test_grows_without_jumps_over_all_scales():
    z = np.unique(np.concatenate([-np.logspace(-3, 6, 4000), np.linspace(0, 10, 500)]))

    value = log_expected_improvement(-z, np.ones(len(z)), 0.0)

    assert np.isfinite(value).all()
    assert np.all(np.diff(value) > 0)


@pytest.mark.parametrize("z", [4.0, 0.0, -0.99, -1.01, -20.0, -300.0])
def test_slopes_are_differences(z):
    mean, sd, step = np.array([-0.7 * z]), np.array([0.7]), 1e-6

    by_mean, by_sd = log_expected_improvement_slopes(mean, sd, 0.0)
    numeric_mean = np.diff([log_expected_improvement(mean + s, sd, 0.0)[0] for s in (-step, step)]) / (2 * step)
    numeric_sd = np.diff([log_expected_improvement(mean, sd + s, 0.0)[0] for s in (-step, step)]) / (2 * step)

    assert_allclose(by_mean, numeric_mean, rtol=1e-4)
    assert_allclose(by_sd, numeric_sd, rtol=1e-4)


def test_slopes_stay_finite_in_the_far_tail():
    by_mean, by_sd = log_expected_improvement_slopes(np.array([1e6]), np.ones(1), 0.0)

    assert_allclose(by_mean, -1e6, rtol=1e-6)
    assert_allclose(by_sd, 1e12, rtol=1e-6)


@pytest.mark.parametrize("best", [-0.5, -3.0, -50.0])
def test_gradient_by_x_is_right(best):
    rng = np.random.default_rng(0)
    x = rng.random((20, 3))
    gp = GaussianProcess.condition(Columns.continuous(3), np.array([1.0, 0.0, 0.5, 0.0, -3.0]), x, np.sin(5 * x[:, 0]))
    acquisition, new, step = LogExpectedImprovement(gp, best), rng.random((6, 3)), 1e-6

    value, gradient = acquisition.gradient(new)
    moves = step * np.eye(3)
    numeric = np.stack([(acquisition(new + m) - acquisition(new - m)) / (2 * step) for m in moves], axis=1)

    assert_allclose(value, acquisition(new))
    assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)
