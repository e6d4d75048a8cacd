"""Derivative observations: covariances against differences of the kernel, and a process that meets the slopes it was told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.surrogates import Columns, GaussianProcess, Slopes, fit_gp, fit_gp_slopes
from trimtab.surrogates._gp_slopes import STEEP, Hyper
from trimtab.surrogates._gp_slopes_fit import SlopesObjective
from trimtab.surrogates._matern import kernel

MIXED = Columns(
    ("continuous", "discrete", "categorical", "continuous", "continuous"),
    np.array([0, 5, 3, 0, 0]),
    np.array([False, False, False, True, False]),
)
THETA = np.array([0.3, -0.2, 0.1, 0.5, -0.1, 0.2, -3.0])
NUMERIC = [0, 1, 3, 4]


def points(n: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).random((n, 5))
    x[:, 2] = (np.floor(3 * x[:, 2]) + 0.5) / 3
    return x


def some_data(seed: int = 0):
    """Values at 9 points, in part inactive, and slopes at 7 of them."""
    rng = np.random.default_rng(seed)
    x = points(9, seed)
    x[::3, 3] = np.nan
    slopes = rng.standard_normal((9, 5))
    slopes[4:6] = np.nan
    return x, rng.standard_normal(9), Slopes.of(MIXED, x, slopes)


@pytest.mark.parametrize("additive", [0.0, 0.5])
def test_covariances_of_derivatives_are_differences_of_the_kernel(additive):
    hyper, h = Hyper(MIXED, THETA, additive), 1e-4
    u, v = points(4, 1), points(3, 2)
    v[0, NUMERIC] = u[0, NUMERIC]  # also at the place itself, where the third derivative of the kernel has a corner

    def k(u, v):
        return kernel(hyper.weighted(u), hyper.weighted(v), float(np.exp(THETA[-2])), additive, MIXED.owner)

    for i in NUMERIC:
        e = h * np.eye(5)[i]
        gaps = hyper.gaps(hyper.weighted(u), np.full(4, i), hyper.weighted(v))
        assert_allclose(gaps.with_values(), (k(u + e, v) - k(u - e, v)) / (2 * h), atol=1e-6)
        for j in NUMERIC:
            f = h * np.eye(5)[j]
            mixed = (k(u + e, v + f) - k(u - e, v + f) - k(u + e, v - f) + k(u - e, v - f)) / (4 * h * h)
            assert_allclose(gaps.with_slopes(np.full(3, j)), mixed, atol=3e-3)  # the corner costs a power of h


@pytest.mark.parametrize("additive", [0.0, 0.5])
def test_the_likelihood_has_the_gradient_that_it_says(additive):
    x, z, slopes = some_data()
    objective, theta = SlopesObjective(MIXED, x, z, slopes, additive), np.array([*THETA, -2.0])

    _, gradient = objective(theta)
    steps = 1e-6 * np.eye(len(theta))
    differences = [(objective(theta + e)[0] - objective(theta - e)[0]) / 2e-6 for e in steps]
    assert_allclose(gradient, differences, atol=1e-6)


@pytest.mark.parametrize("additive", [0.0, 0.5])
def test_predictions_have_the_gradients_that_they_say(additive):
    x, z, slopes = some_data()
    gp = GaussianProcess.condition(MIXED, THETA, x, z, additive, slopes.with_noise(1e-3))
    at = points(4, 3)
    at[0, 3] = np.nan

    mean, sd, d_mean, d_sd = gp.predict_gradient(at)
    assert_allclose((mean, sd), gp.predict(at), atol=1e-12)
    for j in NUMERIC:
        e = 1e-6 * np.eye(5)[j]
        by_mean, by_sd = ((a - b) / 2e-6 for a, b in zip(gp.predict(at + e), gp.predict(at - e), strict=True))
        known = ~np.isnan(at[:, j])
        assert_allclose(d_mean[known, j], by_mean[known], atol=1e-6)
        assert_allclose(d_sd[known, j], by_sd[known], atol=1e-6)


def test_the_posterior_meets_the_derivatives(monkeypatch):
    """Without noise it has the slopes it was told, and is surer of the values beside."""
    monkeypatch.setattr("trimtab.surrogates._gp_slopes.STEEP", 1e6)
    x, z, slopes = some_data()
    theta = np.array([*THETA[:-1], -13.0])
    gp = GaussianProcess.condition(MIXED, theta, x, z, 0.5, slopes.with_noise(1e-9))
    plain = GaussianProcess.condition(MIXED, theta, x, z, 0.5)

    _, _, slope, _ = gp.predict_gradient(slopes.x)
    told = slope[np.arange(len(slopes.value)), slopes.column]
    assert_allclose(told, slopes.value, atol=0.02)
    assert_allclose(gp.predict(x)[0], z, atol=1e-3)
    near = x + 0.05 * np.eye(5)[0]
    assert np.all(gp.predict(near)[1] <= plain.predict(near)[1] + 1e-9)


def test_the_process_grows_as_if_it_had_known_from_the_start():
    x, z, slopes = some_data()
    slopes = slopes.with_noise(1e-2)
    more = points(3, 4)
    whole = GaussianProcess.condition(
        MIXED, THETA, np.concatenate([x, more]), np.concatenate([z, np.ones(3)]), 0.5, slopes
    )
    grown = GaussianProcess.condition(MIXED, THETA, x, z, 0.5, slopes).extend(more, np.ones(3))

    assert_allclose(grown.alpha, whole.alpha, rtol=1e-6, atol=1e-9)
    assert_allclose(grown.fitted, whole.predict(whole.x)[0], atol=1e-8)
    assert_allclose(grown.believe(more).predict(x)[0], grown.predict(x)[0], atol=1e-8)
    sure = grown.reinterpolated()
    assert_allclose(sure.predict(x)[0], grown.predict(x)[0], atol=1e-12)
    assert np.all(sure.predict(x)[1] < 0.01)


def test_each_target_is_predicted_from_all_others_and_the_derivatives():
    x, z, slopes = some_data()
    slopes = slopes.with_noise(1e-2)
    mean, sd = GaussianProcess.condition(MIXED, THETA, x, z, 0.5, slopes).leave_one_out()

    rest = np.delete(np.arange(9), 2)
    others = GaussianProcess.condition(MIXED, THETA, x[rest], z[rest], 0.5, slopes)
    expected, spread = others.predict(x[2:3])
    assert_allclose(mean[2], expected[0], atol=1e-8)
    assert_allclose(sd[2] ** 2, spread[0] ** 2 + others.noise, atol=1e-8)


def test_slopes_teach_a_smooth_function_from_fewer_points():
    """The error of predictions from 6 points with slopes is below that of 12 without: each seed fails with < 1e-3."""
    columns, rng = Columns.continuous(3), np.random.default_rng(0)

    def f(x):
        return np.sin(3 * x[:, 0]) + (x[:, 1] - 0.6) ** 2 * 4 + x[:, 0] * x[:, 2]

    def slope(x):
        return np.stack([3 * np.cos(3 * x[:, 0]) + x[:, 2], 8 * (x[:, 1] - 0.6), x[:, 0]], axis=1)

    errors = []
    for _ in range(5):
        x, at = rng.random((12, 3)), rng.random((200, 3))
        with_slopes = fit_gp_slopes(columns, x[:6], f(x[:6]), Slopes.of(columns, x[:6], slope(x[:6])))
        without = fit_gp(columns, x, f(x))
        errors.append([np.sqrt(np.mean((gp.predict(at)[0] - f(at)) ** 2)) for gp in (with_slopes, without)])
    ours, theirs = np.mean(errors, axis=0)
    assert ours < 0.7 * theirs


def test_steep_slopes_count_for_little():
    x = np.array([[0.5]])
    columns, theta = Columns.continuous(1), np.array([1.0, 0.0, -6.0])

    def after(value):
        slopes = Slopes(x, np.array([0]), np.array([value]), noise=1e-4)
        _, _, slope, _ = GaussianProcess.condition(columns, theta, x, np.zeros(1), 0.0, slopes).predict_gradient(x)
        return slope[0, 0]

    assert after(1.0) == pytest.approx(1.0, rel=0.01)
    assert 0.0 < after(10 * STEEP) < after(1.0)


def test_only_what_is_known_and_numeric_is_observed():
    x, slopes = points(3, 0), np.full((3, 5), np.nan)
    assert Slopes.of(MIXED, x, slopes) is None
    slopes[1] = 2.0
    x[1, 3] = np.nan
    found = Slopes.of(MIXED, x, slopes)
    assert found.column.tolist() == [0, 1, 4]
    assert_allclose(found.x, x[[1, 1, 1]])
