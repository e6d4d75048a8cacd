"""Factors for Gaussian processes: right, grown row by row, and never failing on duplicates."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.numerics._cholesky import (
    cholesky,
    cholesky_extend,
    cholesky_inverse,
    solve_lower,
    solve_lower_transposed,
)


def covariance(n, seed):
    a = np.random.default_rng(seed).standard_normal((n, n))
    return a @ a.T + n * np.eye(n)


def test_factor_and_inverse():
    a = covariance(7, 0)
    root = cholesky(a)

    assert_allclose(root, np.linalg.cholesky(a))
    assert_allclose(cholesky_inverse(root), np.linalg.inv(a), atol=1e-12)


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 0)])
def test_triangular_solves(shape):
    root, b = cholesky(covariance(7, 0)), np.random.default_rng(1).standard_normal(shape)

    assert_allclose(root @ solve_lower(root, b), b, atol=1e-12)
    assert_allclose(root.T @ solve_lower_transposed(root, b), b, atol=1e-12)


def test_extending_is_factoring_the_whole():
    a = covariance(9, 2)

    assert_allclose(cholesky_extend(cholesky(a[:6, :6]), a[:6, 6:], a[6:, 6:]), cholesky(a), atol=1e-12)


def test_equal_rows_get_a_small_jitter():
    a = np.ones((5, 5))

    root = cholesky(a)

    assert_allclose(root @ root.T, a, atol=1e-5)


def test_nan_is_refused():
    with pytest.raises(np.linalg.LinAlgError, match="5 rows"):
        cholesky(np.full((5, 5), np.nan))
