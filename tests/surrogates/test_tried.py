"""The model of evaluated configurations: its formulas against plain linear algebra, and what repeats teach it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.surrogates import Columns
from trimtab.surrogates._tried import Tried, fit_tried, good_and_spread


def test_posterior_and_density_of_rows_and_of_their_means_are_the_same():
    """Replicates merged to means with noise / count say what the single trials say."""
    rng = np.random.default_rng(0)
    x = rng.random((5, 2))
    k = np.exp(-((x[:, None] - x) ** 2).sum(-1))
    which = np.array([0, 1, 2, 3, 4, 0, 0, 3])
    z = rng.standard_normal(8)
    own, noise, count = 0.2, 0.5, np.bincount(which)
    mean = np.bincount(which, z) / count
    within = float(np.sum((z - mean[which]) ** 2))

    prior = k + own * np.eye(5)
    rows = prior[np.ix_(which, which)] + noise * np.eye(8)
    expected = prior[:, which] @ np.linalg.solve(rows, z)
    covariance = prior - prior[:, which] @ np.linalg.solve(rows, prior[which])

    tried = Tried.condition(k, own, noise, mean, count)
    assert_allclose(tried.mean, expected)
    assert_allclose(tried.covariance(np.array([3, 0])), covariance[np.ix_([3, 0], [3, 0])], atol=1e-12)

    def density(own, noise):
        rows = (k + own * np.eye(5))[np.ix_(which, which)] + noise * np.eye(8)
        return -0.5 * z @ np.linalg.solve(rows, z) - 0.5 * np.linalg.slogdet(rows)[1]

    merged = [Tried.condition(k, a, b, mean, count).log_density(8, within) for a, b in [(0.2, 0.5), (0.05, 0.1)]]
    assert_allclose(merged[0] - merged[1], density(0.2, 0.5) - density(0.05, 0.1))


def sample(n, repeats, noise, own, seed):
    """Trials of a smooth function with effects of their own (sd `own`) and noise (sd `noise`)."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    truth = np.sin(3.0 * x).sum(1) + own * rng.standard_normal(n)
    which = np.repeat(np.arange(n), repeats)
    z = truth[which] + noise * rng.standard_normal(n * repeats)
    return x, (z - z.mean()) / z.std(), which, z.std()


@pytest.mark.parametrize("seed", range(3))
def test_repeats_tell_noise_from_effects_of_the_configurations(seed):
    """With 3 repeats of 30 configurations the noise is known to about 10 %; a factor of 1.5 fails far beyond 1e-6."""
    x, z, which, scale = sample(30, 3, noise=0.3, own=0.0, seed=seed)
    weights, parts = fit_tried(Columns.continuous(2), x, z, which)
    noise = scale * np.sqrt(weights @ [part.noise for part in parts])
    assert 0.2 < noise < 0.45

    x, z, which, scale = sample(30, 3, noise=0.02, own=0.4, seed=seed)
    weights, parts = fit_tried(Columns.continuous(2), x, z, which)
    assert scale * np.sqrt(weights @ [part.noise for part in parts]) < 0.1


def test_a_function_without_noise_is_believed():
    x, z, which, _ = sample(40, 1, noise=0.0, own=0.0, seed=0)
    weights, parts = fit_tried(Columns.continuous(2), x, z, which)
    assert_allclose(weights.sum(), 1.0)
    assert np.abs(weights @ [part.mean for part in parts] - z).max() < 0.02


def test_good_and_spread_keeps_the_best_and_the_order():
    z = np.random.default_rng(0).random(50)
    rows = good_and_spread(z, 20)
    assert len(rows) == 20
    assert (np.diff(rows) > 0).all()
    assert set(np.argsort(z)[:10]) <= set(rows)
    assert_allclose(good_and_spread(z, 50), np.arange(50))
