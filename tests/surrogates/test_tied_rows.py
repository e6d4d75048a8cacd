"""Tied rows of the product-kernel process: derivatives as neighbours that err with their trial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from trimtab.surrogates import ProductGP, Ties, evidence_of_columns, fit_product_gp
from trimtab.surrogates._product_fit import _Task

NUMERIC = np.zeros(3, dtype=bool)
H = 0.02


def function(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x[:, 0]) + 2 * (x[:, 1] - 0.6) ** 2


def slopes(x: np.ndarray) -> np.ndarray:
    return np.stack([3 * np.cos(3 * x[:, 0]), 4 * (x[:, 1] - 0.6), np.zeros(len(x))], axis=1)


def tied(n: int, with_slopes: int, seed: int = 0, own: float = 1e-6) -> tuple[np.ndarray, np.ndarray, Ties]:
    """Rows of n trials, the first ones with a neighbour along each column."""
    x = np.random.default_rng(seed).random((n, 3))
    y, gradient = function(x), slopes(x)
    trial = np.concatenate([np.arange(n), np.repeat(np.arange(with_slopes), 3)])
    points = np.repeat(x[:with_slopes], 3, axis=0) + np.tile(H * np.eye(3), (with_slopes, 1))
    z = np.concatenate([y, np.repeat(y[:with_slopes], 3) + H * gradient[:with_slopes].ravel()])
    return np.concatenate([x, points]), z, Ties(trial, np.where(np.arange(len(z)) < n, 0.0, own))


def process(n: int = 8, with_slopes: int = 5) -> ProductGP:
    x, y, ties = tied(n, with_slopes)
    return ProductGP(x, y, NUMERIC, 1.3, 0.05, np.array([0.8, 0.6, 0.3]), np.array([0.4, 0.6, 0.9]), ties)


def test_rows_of_one_trial_share_its_noise():
    gp = process()
    apart = gp.cholesky @ gp.cholesky.T - gp.kernel(gp.x, gp.x)
    same = gp.ties.trial[:, None] == gp.ties.trial

    assert_allclose(apart, 0.05 * same + np.diag(gp.ties.own), atol=1e-9)
    expected = multivariate_normal(
        np.zeros(len(gp.y)), gp.kernel(gp.x, gp.x) + 0.05 * same + np.diag(gp.ties.own + 1.3e-10)
    )
    assert_allclose(gp.log_evidence(), expected.logpdf(gp.y), rtol=1e-6)


def test_the_loss_has_the_gradient_that_it_says():
    task = _Task.of(*tied(8, 5)[:2], NUMERIC, tied(8, 5, own=1e-4)[2])
    theta = task.prior[0] + 0.1 * np.random.default_rng(1).standard_normal(len(task.prior[0]))
    steps = 1e-5 * np.eye(len(theta))

    differences = [(task.loss(theta + e)[0] - task.loss(theta - e)[0]) / 2e-5 for e in steps]
    assert_allclose(task.loss(theta)[1], differences, rtol=1e-4, atol=1e-4)


def test_the_posterior_has_the_slopes_it_was_told_though_values_are_noisy():
    gp = process()
    for j in range(3):
        mean, variance = gp.slope(gp.x[:5], j)
        assert_allclose(mean, slopes(gp.x[:5])[:, j], atol=0.15)
        assert np.all(variance < 0.1)


def test_a_trial_is_left_out_with_all_its_rows():
    gp = process()
    mean, variance = gp.leave_one_out()
    assert len(mean) == len(gp.values) == 8

    for i in (2, 7):
        rest = gp.of_trials(np.delete(np.arange(8), i))
        assert len(rest.y) == (19 if i == 2 else 22)
        expected, spread = rest.predict(gp.x[i : i + 1])
        assert_allclose([mean[i], variance[i]], [expected[0], spread[0] + gp.noise], atol=1e-6)
    assert len(gp.without_ties().y) == 8


def test_slopes_make_predictions_better_and_say_which_columns_matter():
    x, y, ties = tied(10, 10)
    centre = y[:10].mean()
    ours = fit_product_gp(x, y - centre, NUMERIC, ties=ties)
    theirs = fit_product_gp(x[:10], y[:10] - centre, NUMERIC)
    at = np.random.default_rng(9).random((200, 3))

    errors = [np.sqrt(np.mean((gp.best.predict(at)[0] + centre - function(at)) ** 2)) for gp in (ours, theirs)]
    assert errors[0] < 0.5 * errors[1]
    assert np.all(ours.best.predict(at)[1].mean() < theirs.best.predict(at)[1].mean())
    evidence = evidence_of_columns(ours, [[0], [1], [2]])
    assert evidence[:2].min() > 10.0 > evidence[2]


def test_without_ties_nothing_changes():
    x, y, _ = tied(9, 0)
    plain = fit_product_gp(x, y, NUMERIC, draws=2)
    none_tied = fit_product_gp(x, y, NUMERIC, draws=2, ties=Ties(np.arange(9), np.zeros(9)))

    assert_allclose(none_tied.best.length, plain.best.length, rtol=1e-6)
    assert_allclose(none_tied.best.leave_one_out(), replace(plain.best).leave_one_out(), rtol=1e-6)
