"""The product-kernel GP: right gradients, a valid kernel with inactive columns, textbook identities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from trimtab.surrogates import ProductGP, evidence_of_columns, fit_product_gp
from trimtab.surrogates._product_fit import _Task

CATEGORICAL = np.array([False, True, False])


def trials(n, seed):
    """One live numeric column, one live categorical column of three choices, one that is inactive in part of the trials."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3))
    x[:, 1] = (np.floor(3 * x[:, 1]) + 0.5) / 3
    x[rng.random(n) < 0.4, 2] = np.nan
    y = np.sin(5 * x[:, 0]) + (x[:, 1] > 0.6) + 0.1 * rng.standard_normal(n)
    return x, (y - y.mean()) / y.std()


def some_gp(n=25, seed=0):
    x, y = trials(n, seed)
    return ProductGP(x, y, CATEGORICAL, 1.7, 0.05, np.array([0.6, 0.3, 0.5]), np.array([0.4, 1.0, 0.7]))


def test_gradient_of_the_loss_is_that_of_finite_differences(seed=1):
    x, y = trials(30, seed)
    task = _Task.of(x, y, CATEGORICAL)
    theta = task.prior[0] + 0.5 * np.random.default_rng(seed).standard_normal(2 + 3 + 2)

    step = 1e-5 * np.eye(len(theta))
    expected = [(task.loss(theta + e)[0] - task.loss(theta - e)[0]) / 2e-5 for e in step]

    assert_allclose(task.loss(theta)[1], expected, rtol=1e-5, atol=1e-6)


def test_log_evidence_is_the_density_of_the_trials():
    gp = some_gp()
    covariance = gp.kernel(gp.x, gp.x) + (gp.noise + 1e-10 * gp.sigma2) * np.eye(len(gp.y))

    assert_allclose(gp.log_evidence(), multivariate_normal(np.zeros(len(gp.y)), covariance).logpdf(gp.y), rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_kernel_is_positive_definite_with_inactive_columns(seed):
    rng = np.random.default_rng(seed)
    x = rng.random((40, 3))
    x[:, 1] = (np.floor(3 * x[:, 1]) + 0.5) / 3
    x[rng.random((40, 3)) < 0.3] = np.nan
    gp = replace(some_gp(), share=rng.random(3), length=np.exp(rng.normal(size=3)))

    assert np.linalg.eigvalsh(gp.kernel(x, x)).min() > -1e-9


def test_leaving_one_out_is_predicting_it_from_the_others():
    gp = some_gp()
    mean, variance = gp.leave_one_out()
    others = np.arange(len(gp.y)) != 7
    mean_7, variance_7 = replace(gp, x=gp.x[others], y=gp.y[others]).predict(gp.x[[7]])

    assert_allclose(mean[7], mean_7[0], atol=1e-7)
    assert_allclose(variance[7], variance_7[0] + gp.noise, atol=1e-7)


def test_slope_is_that_of_the_prediction():
    gp = some_gp()
    u = np.array([[0.31, 0.5, 0.6], [0.8, 1 / 6, np.nan]])
    h = np.array([1e-4, 0.0, 0.0])
    mean, variance = gp.slope(u, 0)

    assert_allclose(mean, (gp.predict(u + h)[0] - gp.predict(u - h)[0]) / 2e-4, rtol=1e-5)
    for k in range(2):
        _, joint = gp.covariance(np.stack([u[k] + 20 * h, u[k] - 20 * h]))
        assert_allclose(variance[k], (joint[0, 0] + joint[1, 1] - 2 * joint[0, 1]) / 4e-3**2, rtol=2e-2)


def test_unordered_choices_have_no_slope():
    gp = some_gp()

    assert_array_equal(gp.slope(gp.x[:3], 1)[0], 0.0)
    assert_array_equal(gp.slope(gp.x[:3], 1)[1], 0.0)


def test_the_same_trials_give_the_same_draws(seed=3):
    x, y = trials(30, seed)
    first, second = (fit_product_gp(x, y, CATEGORICAL, draws=6, seed=1) for _ in range(2))

    assert first.best.log_evidence() == second.best.log_evidence()
    assert [g.noise for g in first.draws] == [g.noise for g in second.draws]
    assert len({g.noise for g in first.draws}) > 1


def test_noise_of_the_fit_is_the_noise_of_the_trials(seed=4):
    rng = np.random.default_rng(seed)
    x = rng.random((120, 2))
    y = np.sin(6 * x[:, 0]) + 0.3 * rng.standard_normal(120)
    scale = y.std()
    fit = fit_product_gp(x, (y - y.mean()) / scale, np.zeros(2, dtype=bool))

    assert 0.22 < np.sqrt(fit.best.noise) * scale < 0.38


def test_evidence_tells_live_columns_from_dead_ones(seed=5):
    x, y = trials(80, seed)
    evidence = evidence_of_columns(fit_product_gp(x, y, CATEGORICAL), [[0], [1], [2], [0, 1, 2]])

    assert evidence[0] > 10
    assert evidence[1] > 10
    assert evidence[2] < 2
    assert evidence[3] > evidence[:3].max()


def test_duplicated_trials_are_no_trouble(seed=6):
    x, y = trials(10, seed)
    fit = fit_product_gp(np.tile(x, (4, 1)), np.tile(y, 4), CATEGORICAL, draws=2)

    assert np.isfinite(fit.best.predict(x)[0]).all()
