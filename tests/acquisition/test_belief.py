"""The term of the user's belief: its gradient, and that it fades."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.acquisition import LogPrior, prior_weight
from trimtab.space import Categorical, Float, Space


def test_the_gradient_is_that_of_finite_differences(seed=0):
    space = Space({"a": Float(0, 1, prior=0.2), "b": Float(0, 1), "c": Categorical(["x", "y"], prior="x")})
    term = LogPrior(space.prior, 0.5)
    u, e = np.random.default_rng(seed).uniform(0.1, 0.4, (5, 3)), 1e-6
    number = np.stack([(term(u + e * step) - term(u - e * step)) / (2 * e) for step in np.eye(3)], axis=1)

    assert_allclose(term.gradient(u)[1], number, atol=1e-6)
    assert_allclose(term.gradient(u)[0], term(u))


def test_it_counts_fully_at_first_and_then_less_and_less():
    assert prior_weight(0) == prior_weight(5) == 1.0
    assert prior_weight(50) == pytest.approx(0.1)
