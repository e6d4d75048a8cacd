"""Expected hypervolume improvement and the probability of keeping a limit, against Monte Carlo and differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from trimtab.acquisition import LogExpectedImprovement, LogHypervolumeImprovement, LogWithinLimit
from trimtab.numerics import FloatArray
from trimtab.numerics._pareto import hypervolume


@dataclass
class Made:
    """A posterior with a known mean and sd, both functions of x (m, d)."""

    weight: FloatArray
    shift: float = 0.0
    scale: float = 0.3

    def predict(self, x):
        return self.shift + x @ self.weight, self.scale * (1.0 + x[:, 0] ** 2)

    def predict_gradient(self, x):
        mean, sd = self.predict(x)
        d_sd = np.zeros_like(x)
        d_sd[:, 0] = 2.0 * self.scale * x[:, 0]
        return mean, sd, np.tile(self.weight, (len(x), 1)), d_sd


POSTERIORS = (
    Made(np.array([1.0, -0.5])),
    Made(np.array([-1.0, 0.3]), 0.8, 0.2),
    Made(np.array([0.2, 0.9]), 0.1, 0.4),
)
X = np.random.default_rng(1).random((6, 2))


def front(m):
    y = np.abs(np.random.default_rng(m).standard_normal((7, m)))
    return 0.9 * y / np.linalg.norm(y, axis=1, keepdims=True)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_against_monte_carlo(m):
    """Within 6 standard errors of 1,500 draws: fails once in 5e8 runs, and the seed is fixed."""
    y, reference = front(m), np.full(m, 1.2)
    value = np.exp(LogHypervolumeImprovement(POSTERIORS[:m], y, reference)(X[:3]))
    rng = np.random.default_rng(0)
    before = hypervolume(y, reference)
    for i in range(3):
        draws = np.stack([p.predict(X)[0][i] + p.predict(X)[1][i] * rng.standard_normal(1_500) for p in POSTERIORS[:m]])
        gains = np.array([hypervolume(np.vstack([y, d]), reference) for d in draws.T]) - before
        assert abs(value[i] - gains.mean()) < 6.0 * gains.std() / np.sqrt(len(gains))


def test_of_one_objective_it_is_the_expected_improvement():
    y = np.array([[0.4], [0.6]])
    mine = LogHypervolumeImprovement(POSTERIORS[:1], y, np.array([5.0]))
    other = LogExpectedImprovement(POSTERIORS[0], 0.4)
    assert_allclose(mine(X), other(X), rtol=1e-12)
    assert_allclose(mine.gradient(X)[1], other.gradient(X)[1], rtol=1e-10)


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("shift", [0.0, 8.0, 60.0], ids=["near", "far", "200 sd away"])
def test_gradients_are_those_of_the_value(m, shift):
    """Also where the improvement itself is 0 in floating point."""
    posteriors = [Made(p.weight, p.shift + shift, p.scale) for p in POSTERIORS[:m]]
    term = LogHypervolumeImprovement(posteriors, front(m), np.full(m, 1.2))
    value, gradient = term.gradient(X)
    assert np.isfinite(value).all()
    assert_allclose(value, term(X), rtol=1e-12)
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-6
        assert_allclose(gradient[:, j], (term(X + step) - term(X - step)) / 2e-6, rtol=1e-4, atol=1e-5)


def test_without_a_front_everything_within_the_reference_counts():
    term = LogHypervolumeImprovement(POSTERIORS[:2], np.empty((0, 2)), np.array([5.0, 5.0]))
    expected = [LogExpectedImprovement(p, 5.0)(X) for p in POSTERIORS[:2]]
    assert_allclose(term(X), expected[0] + expected[1], rtol=1e-12)


def test_the_probability_of_keeping_a_limit():
    term = LogWithinLimit(POSTERIORS[0], 0.2)
    mean, sd = POSTERIORS[0].predict(X)
    value, gradient = term.gradient(X)
    assert_allclose(value, norm.logcdf((0.2 - mean) / sd), rtol=1e-9)
    assert_allclose(term(X), value)
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-6
        assert_allclose(gradient[:, j], (term(X + step) - term(X - step)) / 2e-6, rtol=1e-4, atol=1e-6)
