"""The search's Gaussian process against dense formulas, finite differences and refits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.surrogates import Columns, GaussianProcess, fit_gp
from trimtab.surrogates._gp import _Objective

MIXED = Columns(
    ("continuous", "discrete", "categorical", "categorical", "continuous", "categorical"),
    np.array([0, 5, 3, 2, 0, 3]),
    np.array([False, False, False, False, True, True]),
)
RHO = 0.5


def draw(n, seed):
    """Points of MIXED: columns 4 and 5 are inactive in about 40 % of the rows each."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 6))
    for j, k in enumerate(MIXED.n_levels):
        if k:
            x[:, j] = (np.floor(x[:, j] * k) + 0.5) / k
    x[:, 4:] = np.where(rng.random((n, 2)) < 0.4, np.nan, x[:, 4:])
    return x


def theta_of(seed):
    theta = 0.7 * np.random.default_rng(seed).standard_normal(MIXED.d + 2)
    theta[-1] = -2.5
    return theta


def column_distance(j, a, b):
    """Squared distance of two values of column j of MIXED, straight from the definition."""
    if np.isnan(a) and np.isnan(b):
        return 0.0
    if MIXED.kinds[j] == "categorical":
        return float(a != b)  # inactive is one more choice
    if np.isnan(a) or np.isnan(b):
        return float((np.nansum([a, b]) - 0.5) ** 2 + RHO**2)
    return float((a - b) ** 2)


def dense_kernel(x, other, theta, additive=0.0):
    weights, signal = np.exp(theta[:-2]), np.exp(theta[-2])
    each = np.array([[[weights[j] * column_distance(j, p[j], q[j]) for q in other] for p in x] for j in range(6)])
    return signal * ((1.0 - additive) * unit_matern(each.sum(0)) + additive * unit_matern(each).mean(0))


def unit_matern(r2):
    r = np.sqrt(5.0 * r2)
    return (1.0 + r + r**2 / 3.0) * np.exp(-r)


def dense_posterior(x, z, new, theta, additive=0.0):
    c = dense_kernel(x, x, theta, additive) + np.exp(theta[-1]) * np.eye(len(z))
    cross = dense_kernel(new, x, theta, additive)
    mean = cross @ np.linalg.solve(c, z)
    variance = np.exp(theta[-2]) - np.diag(cross @ np.linalg.solve(c, cross.T))
    return mean, np.sqrt(variance)


@pytest.mark.parametrize("additive", [0.0, 0.3, 1.0])
def test_posterior_is_the_dense_formula(additive):
    x, z, new, theta = draw(25, 0), np.random.default_rng(1).standard_normal(25), draw(9, 2), theta_of(3)

    mean, sd = GaussianProcess.condition(MIXED, theta, x, z, additive).predict(new)

    assert_allclose((mean, sd), dense_posterior(x, z, new, theta, additive), rtol=1e-8, atol=1e-10)


def test_likelihood_is_the_normal_density():
    from scipy.stats import multivariate_normal

    x, z, theta = draw(12, 0), np.random.default_rng(1).standard_normal(12), theta_of(3)
    c = dense_kernel(x, x, theta) + np.exp(theta[-1]) * np.eye(12)

    gp = GaussianProcess.condition(MIXED, theta, x, z)

    assert gp.log_likelihood() == pytest.approx(multivariate_normal(np.zeros(12), c).logpdf(z))


@pytest.mark.parametrize("additive", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_gradient_of_the_likelihood_is_right(seed, additive):
    x, z, theta = draw(30, seed), np.random.default_rng(seed).standard_normal(30), theta_of(seed)
    objective, step = _Objective(MIXED, x, z, additive), 1e-6

    _, gradient = objective(theta)
    moves = step * np.eye(len(theta))
    numeric = [(objective(theta + m)[0] - objective(theta - m)[0]) / (2 * step) for m in moves]

    assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("additive", [0.0, 0.5])
@pytest.mark.parametrize("j", [0, 1, 4])
def test_gradient_of_the_posterior_is_right(j, additive):
    x, new, step = draw(30, 5), draw(8, 6), 1e-6
    gp = GaussianProcess.condition(MIXED, theta_of(7), x, np.sin(5 * x[:, 0]) + x[:, 1], additive)
    up, down = new.copy(), new.copy()
    up[:, j] += step
    down[:, j] -= step
    inactive = np.isnan(new[:, j])

    mean, sd, d_mean, d_sd = gp.predict_gradient(new)
    numeric = (np.array(gp.predict(up)) - np.array(gp.predict(down))) / (2 * step)

    assert_allclose((mean, sd), gp.predict(new))
    assert_allclose(d_mean[~inactive, j], numeric[0][~inactive], rtol=1e-5, atol=1e-7)
    assert_allclose(d_sd[~inactive, j], numeric[1][~inactive], rtol=1e-4, atol=1e-6)
    assert not d_mean[inactive, j].any()
    assert not d_mean[:, [2, 3, 5]].any()


def test_leave_one_out_is_refitting_without_the_point():
    x, z, theta = draw(15, 0), np.random.default_rng(1).standard_normal(15), theta_of(2)

    mean, sd = GaussianProcess.condition(MIXED, theta, x, z).leave_one_out()

    for i in range(15):
        rest = np.arange(15) != i
        m, s = dense_posterior(x[rest], z[rest], x[i : i + 1], theta)
        assert_allclose((mean[i], sd[i]), (m[0], np.sqrt(s[0] ** 2 + np.exp(theta[-1]))), rtol=1e-7)


@pytest.mark.parametrize("additive", [0.0, 0.5])
def test_extending_is_conditioning_on_all(additive):
    x, z, theta = draw(20, 0), np.random.default_rng(1).standard_normal(20), theta_of(2)

    grown = GaussianProcess.condition(MIXED, theta, x[:15], z[:15], additive).extend(x[15:], z[15:])
    whole = GaussianProcess.condition(MIXED, theta, x, z, additive)

    assert_allclose(grown.predict(draw(6, 9)), whole.predict(draw(6, 9)), rtol=1e-9, atol=1e-12)


def test_believing_keeps_the_mean_and_lowers_the_variance():
    x, new = draw(15, 0), draw(6, 9)
    gp = GaussianProcess.condition(MIXED, theta_of(2), x, np.random.default_rng(1).standard_normal(15))

    mean, sd = gp.predict(new)
    believed_mean, believed_sd = gp.believe(new[:2]).predict(new)

    assert_allclose(believed_mean, mean, atol=1e-9)
    assert np.all(believed_sd <= sd + 1e-12)
    assert np.all(believed_sd[:2] < 0.5 * sd[:2])


def test_fitted_is_the_mean_at_its_own_points():
    x = draw(15, 0)
    gp = GaussianProcess.condition(MIXED, theta_of(2), x, np.random.default_rng(1).standard_normal(15))

    assert_allclose(gp.fitted, gp.predict(x)[0], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_kernel_is_positive_definite_on_conditional_columns(seed):
    """Every pattern of activity, at all scales: a constant distance to "inactive" would fail here."""
    x, theta = draw(120, seed), theta_of(seed)
    theta[:-2] += 2.0 * seed

    assert np.linalg.eigvalsh(dense_kernel(x, x, theta)).min() > -1e-10


def test_fit_finds_which_columns_matter():
    rng = np.random.default_rng(0)
    x = rng.random((60, 3))
    z = np.sin(6.0 * x[:, 0]) + 0.3 * x[:, 1] + 0.05 * rng.standard_normal(60)
    z = (z - z.mean()) / z.std()

    gp = fit_gp(Columns.continuous(3), x, z)

    assert gp.weights[0] > 5 * gp.weights[1] > 5 * gp.weights[2]
    assert 0.001 < gp.noise < 0.05  # the truth is 0.0025 over the variance of z, about 0.006


@pytest.mark.parametrize("seed", range(3))
def test_fit_knows_noise(seed):
    """Pure noise is not interpolated: most of its unit variance is called noise."""
    rng = np.random.default_rng(seed)
    x, z = rng.random((60, 3)), rng.standard_normal(60)

    gp = fit_gp(Columns.continuous(3), x, (z - z.mean()) / z.std())

    assert gp.noise > 0.5
    assert np.abs(gp.predict(rng.random((50, 3)))[0]).max() < 1.0


@pytest.mark.parametrize(
    ("x", "z"),
    [
        (np.empty((0, 2)), np.empty(0)),
        (np.array([[0.5, 0.5]]), np.zeros(1)),
        (np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([-1.0, 1.0])),
        (np.full((30, 2), 0.3), np.zeros(30)),
        (np.repeat(np.random.default_rng(0).random((10, 2)), 3, axis=0), np.tile([-1.0, 0.0, 1.0], 10)),
    ],
    ids=["none", "one", "two equal", "constant", "replicates"],
)
def test_never_fails_on_degenerate_data(x, z):
    mean, sd = fit_gp(Columns.continuous(2), x, z).predict(np.random.default_rng(1).random((7, 2)))

    assert np.isfinite(mean).all()
    assert np.all(sd > 0)


def test_distance_of_features_is_the_distance_of_columns():
    x = draw(10, 4)
    phi = MIXED.features(x)

    for p, a in zip(x, phi, strict=True):
        for q, b in zip(x, phi, strict=True):
            expected = [column_distance(j, p[j], q[j]) for j in range(6)]
            assert_allclose(np.bincount(MIXED.owner, (a - b) ** 2), expected, atol=1e-12)


def test_reinterpolation_keeps_the_mean_and_is_sure_of_what_was_tried():
    """Forrester, Keane and Bressloff 2006: the regression's mean, an interpolation's uncertainty."""
    x, theta = draw(20, seed=21), theta_of(seed=22)
    z = np.random.default_rng(23).standard_normal(20)
    noisy = GaussianProcess.condition(MIXED, theta, x, z)
    sure = noisy.reinterpolated()
    new = draw(30, seed=24)

    assert_allclose(sure.predict(new)[0], noisy.predict(new)[0])
    assert np.all(sure.predict(new)[1] <= noisy.predict(new)[1])
    assert noisy.predict(x)[1].min() > 0.05
    assert sure.predict(x)[1].max() < 0.01
    exact = theta.copy()
    exact[-1] = np.log(noisy.signal * 1e-6)
    assert_allclose(sure.predict(new)[1], GaussianProcess.condition(MIXED, exact, x, z).predict(new)[1], rtol=1e-6)


def test_an_additive_kernel_learns_single_effects_from_few_trials():
    """6 columns, 14 trials of a sum of single effects: error on new points, additive half against none.

    20 seeds gave a mean log ratio of 0.171 with standard error 0.024: 0.1 is 3 of them away.
    """
    columns, errors = Columns.continuous(6), []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, new = rng.random((14, 6)), rng.random((200, 6))
        truth = [np.sin(4.0 * (u @ np.diag([1.0, 0.6, 0.8, 0.4, 0.9, 0.5]))).sum(1) for u in (x, new)]
        z, expected = [(t - truth[0].mean()) / truth[0].std() for t in truth]
        errors.append(
            [np.mean((fit_gp(columns, x, z, additive=a).predict(new)[0] - expected) ** 2) for a in (0.0, 0.5)]
        )

    assert np.diff(np.log(errors), axis=1).mean() < -0.1
