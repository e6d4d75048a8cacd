"""Rules for integrals over one column."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.numerics import column_rule, gauss_legendre
from trimtab.space import Categorical, Float, Int


def test_gauss_legendre_integrates_polynomials_exactly():
    t, w = gauss_legendre(5)

    assert_allclose([w @ t**k for k in range(10)], 1 / np.arange(1, 11), rtol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 7, 20])
def test_even_levels_weigh_the_same(k):
    nodes, weights = column_rule(10, k, Categorical(range(k)).snap)

    assert_allclose(nodes, (np.arange(k) + 0.5) / k)
    assert_allclose(weights, 1 / k)


def test_log_integers_weigh_as_their_cells():
    parameter = Int(1, 8, log=True)
    nodes, weights = column_rule(10, 8, parameter.snap)
    cells = np.diff(np.log(np.arange(0.5, 9.0))) / np.log(8.5 / 0.5)

    assert_allclose(nodes, parameter.levels())
    assert_allclose(weights, cells, atol=2e-3)


def test_many_levels_are_thinned_and_keep_their_mean():
    parameter = Int(1, 5000, log=True)
    nodes, weights = column_rule(16, 5000, parameter.snap)
    u = (np.arange(200_000) + 0.5) / 200_000

    assert len(nodes) <= 32
    assert_allclose(weights.sum(), 1.0)
    assert_allclose(weights @ nodes**2, np.mean(parameter.snap(u) ** 2), atol=5e-3)


def test_a_box_keeps_to_itself():
    nodes, weights = column_rule(8, 0, Float(0, 1).snap, 0.2, 0.5)

    assert nodes.min() > 0.2
    assert nodes.max() < 0.5
    assert_allclose(weights @ nodes, 0.35)
