"""The classifier of trials that succeed: reference values, and how much a few failures forbid."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from trimtab.acquisition import LogSuccess
from trimtab.surrogates import Columns, fit_success

COLUMNS = Columns.continuous(2)


def success(x, succeeded):
    latent, offset = fit_success(COLUMNS, x, succeeded)
    return LogSuccess(latent, offset)


def test_the_mode_is_stationary_and_the_variance_that_of_laplace(seed=1):
    """g = K slope (Rasmussen and Williams eq. 3.17), and var = k** - k* (K + W^-1)^-1 k* (eq. 3.24)."""
    rng = np.random.default_rng(seed)
    x = rng.random((25, 2))
    y = np.where(x[:, 0] < 0.6, 1.0, -1.0)
    latent, b = fit_success(COLUMNS, x, y > 0)
    f = latent.z + b
    ratio = norm.pdf(f) / norm.cdf(y * f)
    w = ratio * (ratio + y * f)
    r2 = ((latent.phi[:, None] - latent.phi[None]) ** 2).sum(-1)
    r = np.sqrt(5 * r2)
    k = latent.signal * (1 + r + r**2 / 3) * np.exp(-r)

    assert_allclose(latent.z, k @ (y * ratio), atol=1e-5)
    mean, sd = latent.predict(x)
    assert_allclose(mean, latent.z, atol=1e-5)
    assert_allclose(sd**2, np.diag(k - k @ np.linalg.solve(k + np.diag(1 / w), k)), atol=1e-5)


def test_gradients_are_those_of_finite_differences(seed=2):
    rng = np.random.default_rng(seed)
    x, u, e = rng.random((30, 2)), rng.random((6, 2)), 1e-6
    term = success(x, x.sum(1) < 1.1)
    number = np.stack([(term(u + e * step) - term(u - e * step)) / (2 * e) for step in np.eye(2)], axis=1)

    assert_allclose(term.gradient(u)[1], number, atol=1e-6)
    assert_allclose(term.gradient(u)[0], term(u))


def test_one_failure_forbids_little_and_ten_alike_forbid_the_kind(seed=3):
    rng = np.random.default_rng(seed)
    fine = np.column_stack([rng.uniform(0, 0.6, 10), rng.random(10)])
    bad = np.column_stack([rng.uniform(0.8, 1.0, 10), rng.random(10)])
    corner = np.array([[0.9, 0.5]])

    after_one = np.exp(success(np.concatenate([fine, bad[:1]]), np.arange(11) < 10)(corner))[0]
    after_ten = np.exp(success(np.concatenate([fine, bad]), np.arange(20) < 10)(corner))[0]

    assert after_one > 0.3
    assert after_ten < 0.15
    assert np.exp(success(np.concatenate([fine, bad]), np.arange(20) < 10)(np.array([[0.3, 0.5]])))[0] > 0.8


@pytest.mark.parametrize("succeeded", [False, True])
def test_all_alike_is_no_error(succeeded):
    x = np.random.default_rng(0).random((4, 2))
    p = np.exp(success(x, np.full(4, succeeded))(x))

    assert np.all((p > 0.5) == succeeded)


def test_many_trials_are_thinned_to_a_bounded_model(seed=4):
    x = np.random.default_rng(seed).random((400, 2))
    latent, _ = fit_success(COLUMNS, x, x[:, 0] < 0.9)

    assert latent.n == 100
    assert np.mean(latent.x[:, 0] >= 0.9) > 0.2  # failures, a tenth of all, are kept
